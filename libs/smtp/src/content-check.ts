import { isAscii } from 'node:buffer';
import type { ContentFacts, ContentFault } from './server-types.ts';

export interface BodyLimits {
  maxMessageBytes: number;
  maxHeaderBytes: number;
  /** BINARYMIME: the header block is lines as ever, behind it any octet may stand. Default false. */
  binary?: boolean;
}

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const emptyLine = Buffer.from('\r\n\r\n');
// Native code all the way: a string of one byte a character and this expression cost a quarter of a loop over the bytes.
const forbidden = /\r(?!\n)|(?<!\r)\n|\0/;

/**
 * What every content must be, whichever way it comes: lines that end with CR LF and nothing else, no NUL, sizes within their
 * limits. `inspect` looks at the bytes as they came, `run` counts and passes the content in them. In a binary content only the
 * header block is held to that.
 */
export class ContentCheck {
  readonly facts: ContentFacts = { sizeBytes: 0, headerBytes: 0, eightBit: false };
  /** The first thing found wrong. From then on nothing is passed any more. */
  fault: ContentFault | undefined;
  readonly #limits: BodyLimits;
  readonly #pass: (bytes: Buffer) => void;
  #afterCr = false; // the raw byte before was a CR
  #emptyLineBytes = 2; // how much of CR LF CR LF the content ends with; a message may begin with its empty line
  #headerEnded = false;

  /** @param pass is given the content, in order, as parts of the chunks; after a fault no more. */
  constructor(limits: BodyLimits, pass: (bytes: Buffer) => void) {
    this.#limits = limits;
    this.#pass = pass;
  }

  /** Looks at the bytes as they came: line ends, NUL, 8-bit. */
  inspect(chunk: Buffer, from: number, to: number): void {
    let first = from;
    let last = to;
    if (this.#limits.binary === true) {
      if (!this.facts.eightBit) this.facts.eightBit = !isAscii(chunk.subarray(from, to));
      if (this.#headerEnded) return;
      const end = this.#peekHeaderEnd(chunk.subarray(from, to));
      if (end >= 0) last = from + end;
    }
    if (first >= last) return;
    if (this.#afterCr) {
      if (chunk[first] !== lineFeed) return this.#fail('bare-line-end');
      first++;
    }
    this.#afterCr = last > first && chunk[last - 1] === carriageReturn;
    if (this.#afterCr) last--;
    if (first >= last) return;
    const text = chunk.toString('latin1', first, last);
    const wrong = forbidden.exec(text);
    if (wrong !== null) return this.#fail(wrong[0] === '\0' ? 'nul' : 'bare-line-end');
    this.facts.eightBit ||= !isAscii(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
  }

  /** Counts a piece of the content and passes it on. */
  run(bytes: Buffer): void {
    if (this.fault !== undefined) return;
    const { facts } = this;
    if (!this.#headerEnded) {
      const end = this.#headerEnd(bytes);
      if (end >= 0) {
        this.#headerEnded = true;
        facts.headerBytes = facts.sizeBytes + end;
      }
      const seen = end >= 0 ? facts.headerBytes : facts.sizeBytes + bytes.length;
      if (seen > this.#limits.maxHeaderBytes) return this.#fail('header-too-large');
    }
    facts.sizeBytes += bytes.length;
    if (facts.sizeBytes > this.#limits.maxMessageBytes) return this.#fail('too-large');
    this.#pass(bytes);
  }

  /** The content has ended: a CR that waits for its LF waits in vain, and a header block without an empty line is all there is. */
  end(): void {
    if (this.#afterCr) this.#fail('bare-line-end');
    if (!this.#headerEnded) this.facts.headerBytes = this.facts.sizeBytes;
  }

  /** More was announced than may come. */
  tooLarge(): void {
    this.#fail('too-large');
  }

  /** The same as `#headerEnd`, for bytes that are not run yet. */
  #peekHeaderEnd(bytes: Buffer): number {
    const matched = this.#emptyLineBytes;
    const end = this.#headerEnd(bytes);
    this.#emptyLineBytes = matched;
    return end;
  }

  /** Where the header block ends in this run (behind the empty line), or -1. */
  #headerEnd(bytes: Buffer): number {
    const { length } = bytes;
    for (let at = 0; at < Math.min(length, 3); at++) {
      this.#matchEmptyLine(bytes[at]);
      if (this.#emptyLineBytes === 4) return at + 1;
    }
    if (length <= 3) return -1;
    const found = bytes.indexOf(emptyLine);
    if (found >= 0) return found + 4;
    this.#emptyLineBytes = 0;
    for (let at = length - 3; at < length; at++) this.#matchEmptyLine(bytes[at]);
    return -1;
  }

  #matchEmptyLine(byte: number | undefined): void {
    const wanted = this.#emptyLineBytes % 2 === 0 ? carriageReturn : lineFeed;
    this.#emptyLineBytes = byte === wanted ? this.#emptyLineBytes + 1 : byte === carriageReturn ? 1 : 0;
  }

  #fail(fault: ContentFault): void {
    this.fault ??= fault;
  }
}
