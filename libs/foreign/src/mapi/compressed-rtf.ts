import { Fault } from './fault.ts';

const signatureCompressed = 0x75465a4c; // `LZFu`
const signatureStored = 0x414c454d; // `MELA`
const windowBytes = 4_096;
const headerBytes = 16;
/** Text with markup of more than this is no letter. */
export const maxRtfBytes = 16 * 1_048_576;

/** What the window holds at first (MS-OXRTFCP §2.1.2.1): words that every such text begins with. */
const dictionary =
  '{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx';

/** How large the text says it is; a larger one is never made of it. 0 for what is no such text. */
export function rtfBytesSaid(bytes: Buffer): number {
  const signature = bytes.length < headerBytes ? 0 : bytes.readUInt32LE(8);
  return signature === signatureCompressed || signature === signatureStored ? bytes.readUInt32LE(4) : 0;
}

/**
 * Undoes the compression of RTF bodies (MS-OXRTFCP). Its output is at most nine times its input, whatever its header says; the check
 * sum is not looked at, since many writers leave it zero.
 *
 * @throws Fault `decode-bomb` for what would become larger than 16 MB, `syntax` for what is no such text or ends in the middle.
 */
export function decompressRtf(bytes: Buffer): Buffer {
  if (bytes.length < headerBytes) throw new Fault('syntax', 'the compressed RTF is shorter than its header');
  const rawSize = bytes.readUInt32LE(4);
  const signature = bytes.readUInt32LE(8);
  const isStored = signature === signatureStored;
  if (!isStored && signature !== signatureCompressed) throw new Fault('syntax', 'the RTF text is in no known compression');
  if (rawSize > maxRtfBytes) throw new Fault('decode-bomb', `the RTF text says it is ${rawSize} bytes large`);
  if (isStored) return bytes.subarray(headerBytes, headerBytes + rawSize);

  const out = Buffer.allocUnsafe(Math.min(rawSize, (bytes.length - headerBytes) * 9));
  const window = Buffer.alloc(windowBytes, ' ');
  let place = window.write(dictionary, 'latin1');
  let size = 0;
  let at = headerBytes;
  const put = (byte: number): void => {
    window[place] = byte;
    place = (place + 1) % windowBytes;
    if (size < out.length) out[size] = byte;
    size += 1;
  };
  while (at < bytes.length) {
    const control = bytes[at] ?? 0;
    at += 1;
    for (let bit = 0; bit < 8 && at < bytes.length; bit += 1) {
      if ((control & (1 << bit)) === 0) {
        put(bytes[at] ?? 0);
        at += 1;
        continue;
      }
      if (at + 1 >= bytes.length) throw new Fault('syntax', 'the compressed RTF ends in the middle');
      const token = bytes.readUInt16BE(at);
      at += 2;
      const from = token >> 4;
      if (from === place) return out.subarray(0, Math.min(size, out.length)); // its end
      for (let step = 0; step < (token & 0x0f) + 2; step += 1) put(window[(from + step) % windowBytes] ?? 0);
    }
    if (size > out.length) break; // more than it says
  }
  if (size < rawSize) throw new Fault('syntax', 'the compressed RTF ends in the middle');
  return out.subarray(0, rawSize);
}
