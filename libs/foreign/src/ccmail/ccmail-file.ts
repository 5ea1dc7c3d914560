import { oneLine } from '@mailrail/mail';
import { decoded } from '../code-page.ts';
import { type Reject, reject } from '../foreign-file.ts';
import { shownName } from '../file-name.ts';
import { type Line, lineAt } from '../lines.ts';

/** A message of an import file, as far as its labels say. */
export interface CcmailMessage {
  kind: 'ccmail';
  labels: readonly { name: string; title: string; value: string; where: string }[];
  text: Buffer;
  /** Their bytes are in hexadecimal, in whole lines. */
  files: readonly { name: string; hex: Buffer }[];
}

/** cc:Mail wrote the code page of its PC; in Europe it was this one. */
export const pcCodePage = 'cp850';
const maxLabels = 5_000;
const maxLabelBytes = 4_096;
const maxFiles = 500;
const hexPieceBytes = 16_384;

const isMessage = (text: string): boolean => /^Message:\s*$/i.test(text);
const isFile = (text: string): boolean => /^File item:/i.test(text);
const label = /^([A-Za-z][A-Za-z ]{0,30}):(.*)$/s;

/** Where the messages of a file begin: at `Message:` with a label behind it. */
export function messageStarts(file: Buffer): number[] {
  const starts: number[] = [];
  for (let line = lineAt(file, 0, 1); line !== undefined; line = lineAt(file, line.next, line.number + 1)) {
    if (line.end - line.start > 40 || !isMessage(textOf(file, line))) continue;
    const next = lineAt(file, line.next, 1);
    if (next !== undefined && /^(?:From|To|Cc|Bcc|Subject|Contents):/i.test(textOf(file, next))) starts.push(line.start);
  }
  return starts;
}

/** Reads one message: labels one a line, `Contents:`, the text, then `File item:` with the bytes in hexadecimal. */
export function readCcmail(bytes: Buffer): CcmailMessage | Reject {
  const labels: { name: string; title: string; value: string; where: string }[] = [];
  let line = lineAt(bytes, lineAt(bytes, 0, 1)?.next ?? 0, 2);
  for (; line !== undefined; line = lineAt(bytes, line.next, line.number + 1)) {
    const where = `line ${line.number}`;
    if (line.end - line.start > maxLabelBytes) return reject('syntax', `a label is longer than ${maxLabelBytes} bytes`, where);
    const text = decoded(bytes.subarray(line.start, line.end), pcCodePage);
    if (text.trim() === '') continue;
    const [, title = '', value = ''] = label.exec(text) ?? [];
    const name = title.toLowerCase();
    if (name === '') return reject('syntax', `"${oneLine(text, 60)}" is no label such as To:`, where);
    if (name === 'contents' || name === 'file item') break;
    labels.push({ name, title, value: value.trim(), where });
    if (labels.length > maxLabels) return reject('too-large', `more than ${maxLabels} labels`, where);
  }
  if (line === undefined) return reject('incomplete-timeout', 'the message ends before its Contents:');
  const start = isFile(textOf(bytes, line)) ? line.start : line.next;
  const firstFile = fileItemAt(bytes, start);
  const files = filesOf(bytes, firstFile);
  if ('kind' in files) return files;
  return { kind: 'ccmail', labels, text: bytes.subarray(start, firstFile), files };
}

/** The offset of the first `File item:`, or of the end. A line that only looks like one has no bytes behind it, and is text. */
function fileItemAt(bytes: Buffer, start: number): number {
  for (let line = lineAt(bytes, start, 1); line !== undefined; line = lineAt(bytes, line.next, 1)) {
    if (isFile(textOf(bytes, line))) return line.start;
  }
  return bytes.length;
}

function filesOf(bytes: Buffer, start: number): { name: string; hex: Buffer }[] | Reject {
  const files: { name: string; hex: Buffer }[] = [];
  let line = lineAt(bytes, start, 1);
  while (line !== undefined) {
    const heading = decoded(bytes.subarray(line.start, Math.min(line.end, line.start + maxLabelBytes)), pcCodePage);
    const where = `file item ${files.length + 1}`;
    if (heading.trim() === '') {
      line = lineAt(bytes, line.next, 1);
      continue;
    }
    if (!isFile(heading)) return reject('syntax', `"${oneLine(heading, 60)}" is neither a file item nor hexadecimal`, where);
    if (files.length === maxFiles) return reject('too-large', `more than ${maxFiles} file items`);
    const written = heading.slice(heading.indexOf(':') + 1).trim();
    const { end, size, isOdd } = hexLines(bytes, line.next);
    if (isOdd) return reject('count-mismatch', 'a line of hexadecimal has an odd number of digits', where);
    if (size === 0)
      return reject('attachment-path', `it names a place on a disk, "${oneLine(written, 60)}", and its bytes are not there`, where);
    files.push({ name: shownName(written, `attachment-${files.length + 1}`), hex: bytes.subarray(line.next, end) });
    line = lineAt(bytes, end, 1);
  }
  return files;
}

/** The lines of hexadecimal from here: where they end, and how many bytes they are. Byte by byte, since there may be many. */
function hexLines(bytes: Buffer, start: number): { end: number; size: number; isOdd: boolean } {
  let end = start;
  let digits = 0;
  let inLine = 0;
  for (let at = start; at <= bytes.length; at += 1) {
    const byte = bytes[at] ?? 0x0a; // the last line may end with the file
    const lower = byte | 0x20;
    if ((byte >= 0x30 && byte <= 0x39) || (lower >= 0x61 && lower <= 0x66)) inLine += 1;
    else if (byte === 0x0a) {
      if (inLine % 2 === 1) return { end, size: digits >> 1, isOdd: true };
      digits += inLine;
      inLine = 0;
      end = Math.min(at + 1, bytes.length);
    } else if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) break;
  }
  return { end, size: digits >> 1, isOdd: false };
}

function textOf(bytes: Buffer, { start, end }: Line): string {
  return bytes.toString('latin1', start, Math.min(end, start + maxLabelBytes));
}

/** What a file item stands for, some lines at a time. */
export function* hexPieces(hex: Buffer): Generator<Buffer> {
  for (let at = 0; at < hex.length; ) {
    const feed = hex.indexOf('\n', Math.min(hex.length, at + hexPieceBytes));
    const end = feed < 0 ? hex.length : feed + 1;
    yield Buffer.from(hex.toString('latin1', at, end).replaceAll(/\s+/g, ''), 'hex');
    at = end;
  }
}
