import iconv from 'iconv-lite';
import type { Spool } from './file-writer.ts';

/** PC programs of the time wrote and read this code page in Europe. */
export const pcCodePage = 'cp850';

/** Letters at a time: encoding a long text as one takes many times its size. */
const pieceLetters = 65_536;

/**
 * Writes text in the code page, lines ended by CRLF.
 *
 * @returns letters the code page does not have; a question mark stands for each.
 */
export async function writeText(text: string, spool: Spool): Promise<number> {
  let missing = 0;
  let at = 0;
  while (at < text.length) {
    let end = Math.min(at + pieceLetters, text.length);
    // Neither half a letter, nor half a line end.
    if (end < text.length && (/[\ud800-\udbff]/.test(text[end - 1] ?? '') || text[end - 1] === '\r')) end -= 1;
    if (end === at) end += 1;
    const piece = text.slice(at, end).replaceAll(/\r\n|\r|\n/g, '\r\n');
    const encoded = encodeText(piece);
    missing += encoded.missing;
    await spool.write(encoded.bytes);
    at = end;
  }
  return missing;
}

/** Text in the code page, and how many of its letters are question marks there. */
export function encodeText(text: string): { bytes: Buffer; missing: number } {
  const bytes = iconv.encode(text, pcCodePage);
  if (iconv.decode(bytes, pcCodePage) === text) return { bytes, missing: 0 };
  let missing = 0;
  for (const letter of text) if (iconv.decode(iconv.encode(letter, pcCodePage), pcCodePage) !== letter) missing += 1;
  return { bytes, missing };
}
