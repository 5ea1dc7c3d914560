import { isUtf8 } from 'node:buffer';
import { oneLine, parseAddress } from '@mailrail/mail';
import { decoded, textOf } from '../code-page.ts';
import { compose } from '../compose.ts';
import { keptField } from '../foreign-id.ts';
import { type FileDialect, type Reject, reject } from '../foreign-file.ts';
import { lineAt } from '../lines.ts';

interface SpoolFile {
  kind: 'sms';
  from: string; // typed
  recipients: string[]; // typed
  isReport: boolean;
  fields: readonly { name: string; value: string }[];
  text: string;
  binary: Buffer | undefined;
}

const maxFields = 200;
const maxFieldBytes = 2_048;
const titleLength = 40;

/** The spool files of SMS Server Tools (smstools3), as its daemon writes what a modem received. */
export const sms: FileDialect = {
  name: 'sms',
  recognise(head) {
    const text = head.toString('latin1', 0, 4_096);
    if (!/^(?:From|To): *\+?\d{3,20}\r?\n/.test(text)) return 0;
    return /^(?:From_SMSC|From_TOA|IMSI|Modem|Sent|Alphabet|UDH|Report|Message_id): /m.test(text) ? 3 : 2;
  },
  isComplete: (head) => blankLine(head) !== undefined,
  read(file, { recipientsPerMessage }) {
    if (sms.recognise(file.subarray(0, 4_096)) === 0) {
      return reject('unrecognised', 'this is no SMS spool file: it does not begin with From: or To: and a number', 'line 1');
    }
    const message = readSpool(file);
    if (message.kind === 'reject') return message;
    const recipients = message.recipients.map((address) => ({ address, where: 'To' }));
    if (recipients.length > recipientsPerMessage) return reject('too-many-recipients', `more than ${recipientsPerMessage} recipients`);
    return {
      kind: 'read',
      // A report is never answered.
      entries: [{ kind: 'message', sender: message.isReport ? null : message.from, recipients, unreadable: [], bytes: file }],
      notes: [],
    };
  },
  async translate(bytes, context) {
    const message = readSpool(bytes);
    if (message.kind === 'reject') return message;
    const date = dateOf(message.fields.find(({ name }) => name === 'Sent' || name === 'Received')?.value);
    const [title = ''] = message.text.split('\n', 1);
    return compose(
      {
        from: { address: message.from, name: message.from.slice(message.from.indexOf(':') + 1) },
        to: message.recipients.map((address) => ({ address })),
        cc: [],
        subject: Array.from(oneLine(title, 200)).slice(0, titleLength).join(''),
        ...(date === undefined ? {} : { date }),
        isAutomatic: message.isReport,
        kept: message.fields.flatMap(({ name, value }) => {
          const field = name === 'From' || name === 'To' ? undefined : keptField(name);
          return field === undefined || value === '' ? [] : [{ name: field, value }];
        }),
        text: message.text,
        files: message.binary === undefined ? [] : [{ name: 'message.bin', type: 'application/octet-stream', bytes: message.binary }],
      },
      context,
    );
  },
};

function readSpool(file: Buffer): SpoolFile | Reject {
  const blank = blankLine(file);
  if (blank === undefined) return reject('incomplete-timeout', 'the file ends inside its header: there is no empty line');
  const fields: { name: string; value: string }[] = [];
  for (let line = lineAt(file, 0, 1); line !== undefined && line.start < blank.start; line = lineAt(file, line.next, line.number + 1)) {
    const where = `line ${line.number}`;
    if (line.end - line.start > maxFieldBytes) return reject('syntax', `a line of the header is longer than ${maxFieldBytes} bytes`, where);
    const text = textOf(file.subarray(line.start, line.end), 'latin1');
    const [, name = '', value = ''] = /^([A-Za-z][A-Za-z0-9_-]{0,40}):(.*)$/.exec(text) ?? [];
    if (name === '') return reject('syntax', `"${oneLine(text, 60)}" is no line of the header`, where);
    fields.push({ name, value: value.trim() });
    if (fields.length > maxFields) return reject('too-large', `more than ${maxFields} lines in the header`, where);
  }
  const one = (name: string) => fields.find((field) => field.name === name)?.value; // letter case counts
  const from = numberIn(one('From')) ?? numberIn(one('From_SMSC'));
  if (from === undefined) return reject('envelope', 'nobody to answer to: From is missing or no number', 'From');
  // What was received names nobody: the modem it came to stands for who it is for, and the directory knows whose it is.
  const to = numberIn(one('To')) ?? modemIn(one('Modem') ?? one('Subject') ?? one('IMSI'));
  if (to === undefined) return reject('envelope', 'nobody to send it to: there is no To, Modem, Subject or IMSI', 'To');
  const content = file.subarray(blank.next);
  const alphabet = (one('Alphabet') ?? 'ISO').slice(0, 3).toUpperCase();
  const isBinary = alphabet === 'BIN' || /^(?:yes|true|on|1)$/i.test(one('Binary') ?? '');
  if (!isBinary && alphabet === 'UCS' && content.length % 2 === 1) {
    return reject('charset', 'its text is in UCS-2, and has an odd number of bytes', 'Alphabet');
  }
  if (!isBinary && alphabet === 'UTF' && !isUtf8(content)) return reject('charset', 'its text is not the UTF-8 it says it is', 'Alphabet');
  return {
    kind: 'sms',
    from,
    recipients: [to],
    isReport: one('Message_id') !== undefined && one('Status') !== undefined,
    fields,
    text: isBinary ? '' : textIn(content, alphabet).replaceAll(/\r\n?/g, '\n').replaceAll('\0', ''),
    binary: isBinary ? content : undefined,
  };
}

function textIn(content: Buffer, alphabet: string): string {
  if (alphabet === 'UCS') return decoded(content, 'utf16-be');
  return alphabet === 'UTF' ? content.toString('utf8') : textOf(content, 'latin1');
}

/** A number in the international form, of which smstools leaves the `+` away; a short one as it is. An address with `@` is mail's. */
function numberIn(value: string | undefined): string | undefined {
  const text = value?.trim() ?? '';
  const number = /^\+?(\d{3,20})$/.exec(text)?.[1];
  if (number !== undefined) return `SMS:${number.length > 6 ? '+' : ''}${number}`;
  return typed(text.includes('@') || text === '' ? text : `SMS:${text}`);
}

function modemIn(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : typed(`SMS:${value.trim()}`);
}

function typed(text: string): string | undefined {
  const read = parseAddress(text);
  return read.ok ? read.value : undefined;
}

/** `26-10-05 08:00:00`, read as UTC: the daemon writes the time of its modem without a zone. */
function dateOf(text: string | undefined): number | undefined {
  const found = /^(\d{2}|\d{4})-(\d{2})-(\d{2}) (\d{2}):(\d{2}):(\d{2})$/.exec(text?.trim() ?? '');
  if (found === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1).map(Number);
  const at = Date.UTC(year < 100 ? 2_000 + year : year, month - 1, day, hour, minute, second);
  return new Date(at).getUTCDate() === day && new Date(at).getUTCMonth() === month - 1 ? at : undefined;
}

function blankLine(bytes: Buffer) {
  for (let line = lineAt(bytes, 0, 1); line !== undefined; line = lineAt(bytes, line.next, line.number + 1)) {
    if (line.end === line.start && line.next > line.end) return line;
    if (line.number > maxFields + 1) return line; // more than are read: told there
  }
  return undefined;
}
