import { type BodyLimits, ContentCheck } from './content-check.ts';
import type { ContentFacts, ContentFault } from './server-types.ts';

/**
 * Takes the content of one mail from the stream of input: `DotBody` for DATA, `ChunkBody` for BDAT.
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

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const dot = 0x2e;
const lineStartDot = Buffer.from('\r\n.');

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
  readonly #check: ContentCheck;
  #place: Place = 'line-start';

  /** @param pass is given the content, in order, as parts of the chunks; after a fault no more. */
  constructor(limits: BodyLimits, pass: (bytes: Buffer) => void) {
    this.#check = new ContentCheck(limits, pass);
  }

  get facts(): ContentFacts {
    return this.#check.facts;
  }
  get fault(): ContentFault | undefined {
    return this.#check.fault;
  }

  push(chunk: Buffer, from: number): number {
    const runs: Buffer[] = [];
    const end = this.#unstuff(chunk, from, runs);
    const check = this.#check;
    if (check.fault === undefined) {
      check.inspect(chunk, from, end < 0 ? chunk.length : end);
      // A content made of dots must not become thousands of pieces.
      for (const run of runs.length > 8 ? [Buffer.concat(runs)] : runs) check.run(run);
    }
    if (end >= 0) check.end();
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
}
