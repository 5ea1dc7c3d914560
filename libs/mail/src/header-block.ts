import { isUtf8 } from 'node:buffer';
import { headerLine, isMailboxSeparator } from './header-line.ts';

/** One field by offsets into the bytes it was found in. */
export interface HeaderField {
  name: string; // as written
  start: number;
  valueStart: number; // after the colon
  end: number; // after the last line break of the field, folds included
}

export interface HeaderBlock {
  fields: HeaderField[]; // in order
  /** Where the body begins: after the blank line, or at the line that is no field, or at the end of the bytes. */
  end: number;
  /** There were more fields than asked for; `end` is right all the same. */
  more: boolean;
  /** Value of the first field of this name (any letter case), unfolded. */
  first(name: string): string | undefined;
  /** Values of all fields of this name, unfolded. */
  all(name: string): string[];
}

/** What `visitFields` calls for each field; return `false` to stop. */
export type VisitField = (start: number, nameEnd: number, valueStart: number, end: number) => boolean | undefined;

/**
 * Goes through a header block without copying a byte. Tolerant: bare LF, 8-bit, no header at all, no blank line; a first
 * line `From ...` (mailbox separator) is passed over; any other line that is no field ends the block.
 *
 * @returns offset of the first byte of the body.
 */
export function visitFields(bytes: Buffer, visit: VisitField): number {
  let at = 0;
  while (at < bytes.length) {
    const line = headerLine(bytes, at, true);
    if (line.kind === 'blank') return line.end;
    if (line.kind !== 'field') {
      // A continuation without a field before it can only be the first line: folds are taken with their field.
      if (at === 0 && isMailboxSeparator(bytes, 0)) {
        at = lineEnd(bytes, 0);
        continue;
      }
      return at;
    }
    let end = lineEnd(bytes, line.colon + 1);
    while (bytes[end] === 0x20 || bytes[end] === 0x09) end = lineEnd(bytes, end);
    if (visit(at, line.nameEnd, line.colon + 1, end) === false) return at;
    at = end;
  }
  return at;
}

/**
 * The fields of a header block, for those who look for several by name.
 *
 * @param maxFields most fields kept; what is beyond is passed over.
 */
export function readHeaderBlock(bytes: Buffer, maxFields = 1_000): HeaderBlock {
  const fields: HeaderField[] = [];
  let more = false;
  const end = visitFields(bytes, (start, nameEnd, valueStart, fieldEnd) => {
    if (fields.length < maxFields) fields.push({ name: bytes.toString('latin1', start, nameEnd), start, valueStart, end: fieldEnd });
    else more = true;
    return undefined;
  });
  const named = (name: string) => {
    const lower = name.toLowerCase();
    return fields.filter((field) => field.name.length === lower.length && field.name.toLowerCase() === lower);
  };
  return {
    fields,
    end,
    more,
    first: (name) => {
      const [field] = named(name);
      return field === undefined ? undefined : unfold(bytes, field.valueStart, field.end);
    },
    all: (name) => named(name).map((field) => unfold(bytes, field.valueStart, field.end)),
  };
}

/** A value without its folds (RFC 5322 §2.2.3) and outer blanks; UTF-8 where it is (RFC 6532), else byte for character. */
export function unfold(bytes: Buffer, start: number, end: number): string {
  const latin1 = bytes.toString('latin1', start, end);
  const part = bytes.subarray(start, end);
  const text = /[\x80-\xff]/.test(latin1) && isUtf8(part) ? part.toString('utf8') : latin1;
  return text.includes('\n') ? text.replace(/\r?\n(?=[ \t])/g, '').trim() : text.trim();
}

function lineEnd(bytes: Buffer, from: number): number {
  const feed = bytes.indexOf(0x0a, from);
  return feed < 0 ? bytes.length : feed + 1;
}
