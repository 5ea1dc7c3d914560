import { codePageName, decodeWith, usualCodePage } from './code-pages.ts';

const shortBytes = 16;

/** Decodes short pieces of text in changing code pages: of those with one byte a letter it keeps a table. */
export class LetterTables {
  readonly #byNumber = new Map<number, { name: string; letters: readonly string[] | undefined }>();

  decode(codePage: number, bytes: Buffer): string {
    let page = this.#byNumber.get(codePage);
    if (page === undefined) {
      const name = codePageName(codePage) ?? `cp${usualCodePage}`;
      page = { name, letters: lettersOf(name) };
      this.#byNumber.set(codePage, page);
    }
    const { name, letters } = page;
    if (letters === undefined || bytes.length > shortBytes) return decodeWith(name, bytes);
    let text = '';
    for (const byte of bytes) text += letters[byte] ?? '';
    return text;
  }
}

/** @returns `undefined` for a code page in which letters may have several bytes. */
function lettersOf(name: string): readonly string[] | undefined {
  const letters = Array.from({ length: 256 }, (_, byte) => decodeWith(name, Buffer.from([byte])));
  // A byte that begins a letter is none alone; what a page leaves free is the same sign.
  const free = letters.filter((letter) => letter.length !== 1 || letter === '\ufffd').length;
  return free > 40 || letters.some((letter) => letter.length !== 1) ? undefined : letters;
}
