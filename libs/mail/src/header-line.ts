/** What the first bytes of a line in a header block say it is. */
export type HeaderLine =
  | { kind: 'field'; nameEnd: number; colon: number }
  | { kind: 'continuation' }
  | { kind: 'blank'; end: number }
  /** Neither field nor continuation: the header block ends without a blank line, as Postfix and Sendmail have it. */
  | { kind: 'junk' }
  /** The bytes end before it can be told. */
  | { kind: 'unknown' };

/** Longest field name looked for: the longest line there may be, RFC 5322 §2.1.1. What has no colon by then is no field. */
export const maxNameBytes = 998;

const continuation: HeaderLine = { kind: 'continuation' };
const junk: HeaderLine = { kind: 'junk' };
const unknown: HeaderLine = { kind: 'unknown' };

/**
 * Tells what the line that begins at `start` is. Bare LF counts as a line end; blanks before the colon are the obsolete
 * form of RFC 5322 §4.5 and allowed.
 *
 * @param final no more bytes follow: what cannot be told is decided with what there is.
 */
export function headerLine(bytes: Uint8Array, start: number, final: boolean): HeaderLine {
  const first = bytes[start];
  if (first === undefined) return unknown;
  if (first === 0x20 || first === 0x09) return continuation;
  if (first === 0x0a) return { kind: 'blank', end: start + 1 };
  if (first === 0x0d) {
    if (bytes[start + 1] === 0x0a) return { kind: 'blank', end: start + 2 };
    return start + 1 < bytes.length || final ? junk : unknown;
  }
  const stop = Math.min(bytes.length, start + maxNameBytes);
  let at = start;
  while (at < stop) {
    const byte = bytes[at] ?? 0;
    if (byte === 0x3a || byte <= 0x20 || byte >= 0x7f) break;
    at += 1;
  }
  const nameEnd = at;
  while (at < stop && (bytes[at] === 0x20 || bytes[at] === 0x09)) at += 1;
  if (at === stop) return stop === bytes.length && stop < start + maxNameBytes && !final ? unknown : junk;
  return bytes[at] === 0x3a && nameEnd > start ? { kind: 'field', nameEnd, colon: at } : junk;
}

/** `From ada@...` or `>From ...` before the first field: the separator of a mailbox file, which some systems leave on. */
export function isMailboxSeparator(bytes: Uint8Array, start: number): boolean {
  const at = bytes[start] === 0x3e ? start + 1 : start; // >
  return bytes[at] === 0x46 && bytes[at + 1] === 0x72 && bytes[at + 2] === 0x6f && bytes[at + 3] === 0x6d && bytes[at + 4] === 0x20;
}

/** Whether the bytes from `start` to `end` are `name` (lower case), in any letter case. */
export function isName(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  return end - start === name.length && startsWithName(bytes, start, end, name);
}

/** Whether the bytes from `start` begin with `name` (lower case), in any letter case. */
export function startsWithName(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  if (end - start < name.length) return false;
  for (let i = 0; i < name.length; i += 1) {
    const byte = bytes[start + i] ?? 0;
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower !== name.charCodeAt(i)) return false;
  }
  return true;
}
