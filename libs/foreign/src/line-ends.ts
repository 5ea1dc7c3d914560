const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/**
 * Text with LF alone as its line end, before it is decoded: in bytes, since a replacement in a string of many lines takes many times
 * its size. Only for character sets in which these two bytes mean nothing else.
 */
export function withLineFeeds(bytes: Buffer): Buffer {
  const out = Buffer.allocUnsafe(bytes.length);
  let size = 0;
  let from = 0;
  for (let at = bytes.indexOf(carriageReturn); at >= 0; at = bytes.indexOf(carriageReturn, at + 1)) {
    size += bytes.copy(out, size, from, at);
    from = at + 1;
    if (bytes[from] === lineFeed) continue;
    out[size] = lineFeed;
    size += 1;
  }
  size += bytes.copy(out, size, from);
  return out.subarray(0, size);
}

/** Text with CRLF as its line end, from text with LF or CRLF; itself where nothing is to be changed. */
export function withCrlf(bytes: Buffer): Buffer {
  let bare = 0;
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) if (bytes[at - 1] !== carriageReturn) bare += 1;
  if (bare === 0) return bytes;
  const out = Buffer.allocUnsafe(bytes.length + bare);
  let size = 0;
  let from = 0;
  for (let at = bytes.indexOf(lineFeed); at >= 0; at = bytes.indexOf(lineFeed, at + 1)) {
    if (bytes[at - 1] === carriageReturn) continue;
    size += bytes.copy(out, size, from, at);
    size += out.write('\r\n', size, 'latin1');
    from = at + 1;
  }
  bytes.copy(out, size, from);
  return out;
}
