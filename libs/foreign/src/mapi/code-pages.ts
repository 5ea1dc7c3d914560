import { isUtf8 } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import { TextDecoder } from 'node:util';
import iconv from 'iconv-lite';

/** Turns bytes into text piece by piece. */
export interface PieceDecoder {
  write(bytes: Buffer): string;
  end(): string;
}

/** What mail without a word about it was written in. */
export const usualCodePage = 1252;

/** Windows numbers that are no `cp` names of the library. */
const named: ReadonlyMap<number, string> = new Map([
  [1200, 'utf-16le'],
  [1201, 'utf-16be'],
  [10000, 'macroman'],
  [20127, 'us-ascii'],
  [20866, 'koi8-r'],
  [20932, 'euc-jp'],
  [20936, 'gb2312'],
  [21866, 'koi8-u'],
  [28603, 'iso-8859-13'],
  [28605, 'iso-8859-15'],
  [38598, 'iso-8859-8'],
  [50220, 'iso-2022-jp'],
  [50221, 'iso-2022-jp'],
  [50222, 'iso-2022-jp'],
  [51932, 'euc-jp'],
  [51936, 'gb2312'],
  [51949, 'euc-kr'],
  [52936, 'hz-gb-2312'],
  [54936, 'gb18030'],
  [65000, 'utf-7'],
  [65001, 'utf-8'],
]);

/** @returns the name of a Windows code page by its number; `undefined` when nobody here knows it. */
export function codePageName(number: number): string | undefined {
  const iso = number > 28590 && number < 28600 ? `iso-8859-${number - 28590}` : undefined;
  const name = named.get(number) ?? iso ?? `cp${number}`;
  return name === 'iso-2022-jp' || iconv.encodingExists(name) ? name : undefined;
}

/** @param name one that `codePageName` gave. */
export function decoderOf(name: string): PieceDecoder {
  if (name === 'utf-8') return new StringDecoder('utf8');
  if (name !== 'iso-2022-jp') {
    const decoder = iconv.getDecoder(name);
    return { write: (bytes) => decoder.write(bytes), end: () => decoder.end() ?? '' };
  }
  const decoder = new TextDecoder(name); // the library lacks it
  return { write: (bytes) => decoder.decode(bytes, { stream: true }), end: () => decoder.decode() };
}

export function decodeWith(name: string, bytes: Buffer): string {
  const decoder = decoderOf(name);
  return decoder.write(bytes) + decoder.end();
}

/** The code page of bytes: the one that is said, else UTF-8 where they can be that, else the usual one. */
export function codePageFor(said: number | undefined, bytes: Buffer): { name: string; isKnown: boolean } {
  const name = said === undefined ? undefined : codePageName(said);
  if (name !== undefined) return { name, isKnown: true };
  return { name: isUtf8(bytes) ? 'utf-8' : `cp${usualCodePage}`, isKnown: said === undefined };
}
