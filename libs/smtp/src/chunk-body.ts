import { type BodyLimits, ContentCheck } from './content-check.ts';
import type { BodyReceiver } from './dot-body.ts';
import type { ContentFacts, ContentFault } from './server-types.ts';

/**
 * The content after BDAT, RFC 3030 §2: octets that are counted. A dot at the beginning of a line is a dot, and a chunk may end
 * anywhere, between CR and LF too. What is taken is what DATA takes: a CR or LF that is not part of CR LF, or a NUL, is a fault of
 * the whole message, and a CR at the very end is a bare one; after BODY=BINARYMIME that holds for the header block alone.
 *
 * Whatever is found wrong, every octet announced is taken from the input, so that none of it is ever read as a command.
 */
export class ChunkBody implements BodyReceiver {
  readonly #check: ContentCheck;
  readonly #pass: (bytes: Buffer) => void;
  readonly #maxMessageBytes: number;
  readonly #binary: boolean;
  #left = 0;
  #last = 0x0a;

  /** @param pass is given the content, in order, as parts of the chunks; after a fault no more. */
  constructor(limits: BodyLimits, pass: (bytes: Buffer) => void) {
    this.#check = new ContentCheck(limits, pass);
    this.#pass = pass;
    this.#maxMessageBytes = limits.maxMessageBytes;
    this.#binary = limits.binary ?? false;
  }

  get facts(): ContentFacts {
    return this.#check.facts;
  }
  get fault(): ContentFault | undefined {
    return this.#check.fault;
  }

  /** The next chunk has this many octets; more than may come is a fault before the first of them has. */
  begin(sizeBytes: number): void {
    this.#left = sizeBytes;
    if (this.facts.sizeBytes + sizeBytes > this.#maxMessageBytes) this.#check.tooLarge();
  }

  push(chunk: Buffer, from: number): number {
    const to = Math.min(chunk.length, from + this.#left);
    this.#left -= to - from;
    const check = this.#check;
    if (check.fault === undefined && to > from) {
      check.inspect(chunk, from, to);
      check.run(from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to));
      this.#last = chunk[to - 1] ?? 0;
    }
    return this.#left === 0 ? to : -1;
  }

  /** The last chunk has been taken. A last line without its end gets one: what is stored is lines, as after DATA, unless it is binary. */
  end(): void {
    const check = this.#check;
    check.end();
    if (check.fault !== undefined || this.#last === 0x0a || this.#binary) return;
    check.facts.headerBytes += check.facts.headerBytes === check.facts.sizeBytes ? 2 : 0;
    check.facts.sizeBytes += 2;
    this.#pass(lineEnd);
  }
}

const lineEnd = Buffer.from('\r\n');

/** Octets of a chunk that is refused already: taken from the input, looked at by nobody (RFC 3030 §2). */
export class SwallowedChunk implements BodyReceiver {
  readonly facts: ContentFacts = { sizeBytes: 0, headerBytes: 0, eightBit: false };
  readonly fault = undefined;
  #left: number;

  constructor(sizeBytes: number) {
    this.#left = sizeBytes;
  }

  push(chunk: Buffer, from: number): number {
    const to = Math.min(chunk.length, from + this.#left);
    this.#left -= to - from;
    return this.#left === 0 ? to : -1;
  }
}

/**
 * The arguments of BDAT: `size [LAST]`.
 *
 * @returns undefined when they tell no size: then nobody knows where the octets end and the next command begins.
 */
export function parseChunk(rest: string): { sizeBytes: number; last: boolean } | undefined {
  const found = /^(\d{1,20})(?: +(LAST))?$/i.exec(rest);
  if (found === null) return undefined;
  const sizeBytes = Number(found[1]);
  return Number.isSafeInteger(sizeBytes) ? { sizeBytes, last: found[2] !== undefined } : undefined;
}
