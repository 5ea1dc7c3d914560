const quote = 0x22;
const backslash = 0x5c;
/** What begins another value: `,`, `:`, `[`, `{`. */
const separators = new Set([0x2c, 0x3a, 0x5b, 0x7b]);

/**
 * Whether a JSON text has at most so many values, told without building any: a few megabytes of `[[],[],...` become a hundred
 * times their size as objects, and each wrong one a complaint of its own. Strings are skipped at the pace of a memory search, so
 * that attachments cost nothing.
 */
export function hasFewValues(json: Buffer, most: number): boolean {
  let values = 1;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at] ?? 0;
    if (byte === quote) {
      at = endOfString(json, at + 1);
      if (at < 0) return true; // it never ends: the parser refuses it as cheaply
    } else if (separators.has(byte) && ++values > most) return false;
  }
  return true;
}

/** Where its closing quote stands, -1 when it has none. */
function endOfString(json: Buffer, from: number): number {
  for (let end = json.indexOf(quote, from); end >= 0; end = json.indexOf(quote, end + 1)) {
    let before = end;
    while (before > from && json[before - 1] === backslash) before -= 1;
    if ((end - before) % 2 === 0) return end;
  }
  return -1;
}
