import { isUtf8 } from 'node:buffer';
import iconv from 'iconv-lite';
import type { TextBytes } from './compose.ts';

/** Text of a program that did not say its character set: UTF-8 where it can be, else the code page that is usual for its kind. */
export function textOf(bytes: Buffer, codePage: string): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : iconv.decode(bytes, codePage);
}

/** Text in a code page that is known. */
export function decoded(bytes: Buffer, codePage: string): string {
  return iconv.decode(bytes, codePage);
}

/** A text and how all of it is read, as `textOf` would. */
export function readAs(bytes: Buffer, codePage: string): TextBytes {
  return { bytes, decode: isUtf8(bytes) ? (lines) => lines.toString('utf8') : (lines) => iconv.decode(lines, codePage) };
}
