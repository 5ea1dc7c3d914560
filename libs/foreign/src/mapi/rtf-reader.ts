import { isAscii } from 'node:buffer';
import { usualCodePage } from './code-pages.ts';
import { LetterTables } from './letter-tables.ts';
import { characters, charsets, skipped } from './rtf-words.ts';
import { Utf8Output } from './utf8-output.ts';

/** What an RTF text is: HTML or plain text put into RTF (MS-OXRTFEX), or written in RTF. */
export interface RtfText {
  kind: 'html' | 'text' | 'rtf';
  /** UTF-8 with LF: the HTML, or the plain text. */
  content: Buffer;
}

interface Group {
  isSkipped: boolean; // a destination whose text is no body
  isTag: boolean; // HTML verbatim
  isHidden: boolean; // behind \htmlrtf: there for RTF readers alone
  font: number;
  skip: number; // characters that stand in for one Unicode character
}

const maxGroups = 1_000;
const maxFonts = 2_000;

const entities: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
]);

/**
 * Reads an RTF text in one pass: what it takes is bounded by the size of the text.
 *
 * @returns `undefined` for what is no RTF, or has more than 1,000 groups in groups.
 */
export function readRtf(rtf: Buffer): RtfText | undefined {
  if (rtf.toString('latin1', 0, 5) !== '{\\rtf') return undefined;
  const reader = new Reader(rtf);
  return reader.read() ? { kind: reader.kind, content: reader.content() } : undefined;
}

class Reader {
  kind: RtfText['kind'] = 'rtf';
  readonly #rtf: Buffer;
  #at = 0;
  #group: Group = { isSkipped: false, isTag: false, isHidden: false, font: -1, skip: 1 };
  readonly #groups: Group[] = [];
  readonly #fonts = new Map<number, number>(); // code pages
  #codePage = usualCodePage;
  #defaultFont = -1;
  #isFontTable = false;
  #fontInTable = -1;
  #pendingSkip = 0;
  readonly #run = Buffer.allocUnsafe(4_096); // bytes in one code page, not yet text
  #runSize = 0;
  readonly #out = new Utf8Output();
  readonly #letters = new LetterTables();

  constructor(rtf: Buffer) {
    this.#rtf = rtf;
  }

