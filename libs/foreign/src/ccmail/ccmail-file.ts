import { oneLine } from '@mailrail/mail';
import { decoded } from '../code-page.ts';
import { type Reject, reject } from '../foreign-file.ts';
import { shownName } from '../file-name.ts';
import { withLineFeeds } from '../line-ends.ts';
import { type Line, lineAt } from '../lines.ts';

/** A message of an import file, as far as its labels say. */
export interface CcmailMessage {
  kind: 'ccmail';
  labels: readonly { name: string; title: string; value: string; where: string }[];
  text: string;
  files: readonly { name: string; bytes: Buffer }[];
}

/** cc:Mail wrote the code page of its PC; in Europe it was this one. */
const pcCodePage = 'cp850';
const maxLabels = 5_000;
const maxLabelBytes = 4_096;
const maxFiles = 500;

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
  const text = decoded(withLineFeeds(bytes.subarray(start, firstFile)), pcCodePage);
  return { kind: 'ccmail', labels, text, files };
}

/** The offset of the first `File item:`, or of the end. A line that only looks like one has no bytes behind it, and is text. */
function fileItemAt(bytes: Buffer, start: number): number {
  for (let line = lineAt(bytes, start, 1); line !== undefined; line = lineAt(bytes, line.next, 1)) {
    if (isFile(textOf(bytes, line))) return line.start;
  }
  return bytes.length;
}

function filesOf(bytes: Buffer, start: number): { name: string; bytes: Buffer }[] | Reject {
  const files: { name: string; bytes: Buffer }[] = [];
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
    const end = hexEnd(bytes, line.next);
    const content = Buffer.allocUnsafe((end - line.next + 1) >> 1);
    let size = 0;
    for (let at = lineAt(bytes, line.next, 1); at !== undefined && at.start < end; at = lineAt(bytes, at.next, 1)) {
      const digits = textOf(bytes, at).replaceAll(/\s+/g, '');
      if (digits.length % 2 === 1) return reject('count-mismatch', 'a line of hexadecimal has an odd number of digits', where);
      size += content.write(digits, size, 'hex');
    }
    if (size === 0)
      return reject('attachment-path', `it names a place on a disk, "${oneLine(written, 60)}", and its bytes are not there`, where);
    files.push({ name: shownName(written, `attachment-${files.length + 1}`), bytes: content.subarray(0, size) });
    line = lineAt(bytes, end, 1);
  }
  return files;
}

/** Behind the last line of hexadecimal from here. */
function hexEnd(bytes: Buffer, start: number): number {
  let end = start;
  for (let line = lineAt(bytes, start, 1); line !== undefined; line = lineAt(bytes, line.next, 1)) {
    if (line.end - line.start > maxLabelBytes || !/^[0-9A-Fa-f \t]*$/.test(textOf(bytes, line))) break;
    end = line.next;
  }
  return end;
}

function textOf(bytes: Buffer, { start, end }: Line): string {
  return bytes.toString('latin1', start, Math.min(end, start + maxLabelBytes));
}
