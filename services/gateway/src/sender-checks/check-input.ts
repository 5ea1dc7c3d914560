import type { Writable } from 'node:stream';
import { maxSignatures } from './findings.ts';

/** No line of a message may be so long (RFC 5322 §2.1.1 has 998); the library looks at a line anew with each piece of it. */
const maxLineBytes = 262_144;
const blank = Buffer.from('\r\n\r\n');
const lineFeed = 0x0a;

/**
 * What the library may see of a message: its header block with at most so many signatures as are looked at, then, when one is there,
 * the body up to a line that is longer than any may be. Whoever signs more, or sends such a line, must not get more work out of us;
 * a signature over what was left out does not verify.
 */
export class CheckInput {
  readonly #to: Writable;
  #header: Buffer[] | undefined = [];
  #last3 = Buffer.alloc(0);
  #lineBytes = 0;
  #cut = false;

  constructor(to: Writable) {
    this.#to = to;
  }

  /** @returns false when the library wants a pause. */
  write(chunk: Buffer): boolean {
    if (this.#header === undefined) return this.#body(chunk);
    this.#header.push(chunk);
    const seen = Buffer.concat([this.#last3, chunk]);
    const isEmpty = this.#header.length === 1 && chunk.subarray(0, 2).equals(blank.subarray(0, 2));
    if (!isEmpty && !seen.includes(blank)) {
      this.#last3 = seen.subarray(-3);
      return true;
    }
    return this.#endHeader();
  }

  end(): void {
    if (this.#header !== undefined) this.#endHeader();
    this.#to.end();
  }

  #endHeader(): boolean {
    const whole = Buffer.concat(this.#header ?? []);
    this.#header = undefined;
    const at = whole.subarray(0, 2).equals(blank.subarray(0, 2)) ? 0 : whole.indexOf(blank);
    const end = at < 0 ? whole.length : at + (at === 0 ? 0 : 2);
    const header = whole.toString('latin1', 0, end);
    if (!hasBodyHash(header)) {
      this.#cut = true;
      return this.#to.write(whole.subarray(0, end + 2));
    }
    this.#to.write(fewSignatures(header), 'latin1');
    return this.#body(whole.subarray(end));
  }

  #body(chunk: Buffer): boolean {
    if (this.#cut) return true;
    const first = chunk.indexOf(lineFeed);
    const run = this.#lineBytes + (first < 0 ? chunk.length : first);
    this.#lineBytes = first < 0 ? run : chunk.length - 1 - chunk.lastIndexOf(lineFeed);
    if (run > maxLineBytes) {
      this.#cut = true;
      return true;
    }
    return chunk.length === 0 || this.#to.write(chunk);
  }
}

/** Whether anything in the header speaks of the body; else the library would look at each byte of it for nothing. */
function hasBodyHash(header: string): boolean {
  return /^(?:dkim-signature|arc-message-signature)[ \t\r\n]*:/im.test(header);
}

/** The header block without the signatures behind the first ones. */
function fewSignatures(header: string): string {
  const fields = header.split(/(?<=\r\n)(?![ \t])/);
  let count = 0;
  const kept = fields.filter((field) => !/^dkim-signature[ \t]*:/i.test(field) || ++count <= maxSignatures);
  return count <= maxSignatures ? header : kept.join('');
}
