import { Base64Lines, CleanLines, type Encoder } from './body-encoders.ts';
import { maxConvertibleHeaderBytes } from './convert-8bit.ts';
import { readPartHeader } from './part-header.ts';
import { QuotedPrintable } from './quoted-printable.ts';

/**
 * Makes a message that came as BINARYMIME one that any server takes (RFC 3030 §3): parts that are not encoded yet become
 * quoted-printable where they are text and base64 where they are not, each by itself, so that nothing is encoded twice; multiparts and
 * enclosed messages stay what they are. Never more than a chunk and a header block in memory.
 *
 * @param message from its header block on, which `planBinary` found convertible.
 */
export async function* convertedBinary(message: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  const walk = new PartWalk();
  for await (const chunk of message) yield walk.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  yield walk.end();
}

const nothing = Buffer.alloc(0);
const lineEnd = Buffer.from('\r\n');
const emptyLine = Buffer.from('\r\n\r\n');
const lineStartDashes = Buffer.from('\r\n--');
/** A delimiter line that is longer is none: a boundary has at most 70 characters (RFC 2046 §5.1.1), and blanks may follow. */
const maxDelimiterBytes = 256;
const maxDepth = 32;

/** What stands before the first part and behind the last means nothing (RFC 2046 §5.1.1). */
const dropped: Encoder = { push: () => nothing, end: () => nothing };

/**
 * Goes through the parts of a message as its bytes come. The input always begins with the CR LF that ended what was before, so that a
 * delimiter, whose own that CR LF is, is found the same way everywhere.
 */
class PartWalk {
  #input: Buffer = lineEnd;
  readonly #boundaries: string[] = []; // of the multiparts around, outermost first
  #encoder: Encoder | undefined; // of the body at hand; none while a header block is awaited
  #skip = 0; // bytes of the input that are not the body's: the CR LF before it
  #out: Buffer[] = [];

  push(bytes: Buffer): Buffer {
    this.#input = Buffer.concat([this.#input, bytes]);
    while (this.#encoder === undefined ? this.#header(false) : this.#body(this.#encoder, false));
    return this.#taken();
  }

  end(): Buffer {
    while (this.#encoder === undefined ? this.#header(true) : this.#body(this.#encoder, true));
    return this.#taken();
  }

  #taken(): Buffer {
    const out = Buffer.concat(this.#out);
    this.#out = [];
    return out;
  }

  /** @returns false when more input is needed. */
  #header(last: boolean): boolean {
    const input = this.#input;
    const end = input.indexOf(emptyLine);
    const delimiter = this.#delimiter(last, end < 0 ? input.length : end);
    if (delimiter.kind === 'open' && !last) return false;
    if (end < 0 || delimiter.kind === 'found') {
      if (delimiter.kind !== 'found' && !last && input.length <= maxConvertibleHeaderBytes) return false;
      if (input.length <= 2) return false;
      this.#begin(new QuotedPrintable()); // no header block: text that stands alone
      return true;
    }
    const part = readPartHeader(input.subarray(2, end + 4));
    this.#input = input.subarray(end + 2);
    this.#out.push(part.header);
    if (part.kind === 'message') this.#encoder = undefined;
    else if (part.kind === 'multipart' && this.#boundaries.length < maxDepth) {
      this.#boundaries.push(part.boundary);
      this.#begin(dropped);
    } else if (part.kind === 'text') this.#begin(new QuotedPrintable());
    else this.#begin(part.kind === 'octets' ? new Base64Lines() : new CleanLines());
    return true;
  }

  #begin(encoder: Encoder): void {
    this.#encoder = encoder;
    this.#skip = 2;
  }

  #body(encoder: Encoder, last: boolean): boolean {
    const delimiter = this.#delimiter(last, this.#input.length);
    this.#take(encoder, delimiter.at);
    if (delimiter.kind !== 'found') {
      if (last) {
        this.#out.push(encoder.end());
        this.#encoder = dropped;
      }
      return false;
    }
    const { boundary, depth, closes, bytes } = delimiter;
    this.#out.push(encoder.end(), Buffer.from(`\r\n--${boundary}${closes ? '--' : ''}\r\n`, 'latin1'));
    this.#input = this.#input.length === bytes ? lineEnd : this.#input.subarray(bytes);
    this.#boundaries.length = closes ? depth : depth + 1;
    if (closes) this.#begin(dropped);
    else this.#encoder = undefined;
    return true;
  }

  /** Bytes that are the body's, up to `to`. */
  #take(encoder: Encoder, to: number): void {
    const from = Math.min(this.#skip, to);
    if (to > from) this.#out.push(encoder.push(this.#input.subarray(from, to)));
    this.#skip -= from;
    this.#input = this.#input.subarray(to);
  }

  /**
   * The next delimiter line of any multipart around: `found` at `at`, `bytes` long with the CR LF before it. Or up to where there is
   * certainly none: `open` when one may begin there.
   */
  #delimiter(
    last: boolean,
    before: number,
  ):
    | { kind: 'found'; at: number; boundary: string; depth: number; closes: boolean; bytes: number }
    | { kind: 'none' | 'open'; at: number } {
    const input = this.#input;
    if (this.#boundaries.length === 0) return { kind: 'none', at: input.length };
    for (let at = input.indexOf(lineStartDashes); at >= 0 && at <= before; at = input.indexOf(lineStartDashes, at + 2)) {
      const end = input.indexOf(lineEnd, at + 4);
      if (end < 0 && !last && input.length - at < maxDelimiterBytes) return { kind: 'open', at };
      const to = Math.min(end < 0 ? input.length : end, at + maxDelimiterBytes);
      const line = input.toString('latin1', at + 4, to).replace(/[ \t]+$/, '');
      const depth = this.#boundaries.findLastIndex((one) => line === one || line === `${one}--`);
      const boundary = this.#boundaries[depth];
      if (boundary !== undefined) return { kind: 'found', at, boundary, depth, closes: line !== boundary, bytes: to - at };
    }
    if (last || before < input.length) return { kind: 'none', at: input.length };
    // The beginning of CR LF and two dashes may stand at the very end.
    const tail = input.toString('latin1', Math.max(0, input.length - 3));
    const begun = ['\r\n-', '\r\n', '\r'].find((beginning) => tail.endsWith(beginning))?.length ?? 0;
    return { kind: begun > 0 ? 'open' : 'none', at: input.length - begun };
  }
}
