import { isAscii } from 'node:buffer';

/**
 * Takes fields out of a header block while the bytes stream by (S6): `X-Mailrail-*`, `Authentication-Results` that claim to be
 * ours (RFC 8601 §5) and whatever else the gateway names. Everything else passes untouched and uncopied; from the first empty
 * line on nothing is looked at any more.
 *
 * Memory: at most 8 KB of one field whose fate is not known yet.
 */
export class HeaderFilter {
  /** The header block has ended: the bytes that follow may go their way without this filter. */
  ended = false;
  /** The header block holds bytes beyond ASCII. */
  eightBit = false;
  readonly #names: ReadonlySet<string>;
  readonly #hosts: ReadonlySet<string>;
  readonly #initials: Uint8Array; // 1 for the first byte of a name that may have to go
  #held: Buffer | undefined; // the beginning of a line whose field is not known yet
  #inLine = false; // the last chunk ended inside a line that was decided
  #dropping = false; // the field at hand is taken out, folded lines included

  /**
   * @param names field names in lower case that are taken out, beside `x-mailrail-*`.
   * @param hosts authserv-ids in lower case that are ours.
   */
  constructor(names: ReadonlySet<string>, hosts: ReadonlySet<string>) {
    this.#names = names;
    this.#hosts = hosts;
    this.#initials = new Uint8Array(256);
    for (const name of ['authentication-results', 'x-mailrail-', ...names]) {
      this.#initials[name.toLowerCase().charCodeAt(0) & 0xff] = 1;
      this.#initials[name.toUpperCase().charCodeAt(0) & 0xff] = 1;
    }
  }

  /** @param pass is given what stays, in order; parts of `chunk` wherever possible. */
  push(chunk: Buffer, pass: (bytes: Buffer) => void): void {
    this.#scan(this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]), pass, false);
  }

  /** No more bytes: what waited is passed or dropped. */
  end(pass: (bytes: Buffer) => void): void {
    if (this.#held !== undefined) this.#scan(this.#held, pass, true);
    this.ended = true;
  }

  #scan(bytes: Buffer, pass: (bytes: Buffer) => void, last: boolean): void {
    this.#held = undefined;
    let from = 0; // first byte that stays and is not passed yet
    let at = 0; // beginning of the line looked at
    if (this.#inLine) {
      at = this.#lineEnd(bytes, 0);
      if (this.#dropping) from = at;
    }

    while (at < bytes.length) {
      const first = bytes[at] ?? 0;
      if (first === lineFeed || (first === carriageReturn && bytes[at + 1] === lineFeed)) {
        this.ended = true;
        this.eightBit ||= !isAscii(bytes.subarray(0, at));
        at = bytes.length;
        break;
      }
      if (first === carriageReturn && at + 1 === bytes.length && !last) break;
      if (first !== space && first !== tab) {
        const verdict = this.#initials[first] === 1 ? this.#verdict(bytes, at, last) : 'keep';
        if (verdict === 'more') break;
        const drop = verdict === 'drop';
        if (drop && !this.#dropping && at > from) pass(bytes.subarray(from, at));
        this.#dropping = drop;
      }
      at = this.#lineEnd(bytes, at);
      if (this.#dropping) from = at;
    }
    if (!this.ended) this.eightBit ||= !isAscii(bytes.subarray(0, at));
    if (at > from) pass(from === 0 && at === bytes.length ? bytes : bytes.subarray(from, at));
    if (at < bytes.length) this.#held = bytes.subarray(at);
  }

  /** Where the line ends that goes on at `from`: behind its LF, or at the end of the bytes when that has not come yet. */
  #lineEnd(bytes: Buffer, from: number): number {
    const found = bytes.indexOf(lineFeed, from);
    this.#inLine = found < 0;
    return found < 0 ? bytes.length : found + 1;
  }

  #verdict(bytes: Buffer, at: number, last: boolean): 'keep' | 'drop' | 'more' {
    const stop = Math.min(bytes.length, at + maxNameBytes);
    let colon = at;
    while (colon < stop && bytes[colon] !== colonByte && bytes[colon] !== lineFeed) colon++;
    if (colon === bytes.length && !last && colon < at + maxNameBytes) return 'more';
    if (colon === stop || bytes[colon] !== colonByte) return 'keep';
    const name = bytes.toString('latin1', at, colon).trimEnd().toLowerCase();
    if (name.startsWith('x-mailrail-') || this.#names.has(name)) return 'drop';
    if (name !== 'authentication-results') return 'keep';

    const end = fieldEnd(bytes, colon + 1);
    const whole = end >= 0 || last;
    const value = bytes.toString('latin1', colon + 1, Math.min(end < 0 ? bytes.length : end, colon + maxHeldBytes));
    const id = authservId(value, whole);
    if (id !== undefined) return this.#hosts.has(id) ? 'drop' : 'keep';
    if (!whole && bytes.length - at < maxHeldBytes) return 'more';
    return 'drop'; // no id, or none within reach: nothing a reader could rely on, and it might be meant to deceive
  }
}

const space = 0x20;
const tab = 0x09;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const colonByte = 0x3a;
const maxNameBytes = 256;
const maxHeldBytes = 8_192;

/** Where a field ends, folded lines included; -1 when the bytes end before that is known. */
function fieldEnd(bytes: Buffer, from: number): number {
  for (let at = from; ; ) {
    const found = bytes.indexOf(lineFeed, at);
    if (found < 0 || found + 1 === bytes.length) return -1;
    at = found + 1;
    if (bytes[at] !== space && bytes[at] !== tab) return at;
  }
}

/**
 * The authserv-id of an `Authentication-Results` value in lower case: the first word after comments and folding.
 *
 * @param whole the value is complete; else a word that reaches its end may go on and is not taken.
 */
function authservId(value: string, whole: boolean): string | undefined {
  let at = 0;
  for (;;) {
    while (at < value.length && /\s/.test(value[at] ?? '')) at++;
    if (value[at] !== '(') break;
    let depth = 0;
    do {
      if (value[at] === '\\') at++;
      else if (value[at] === '(') depth++;
      else if (value[at] === ')') depth--;
      at++;
    } while (depth > 0 && at < value.length);
  }
  const found = /^(?:"((?:[^"\\]|\\.)*)"|([^\s;()"]+))/.exec(value.slice(at));
  if (found === null || (!whole && at + found[0].length >= value.length)) return undefined;
  const id = found[1]?.replace(/\\(.)/g, '$1') ?? found[2] ?? '';
  return id.toLowerCase().replace(/\.$/, '');
}
