import { domainToASCII } from 'node:url';
import { headerLine, isMailboxSeparator, isName, startsWithName } from './header-line.ts';

/** Takes a message apart chunk by chunk and gives it back without the header fields that only we may write. */
export interface HeaderFilter {
  /** The bytes to keep of what has come so far; views of `chunk` where possible. Not copied: keep `chunk` unchanged while they are used. */
  push(chunk: Uint8Array): Uint8Array[];
  /** Call once after the last chunk: what was still held back. */
  end(): Uint8Array[];
  /** Bytes of the header block as received, blank line included; grows while it is read, so compare it with the limit after each push. */
  readonly headerBytes: number;
  /** The filter has seen the blank line: chunks pass untouched from here on. */
  readonly ended: boolean;
}

/** Bytes of one field that may be held back until it is decided. A field that hides its authserv-id longer is dropped. */
const maxHeldBytes = 4_096;
const empty = Buffer.alloc(0);

/**
 * Removes, while a message streams in, each `X-Mailrail-*` field and each `Authentication-Results` field that claims to be
 * ours (RFC 8601 §5); every other byte passes as it came, so that signatures stay valid. Holds at most 4 KB and one chunk.
 *
 * A line that is no field ends the header block (`headerBytes` stops there), but the filter goes on to the first blank
 * line: a reader that skips such lines must not find a forged field behind one.
 *
 * @param options.authservId our name in `Authentication-Results`, compared without letter case; internationalized names by A-label.
 */
export function headerFilter(options: { authservId: string }): HeaderFilter {
  const ours = plainDomain(options.authservId);
  let held = empty;
  let seenBytes = 0;
  let blockEnd: number | undefined;
  let ended = false;
  let lineStart = true;
  let firstLine = true;
  let dropping = false;

  function run(buffer: Buffer, final: boolean): Uint8Array[] {
    const base = seenBytes - buffer.length; // offset of the buffer in the message
    const kept: Uint8Array[] = [];
    let from = 0; // start of what is kept and not yet given back
    let at = 0;
    const keepTo = (end: number) => {
      if (!dropping && end > from) kept.push(buffer.subarray(from, end));
    };
    while (at < buffer.length) {
      if (lineStart) {
        const verdict = judge(buffer, at, ours, firstLine, final);
        if (verdict === 'undecided') {
          keepTo(at);
          held = Buffer.from(buffer.subarray(at)); // a copy: the chunk belongs to the caller
          return kept;
        }
        if (verdict === 'blank') {
          ended = true;
          const after = at + (buffer[at] === 0x0d ? 2 : 1);
          blockEnd ??= base + after;
          if (dropping) from = at;
          dropping = false;
          keepTo(buffer.length);
          return kept;
        }
        if (verdict === 'junk') blockEnd ??= base + at;
        if (verdict === 'drop' && !dropping) {
          keepTo(at);
          dropping = true;
        } else if ((verdict === 'keep' || verdict === 'junk') && dropping) {
          from = at;
          dropping = false;
        }
        firstLine = false;
        lineStart = false;
      }
      const feed = buffer.indexOf(0x0a, at);
      if (feed < 0) break;
      at = feed + 1;
      lineStart = true;
    }
    keepTo(buffer.length);
    return kept;
  }

  return {
    push(chunk) {
      if (chunk.length === 0) return [];
      seenBytes += chunk.length;
      if (ended) return [chunk];
      if (held.length === 0) return run(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length), false);
      const joined = Buffer.concat([held, chunk]);
      held = empty;
      return run(joined, false);
    },
    end() {
      const rest = held;
      held = empty;
      return rest.length === 0 ? [] : run(rest, true);
    },
    get headerBytes() {
      return blockEnd ?? seenBytes;
    },
    get ended() {
      return ended;
    },
  };
}

type Verdict = 'keep' | 'drop' | 'junk' | 'continue' | 'blank' | 'undecided';

function judge(bytes: Uint8Array, start: number, ours: string, firstLine: boolean, final: boolean): Verdict {
  const line = headerLine(bytes, start, final);
  if (line.kind === 'unknown') return 'undecided';
  if (line.kind === 'blank') return 'blank';
  if (line.kind === 'continuation') return firstLine ? 'junk' : 'continue';
  if (line.kind === 'junk') {
    if (firstLine && isMailboxSeparator(bytes, start)) return 'keep';
    return startsWithName(bytes, start, bytes.length, 'x-mailrail-') ? 'drop' : 'junk';
  }
  const first = bytes[start]; // nearly every field is decided by its first letter
  if (first === 0x58 || first === 0x78) return startsWithName(bytes, start, line.nameEnd, 'x-mailrail-') ? 'drop' : 'keep';
  if (first !== 0x41 && first !== 0x61) return 'keep';
  if (!isName(bytes, start, line.nameEnd, 'authentication-results')) return 'keep';
  const window = bytes.subarray(0, start + maxHeldBytes);
  const full = window.length === start + maxHeldBytes;
  const id = authservId(window, line.colon + 1, final && !full);
  if (id === undefined) return full ? 'drop' : 'undecided';
  return plainDomain(id) === ours ? 'drop' : 'keep';
}

/** `MX1.Corp.Example.` -> `mx1.corp.example`; an internationalized name by its A-labels. */
function plainDomain(name: string): string {
  const lower = name.toLowerCase().replace(/\.$/, '');
  return /^\p{ASCII}*$/u.test(lower) ? lower : domainToASCII(lower) || lower;
}

/**
 * The authserv-id of an `Authentication-Results` value (RFC 8601 §2.2): comments and folds skipped, token or quoted string.
 *
 * @returns '' when there is none, `undefined` when the bytes end too early to tell.
 */
function authservId(bytes: Uint8Array, start: number, final: boolean): string | undefined {
  let at = start;
  let depth = 0;
  for (; at < bytes.length; at += 1) {
    const byte = bytes[at];
    if (byte === 0x0a) {
      // A line that does not begin with a blank ends the field.
      const next = bytes[at + 1];
      if (next === undefined) return final ? '' : undefined;
      if (next !== 0x20 && next !== 0x09) return '';
    } else if (byte === 0x5c && depth > 0) {
      at += 1;
    } else if (byte === 0x28) {
      depth += 1;
    } else if (byte === 0x29 && depth > 0) {
      depth -= 1;
    } else if (depth === 0 && byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) {
      break;
    }
  }
  if (at >= bytes.length) return final ? '' : undefined;
  const found: number[] = [];
  const quoted = bytes[at] === 0x22;
  for (let i = quoted ? at + 1 : at; i < bytes.length; i += 1) {
    const byte = bytes[i] ?? 0;
    if (byte === 0x0a) return Buffer.from(found).toString('utf8');
    if (quoted) {
      if (byte === 0x22) return Buffer.from(found).toString('utf8');
      if (byte === 0x5c) i += 1; // the next byte stands for itself
      if (byte !== 0x0d && i < bytes.length) found.push(bytes[i] ?? 0);
    } else {
      if (byte <= 0x20 || byte === 0x28 || byte === 0x3b) return Buffer.from(found).toString('utf8');
      found.push(byte);
    }
  }
  return final ? Buffer.from(found).toString('utf8') : undefined;
}
