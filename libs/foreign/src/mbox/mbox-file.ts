import { readHeaderBlock } from '@mailrail/mail';
import { type Line, lineAt } from '../lines.ts';

/** One message of a mailbox file, by offsets. */
export interface MboxMessage {
  start: number; // of its `From ` line
  separator: string;
  contentAt: number;
  end: number; // of its content, without the blank line that ends it
  /** The length its header says: right, wrong, or none. */
  length: 'right' | 'wrong' | 'none';
}

const days = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const separator = new RegExp(`^From (?:\\S+|"[^"]{0,64}"@\\S+)? *${days} [A-Z][a-z]{2} +\\d{1,2} [\\d:]{4,8} .*\\d{4}`);
const maxHeadBytes = 65_536;
const newLine = Buffer.from('\nFrom ');

/** Whether a line parts messages: `From ada@corp.example Mon Oct  5 08:00:00 2026`. */
export function isSeparator(bytes: Buffer, { start, end }: Pick<Line, 'start' | 'end'>): boolean {
  return bytes[start] === 0x46 && separator.test(bytes.toString('latin1', start, Math.min(end, start + 400)));
}

/** Whether a file begins as a mailbox. */
export function isMbox(head: Buffer): boolean {
  const first = lineAt(head, 0, 1);
  return first !== undefined && isSeparator(head, first);
}

/**
 * Takes a mailbox file apart. A message ends where a blank line and another `From ` line come, or, with a Content-Length that fits,
 * behind so many bytes: then a `From ` inside its text is text.
 *
 * @param maxMessages more are not looked for. @returns `undefined` when there are more.
 */
export function readMbox(file: Buffer, maxMessages: number): MboxMessage[] | undefined {
  const messages: MboxMessage[] = [];
  let line = lineAt(file, 0, 1);
  while (line !== undefined) {
    if (messages.length === maxMessages) return undefined;
    const contentAt = line.next;
    const found = bounds(file, contentAt);
    messages.push({
      start: line.start,
      separator: file.toString('latin1', line.start, Math.min(line.end, line.start + 400)),
      contentAt,
      ...found,
    });
    line = lineAt(file, nextStart(file, found.end), 1);
  }
  return messages;
}

function bounds(file: Buffer, contentAt: number): Pick<MboxMessage, 'end' | 'length'> {
  const block = readHeaderBlock(file.subarray(contentAt, contentAt + maxHeadBytes), 1_000);
  const said = /^\d{1,12}$/.exec(block.first('content-length') ?? '')?.[0];
  if (said !== undefined) {
    const end = contentAt + block.end + Number(said);
    if (end <= file.length && isBoundary(file, end)) return { end, length: 'right' };
  }
  const end = endBySeparator(file, contentAt);
  return { end, length: said === undefined ? 'none' : 'wrong' };
}

/** Where the text before the next message, or before the end of the file, ends: the blank line before a separator belongs to the file. */
function endBySeparator(file: Buffer, from: number): number {
  for (let at = file.indexOf(newLine, from); at >= 0; at = file.indexOf(newLine, at + 1)) {
    const blank = blankBefore(file, at + 1, from);
    const line = lineAt(file, at + 1, 1);
    if (blank !== undefined && line !== undefined && isSeparator(file, line)) return blank;
  }
  return blankBefore(file, file.length, from) ?? file.length;
}

/** @returns where the blank line that ends at an offset begins; `undefined` when the line there is none. */
function blankBefore(file: Buffer, end: number, from: number): number | undefined {
  if (end === from) return from;
  const before = file.toString('latin1', Math.max(from, end - 3), end);
  if (before.endsWith('\n\r\n')) return end - 2;
  return before.endsWith('\n\n') ? end - 1 : undefined;
}

/** Whether a message may end here: at the end of the file, or a `From ` line follows behind blank lines. */
function isBoundary(file: Buffer, end: number): boolean {
  const next = nextStart(file, end);
  const line = lineAt(file, next, 1);
  return line === undefined || isSeparator(file, line);
}

function nextStart(file: Buffer, end: number): number {
  let at = end;
  while (file[at] === 0x0a || file[at] === 0x0d) at += 1;
  return at;
}

function hasSeparator(file: Buffer, from: number, end: number): boolean {
  for (let at = file.indexOf(newLine, from - 1); at >= 0 && at < end; at = file.indexOf(newLine, at + 1)) {
    const line = lineAt(file, at + 1, 1);
    if (line !== undefined && isSeparator(file, line)) return true;
  }
  return false;
}

/**
 * The message itself of the bytes of one, `From ` line first. Where a length counts and there is a `From ` line in the text, nothing was
 * quoted (mboxcl2); else one `>` goes from lines that are `From ` behind any number of them (mboxrd).
 */
export function contentOf(message: Buffer): Buffer | undefined {
  const line = lineAt(message, 0, 1);
  if (line === undefined || !isSeparator(message, line)) return undefined;
  const content = message.subarray(line.next);
  return bounds(message, line.next).length === 'right' && hasSeparator(message, line.next, message.length) ? content : unquoted(content);
}

/** In bytes, and only where there is something to undo: a text of many megabytes is never a string, nor copied for nothing. */
function unquoted(content: Buffer): Buffer {
  let out: Buffer | undefined;
  let size = 0;
  let from = 0;
  for (let at = content.indexOf('\n>'); at >= 0; at = content.indexOf('\n>', at + 1)) {
    let mark = at + 1;
    while (content[mark] === 0x3e) mark += 1;
    if (content.toString('latin1', mark, mark + 5) === 'From ') {
      out ??= Buffer.allocUnsafe(content.length);
      size += content.copy(out, size, from, at + 1);
      from = at + 2;
    }
    at = mark - 1;
  }
  if (out === undefined) return content;
  size += content.copy(out, size, from);
  return out.subarray(0, size);
}
