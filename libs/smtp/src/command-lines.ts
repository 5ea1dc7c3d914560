import { isAscii } from 'node:buffer';

/** Longest command line, its CR LF included: 512 of RFC 5321 §4.5.3.1.4 and what the extensions add. */
export const maxLineBytes = 2_048;

/** `control`: it ends well and holds a control character other than CR; `text` is to choose the answer by, and for nothing else. */
export type Line = { kind: 'line'; text: string } | { kind: 'control'; text: string } | { kind: 'too-long' } | { kind: 'bad-end' };

/**
 * Input that waits, and command lines cut from it. Memory: what the host has given and not been asked to hold back, and one
 * line of at most 2,048 bytes; a longer line is thrown away as it comes.
 *
 * Only CR LF ends a good line. A line that a lone LF ends, or that holds another control character, is cut there and refused as
 * a whole (RFC 5321 §2.3.8): nothing behind it is ever read as a part of it, nor it as two.
 */
export class CommandLines {
  #chunks: Buffer[] = [];
  #head = 0; // first chunk not used up
  #at = 0; // first byte of it not used up
  #waiting = 0;
  #part: Buffer[] = []; // beginning of a line whose end has not come
  #partBytes = 0;
  #overlong = false;

  /** Bytes that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  add(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#waiting += chunk.length;
  }

  /** The bytes at hand, for a receiver that takes them as they are. Say with `used` how far it got. */
  current(): { chunk: Buffer; from: number } | undefined {
    const chunk = this.#chunks[this.#head];
    return chunk === undefined ? undefined : { chunk, from: this.#at };
  }

  used(to: number): void {
    this.#waiting -= to - this.#at;
    const chunk = this.#chunks[this.#head];
    if (chunk !== undefined && to < chunk.length) {
      this.#at = to;
      return;
    }
    this.#at = 0;
    this.#head++;
    if (this.#head < this.#chunks.length && this.#head < 64) return;
    this.#chunks.splice(0, this.#head);
    this.#head = 0;
  }

  /** Forgets everything. @returns bytes that were waiting, the beginning of a line included. */
  discard(): number {
    const bytes = this.#waiting + this.#partBytes;
    this.#chunks = [];
    this.#head = this.#at = this.#waiting = 0;
    this.#forgetPart();
    return bytes;
  }

  /** @returns the next line, or undefined when its end has not come. */
  next(): Line | undefined {
    for (;;) {
      const now = this.current();
      if (now === undefined) return undefined;
      const { chunk, from } = now;
      const found = chunk.indexOf(0x0a, from);
      const end = found < 0 ? chunk.length : found + 1;
      if (this.#partBytes + end - from > maxLineBytes) {
        this.#forgetPart();
        this.#overlong = true;
      } else if (!this.#overlong && (found < 0 || this.#partBytes > 0)) {
        this.#part.push(chunk.subarray(from, end));
        // A line that comes byte by byte must not cost a hundred times its length.
        if (this.#part.length > 32) this.#part = [Buffer.concat(this.#part)];
        this.#partBytes += end - from;
      }
      this.used(end);
      if (found >= 0) return this.#line(chunk, from, end);
    }
  }

  #line(chunk: Buffer, from: number, end: number): Line {
    if (this.#overlong) {
      this.#overlong = false;
      return { kind: 'too-long' };
    }
    let bytes = from === 0 && end === chunk.length ? chunk : chunk.subarray(from, end);
    if (this.#partBytes > 0) {
      bytes = Buffer.concat(this.#part);
      this.#forgetPart();
    }
    const length = bytes.length - 2;
    if (length < 0 || bytes[length] !== 0x0d) return { kind: 'bad-end' };
    const text = bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8', 0, length);
    if (!control.test(text)) return { kind: 'line', text };
    return text.includes('\r') ? { kind: 'bad-end' } : { kind: 'control', text };
  }

  #forgetPart(): void {
    this.#part = [];
    this.#partBytes = 0;
  }
}

const control = /[\p{Cc}]/u;
