import { isAscii } from 'node:buffer';
import type { ContentFacts, ContentFault } from './server-types.ts';

/**
 * Takes the content of one mail from the stream of input. DATA has this one; a receiver that counts bytes (BDAT) fits the same
 * place.
 */
export interface BodyReceiver {
  /**
   * @param from first byte of `chunk` that has not been looked at.
   * @returns where the input goes on behind the content, or -1 when the content has not ended in this chunk.
   */
  push(chunk: Buffer, from: number): number;
  readonly facts: ContentFacts;
  /** The first thing found wrong. From then on nothing is passed any more. */
  readonly fault: ContentFault | undefined;
}

export interface BodyLimits {
  maxMessageBytes: number;
  maxHeaderBytes: number;
}

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const dot = 0x2e;
const lineStartDot = Buffer.from('\r\n.');
const emptyLine = Buffer.from('\r\n\r\n');
// Native code all the way: a string of one byte a character and this expression cost a quarter of a loop over the bytes.
const forbidden = /\r(?!\n)|(?<!\r)\n|\0/;

/** Where the bytes before stand, as far as a dot is concerned. The bytes of the last two are withheld until it is clear what they are. */
type Place = 'in-line' | 'after-cr' | 'line-start' | 'after-dot' | 'after-dot-cr';

/**
 * The content after DATA, RFC 5321 §4.5.2: ends with CR LF `.` CR LF and nothing else, dots at the beginning of a line undone.
 *
 * One rule keeps it safe from smuggling: only CR LF ends a line, and a content with any other CR, LF or a NUL is a fault as a
 * whole. So `LF . LF`, `LF . CR LF`, `CR . CR LF` and the like never end a content here, and never get as far as a server
 * that would take them for an end.
 */
export class DotBody implements BodyReceiver {
  readonly facts: ContentFacts = { sizeBytes: 0, headerBytes: 0, eightBit: false };
  fault: ContentFault | undefined;
  readonly #limits: BodyLimits;
  readonly #pass: (bytes: Buffer) => void;
  #place: Place = 'line-start';
  #afterCr = false; // the raw byte before was a CR
  #emptyLineBytes = 2; // how much of CR LF CR LF the content ends with; a message may begin with its empty line
  #headerEnded = false;

  /** @param pass is given the content, in order, as parts of the chunks; after a fault no more. */
  constructor(limits: BodyLimits, pass: (bytes: Buffer) => void) {
    this.#limits = limits;
    this.#pass = pass;
  }

  push(chunk: Buffer, from: number): number {
    const runs: Buffer[] = [];
    const end = this.#unstuff(chunk, from, runs);
    if (this.fault === undefined) {
      this.#inspect(chunk, from, end < 0 ? chunk.length : end);
      // A content made of dots must not become thousands of pieces.
      for (const run of runs.length > 8 ? [Buffer.concat(runs)] : runs) this.#run(run);
    }
    if (end >= 0 && !this.#headerEnded) this.facts.headerBytes = this.facts.sizeBytes;
    return end;
  }

  /** Finds the dots that begin a line: cuts the chunk at them, and ends the content where one stands alone. */
  #unstuff(chunk: Buffer, from: number, runs: Buffer[]): number {
    const { length } = chunk;
    let at = from;
    if (at >= length) return -1;
    if (this.#place === 'after-dot') {
      this.#place = 'in-line';
      if (chunk[at] === carriageReturn) {
        this.#place = 'after-dot-cr';
        at++;
        if (at >= length) return -1;
      }
    }
    if (this.#place === 'after-dot-cr') {
      if (chunk[at] === lineFeed) return at + 1;
      this.#place = 'in-line'; // a bare CR, which `inspect` sees, too
    }

    let start = at;
    for (;;) {
      const found = this.#nextDot(chunk, at);
      if (found < 0) break;
      if (found > start) runs.push(chunk.subarray(start, found));
      start = at = found + 1;
      this.#place = 'in-line';
      if (at >= length) {
        this.#place = 'after-dot';
        return -1;
      }
      if (chunk[at] !== carriageReturn) continue;
      if (at + 1 >= length) {
        this.#place = 'after-dot-cr';
        return -1;
      }
      if (chunk[at + 1] === lineFeed) return at + 2;
    }
    if (start < length) runs.push(start === 0 ? chunk : chunk.subarray(start));
    this.#place = this.#placeAtEnd(chunk, start);
    return -1;
  }

  #nextDot(chunk: Buffer, at: number): number {
    if (this.#place === 'line-start' && chunk[at] === dot) return at;
    if (this.#place === 'after-cr' && chunk[at] === lineFeed && chunk[at + 1] === dot) return at + 1;
    const found = chunk.indexOf(lineStartDot, at);
    return found < 0 ? -1 : found + 2;
  }

  #placeAtEnd(chunk: Buffer, start: number): Place {
    const { length } = chunk;
    if (start >= length) return this.#place;
    const last = chunk[length - 1];
    if (last === carriageReturn) return 'after-cr';
    if (last !== lineFeed) return 'in-line';
    const before = length - 2 >= start ? chunk[length - 2] === carriageReturn : this.#place === 'after-cr';
    return before ? 'line-start' : 'in-line';
  }

  /** Looks at the bytes as they came: line ends, NUL, 8-bit. */
  #inspect(chunk: Buffer, from: number, to: number): void {
    let first = from;
    let last = to;
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

  #run(bytes: Buffer): void {
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
    this.fault = fault;
  }
}
