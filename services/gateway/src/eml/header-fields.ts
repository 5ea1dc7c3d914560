import { oneLine, unfold, visitFields } from '@mailrail/mail';
import { MessageRefused } from './refusal.ts';

/** A field that was asked for: where it stands and what it says. */
export interface HeaderField {
  name: string; // in lower case
  start: number; // first byte of its name
  end: number; // behind the line end of its last line
  value: string; // unfolded
}

export interface HeaderFields {
  fields: HeaderField[]; // in order
  /** Where the first field begins: behind a mailbox separator (`From ada@...`), which some systems leave on. */
  start: number;
  /** Where the fields end: before the blank line, at the first line that is no field, or at the end of the bytes. */
  end: number;
}

/**
 * The fields with the names asked for. Others cost a look and no memory, so that a header of a million fields is as cheap as its
 * size.
 *
 * @param block all fields, without the blank line.
 * @param wanted in lower case.
 */
export function headerFields(block: Buffer, wanted: ReadonlySet<string>): HeaderFields {
  const fields: HeaderField[] = [];
  let first: number | undefined;
  const end = visitFields(block, (start, nameEnd, valueStart, fieldEnd) => {
    first ??= start;
    const name = block.toString('latin1', start, nameEnd).toLowerCase();
    if (wanted.has(name)) fields.push({ name, start, end: fieldEnd, value: unfold(block, valueStart, fieldEnd) });
    return undefined;
  });
  return { fields, start: first ?? 0, end };
}

/**
 * For gateways that read the header block themselves: what stands in it must be fields.
 *
 * @throws MessageRefused `unrecognised` when it does not begin with a field, `syntax` when a later line is none.
 */
export function requireFields(block: Buffer, { fields, end }: HeaderFields): void {
  if (end === block.length) return;
  const stop = block.indexOf('\r\n', end, 'latin1');
  const text = oneLine(block.subarray(end, Math.min(stop < 0 ? block.length : stop, end + 200)).toString(), 60);
  if (end === 0 && fields.length === 0) {
    throw new MessageRefused('unrecognised', `this is no Internet message: it begins with "${text}", not with a header field`, 'line 1');
  }
  const line = block.subarray(0, end).reduce((lines, byte) => (byte === 0x0a ? lines + 1 : lines), 1);
  throw new MessageRefused(
    'syntax',
    `line ${line} of the header is no field: "${text}"; perhaps the empty line between header and text is missing`,
    `line ${line}`,
  );
}