  read(): boolean {
    const rtf = this.#rtf;
    while (this.#at < rtf.length) {
      const byte = rtf[this.#at] ?? 0;
      this.#at += 1;
      if (byte === 0x5c) {
        this.#control();
      } else if (byte === 0x7b) {
        if (this.#groups.length >= maxGroups) return false;
        this.#pendingSkip = 0;
        this.#groups.push(this.#group);
        this.#group = { ...this.#group };
      } else if (byte === 0x7d) {
        this.#flush();
        this.#pendingSkip = 0;
        this.#group = this.#groups.pop() ?? this.#group;
        if (this.#isFontTable && this.#groups.length < 2) this.#isFontTable = false;
        if (this.#groups.length === 0) break; // what is behind it is no part of it
      } else if (byte !== 0x0d && byte !== 0x0a && byte !== 0) {
        this.#byte(byte);
      }
    }
    this.#flush();
    return true;
  }

  content(): Buffer {
    return this.#out.bytes();
  }

  #control(): void {
    const rtf = this.#rtf;
    const first = rtf[this.#at] ?? 0;
    if (!isLetter(first)) {
      this.#at += 1;
      this.#symbol(first);
      return;
    }
    let end = this.#at;
    while (end - this.#at < 32 && isLetter(rtf[end] ?? 0)) end += 1;
    const word = rtf.toString('latin1', this.#at, end);
    let digits = end;
    if (rtf[digits] === 0x2d) digits += 1;
    while (digits - end < 11 && isDigit(rtf[digits] ?? 0)) digits += 1;
    const number = digits === end ? undefined : Number(rtf.toString('latin1', end, digits));
    this.#at = rtf[digits] === 0x20 ? digits + 1 : digits;
    this.#word(word, number === undefined || Number.isNaN(number) ? undefined : number);
  }

  #symbol(byte: number): void {
    const rtf = this.#rtf;
    switch (byte) {
      case 0x27: {
        const value = Number.parseInt(rtf.toString('latin1', this.#at, this.#at + 2), 16);
        this.#at += 2;
        if (!Number.isNaN(value)) this.#byte(value);
        break;
      }
      case 0x2a:
        this.#star();
        break;
      case 0x7e:
        this.#put('\u00a0');
        break;
      case 0x5f:
        this.#put('\u2011');
        break;
      case 0x2d:
        break; // where a word may be parted
      case 0x0d:
      case 0x0a:
        this.#put('\n');
        break;
      default:
        this.#byte(byte); // { } and the backslash itself
    }
  }

  /** A destination that who does not know it leaves out. */
  #star(): void {
    const [, word = ''] = /^\s*\\([a-z]{1,32})/.exec(this.#rtf.toString('latin1', this.#at, this.#at + 40)) ?? [];
    if (word === 'htmltag' && this.kind === 'html') {
      this.#flush();
      this.#group.isTag = true;
      return;
    }
    this.#group.isSkipped = true;
  }

  #word(word: string, number: number | undefined): void {
    const group = this.#group;
    if (this.#isFontTable) {
      if (word === 'f' && number !== undefined) this.#fontInTable = number;
      const page = word === 'fcharset' ? charsets.get(number ?? 0) : word === 'cpg' ? number : undefined;
      if (page !== undefined && this.#fonts.size < maxFonts) this.#fonts.set(this.#fontInTable, page);
      return;
    }
    const character = characters.get(word);
    if (character !== undefined) {
      this.#put(character);
      return;
    }
    switch (word) {
      case 'ansicpg':
        if (number !== undefined && number > 0) this.#codePage = number;
        break;
      case 'deff':
        this.#defaultFont = number ?? -1;
        break;
      case 'fromhtml':
        if (this.#out.isEmpty && this.kind === 'rtf') this.kind = 'html';
        break;
      case 'fromtext':
        if (this.#out.isEmpty && this.kind === 'rtf') this.kind = 'text';
        break;
      case 'fonttbl':
        group.isSkipped = true;
        this.#isFontTable = true;
        break;
      case 'htmlrtf':
        this.#flush();
        group.isHidden = number !== 0;
        break;
      case 'f':
        if (number !== undefined && number !== group.font) {
          this.#flush();
          group.font = number;
        }
        break;
      case 'plain':
        this.#flush();
        group.font = this.#defaultFont;
        break;
      case 'uc':
        group.skip = Math.max(0, Math.min(number ?? 1, 64));
        break;
      case 'u':
        if (number !== undefined) {
          this.#put(String.fromCharCode(number & 0xffff));
          this.#pendingSkip = group.skip;
        }
        break;
      case 'bin':
        this.#at += Math.max(0, number ?? 0);
        break;
      default:
        if (skipped.has(word)) group.isSkipped = true;
    }
  }

  #byte(byte: number): void {
    if (this.#pendingSkip > 0) {
      this.#pendingSkip -= 1;
      return;
    }
    const { isSkipped, isHidden } = this.#group;
    if (isSkipped || isHidden) return;
    if (this.#runSize === this.#run.length) this.#flush();
    this.#run[this.#runSize] = byte;
    this.#runSize += 1;
  }

  #put(text: string): void {
    this.#pendingSkip = 0;
    const { isSkipped, isHidden } = this.#group;
    if (isSkipped || isHidden) return;
    this.#flush();
    this.#emit(text);
  }

  /** Bytes so far become text in the code page of their font. */
  #flush(): void {
    if (this.#runSize === 0) return;
    const bytes = this.#run.subarray(0, this.#runSize);
    this.#runSize = 0;
    if (isAscii(bytes)) {
      // The code pages of fonts have ASCII where ASCII is.
      if (this.#isText && bytes.some(isMarkup)) this.#emit(bytes.toString('latin1'));
      else this.#out.ascii(bytes);
      return;
    }
    this.#emit(this.#letters.decode(this.#fonts.get(this.#group.font) ?? this.#codePage, bytes));
  }

  /** Outside of tags it is text, where a letter of markup means itself. */
  get #isText(): boolean {
    return this.kind === 'html' && !this.#group.isTag;
  }

  #emit(text: string): void {
    this.#out.text(this.#isText ? text.replaceAll(/[&<>]/g, (one) => entities.get(one) ?? one) : text);
  }
}

function isMarkup(byte: number): boolean {
  return byte === 0x26 || byte === 0x3c || byte === 0x3e;
}

function isLetter(byte: number): boolean {
  return (byte >= 0x61 && byte <= 0x7a) || (byte >= 0x41 && byte <= 0x5a);
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
