/** A line of a file, by offsets: no copy is made. */
export interface Line {
  start: number;
  end: number; // before its line end
  next: number; // first byte of the next line
  number: number; // from 1
}

const lineFeed = 0x0a;
const carriageReturn = 0x0d;

/** The line at an offset; line ends are CRLF or LF. @returns `undefined` at the end of the bytes. */
export function lineAt(bytes: Buffer, start: number, number: number): Line | undefined {
  if (start >= bytes.length) return undefined;
  const found = bytes.indexOf(lineFeed, start);
  if (found < 0) return { start, end: bytes.length, next: bytes.length, number };
  const end = found > start && bytes[found - 1] === carriageReturn ? found - 1 : found;
  return { start, end, next: found + 1, number };
}

/** The first byte of text that no message may hold: NUL, or a CR that ends no line (the raw material of smuggling). -1 when there is none. */
export function unfitByte(bytes: Buffer, start: number, end: number): number {
  const part = bytes.subarray(start, end);
  const zero = part.indexOf(0);
  if (zero >= 0) return start + zero;
  for (let at = part.indexOf(carriageReturn); at >= 0; at = part.indexOf(carriageReturn, at + 1)) {
    if (bytes[start + at + 1] !== lineFeed) return start + at;
  }
  return -1;
}

/** The last line that is not blank, for formats that say by it that they are finished; at most 200 bytes of it. */
export function lastWord(tail: Buffer): string {
  const text = tail.toString('latin1').trimEnd();
  return text.slice(Math.max(text.lastIndexOf('\n') + 1, text.length - 200)).trim();
}
