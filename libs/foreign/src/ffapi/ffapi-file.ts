import { oneLine, parseAddress } from '@mailrail/mail';
import { decoded } from '../code-page.ts';
import { type EntryRecipient, nobodyToSendTo, type Reject, reject } from '../foreign-file.ts';
import { shownName } from '../file-name.ts';

/** A message in the basic format, understood; bytes by offsets into the file. */
export interface FfapiMessage {
  kind: 'ffapi';
  from: string; // typed
  recipients: EntryRecipient[];
  unreadable: { text: string; where: string; reason: string }[];
  date: string | undefined;
  time: string | undefined;
  subject: string | undefined;
  priority: string | undefined;
  kept: { name: string; value: string }[];
  text: Buffer;
  files: { name: string; bytes: Buffer }[];
}

/** PC Mail wrote the code page of its PC; in Europe it was this one. */
export const pcCodePage = 'cp850';

const maxTokens = 5_000;
const maxTokenBytes = 4_096;
const carriageReturn = 0x0d;
const lineFeed = 0x0a;

/**
 * Reads a file: tokens one a line, ended by CRLF (a CR alone stays inside, as some gateways write addresses), then the text of the size
 * it says, then the attachments in the order they were named.
 *
 * @returns `short` when the file is shorter than it says it will be: perhaps it is still written.
 */
export function readFfapi(file: Buffer, maxRecipients: number): FfapiMessage | { kind: 'short' } | Reject {
  const recipients: EntryRecipient[] = [];
  const unreadable: FfapiMessage['unreadable'] = [];
  const kept: FfapiMessage['kept'] = [];
  const named: { name: string; size: number }[] = [];
  const single = new Map<string, string>();
  let at = 0;
  for (let number = 1; number <= maxTokens; number += 1) {
    const end = tokenEnd(file, at);
    if (end === undefined) return file.length - at > maxTokenBytes ? tooLong(number) : { kind: 'short' };
    if (end.stop - at > maxTokenBytes) return tooLong(number);
    const where = `line ${number}`;
    const line = decoded(file.subarray(at, end.stop), pcCodePage);
    at = end.next;
    if (line.trim() === '') continue;
    const [, token = '', value = ''] = /^([A-Z]{2,16}):(.*)$/is.exec(line) ?? [];
    const word = token.toUpperCase();
    switch (word) {
      case '':
        return reject('syntax', `"${oneLine(line, 60)}" is no token such as TO:`, where);
      case 'TO': {
        const read = addressOf(value);
        if (typeof read === 'string') recipients.push({ address: read, where });
        else unreadable.push({ text: oneLine(value, 100), where, reason: `is no address: ${oneLine(read.reason, 200)}` });
        if (recipients.length + unreadable.length > maxRecipients)
          return reject('too-many-recipients', `more than ${maxRecipients} recipients`);
        break;
      }
      case 'ATTACHMENTS': {
        const [, name = '', digits = ''] = /^(.*\S)\s+(\d{1,10})\s*$/s.exec(value) ?? [];
        if (name === '') return reject('syntax', `"${oneLine(value, 60)}" is no name with a size behind it`, where);
        named.push({ name: shownName(name, `attachment-${named.length + 1}`), size: Number(digits) });
        break;
      }
      case 'XATTACH':
      case 'XTEXT':
        return reject('attachment-path', `${word} names a place on a disk, "${oneLine(value, 60)}"`, where);
      case 'VERSION':
      case 'FROM':
      case 'DATE':
      case 'TIME':
      case 'SUBJECT':
      case 'PRIORITY':
        if (single.has(word)) return reject('syntax', `${word} is there twice`, where);
        single.set(word, value.trim());
        break;
      case 'TEXT':
        if (!/^\s*\d{1,10}\s*$/.test(value)) return reject('syntax', `the size of TEXT is no number: "${oneLine(value, 40)}"`, where);
        return withBytes(Number(value));
      default:
        kept.push({ name: `X-Foreign-${word}`, value: value.trim() });
    }
  }
  return reject('too-large', `more than ${maxTokens} tokens`);

  function withBytes(textSize: number): FfapiMessage | { kind: 'short' } | Reject {
    const sizes = [textSize, ...named.map(({ size }) => size)];
    const said = sizes.reduce((sum, size) => sum + size, at);
    if (said > file.length) return { kind: 'short' };
    // What editors and copying programs put behind a file is not a sign of a wrong count.
    const rest = file.subarray(said).toString('latin1', 0, 64).replaceAll(String.fromCharCode(0x1a), '').trim();
    if (rest !== '' || file.length - said > 64) {
      return reject('count-mismatch', `the file has ${file.length - said} bytes more than its sizes say`);
    }
    const from = single.get('FROM');
    const sender = from === undefined ? { reason: 'FROM is missing' } : addressOf(from);
    if (typeof sender !== 'string') return reject('envelope', `nobody to answer to: ${oneLine(sender.reason, 300)}`, 'FROM');
    if (recipients.length === 0) return nobodyToSendTo(unreadable, 'there is no TO', 'TO');
    let start = at;
    const take = (size: number): Buffer => file.subarray(start, (start += size));
    const text = take(textSize);
    return {
      kind: 'ffapi',
      from: sender,
      recipients,
      unreadable,
      date: single.get('DATE'),
      time: single.get('TIME'),
      subject: single.get('SUBJECT'),
      priority: single.get('PRIORITY'),
      kept,
      text,
      files: named.map(({ name, size }) => ({ name, bytes: take(size) })),
    };
  }
}

/** `NET/PO/BOX`, or `TYPE:address`; an address of another gateway keeps its type. */
function addressOf(value: string): string | { reason: string } {
  const text = value.replaceAll('\r', ' ').trim();
  const read = parseAddress(/^[A-Za-z0-9-]{1,16}:/.test(text) || text.includes('@') ? text : `MS:${text}`);
  return read.ok ? read.value : { reason: read.reason };
}

function tokenEnd(file: Buffer, start: number): { stop: number; next: number } | undefined {
  const found = file.indexOf(lineFeed, start);
  if (found < 0) return undefined;
  return { stop: found > start && file[found - 1] === carriageReturn ? found - 1 : found, next: found + 1 };
}

function tooLong(number: number): Reject {
  return reject('syntax', `a token is longer than ${maxTokenBytes} bytes`, `line ${number}`);
}
