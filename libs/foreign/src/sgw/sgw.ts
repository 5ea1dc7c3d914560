import { oneLine, parseAddress, parseDateTime } from '@mailrail/mail';
import { firstDataWord } from '../bsmtp/bsmtp.ts';
import { isVerb, readSession, type SessionForm } from '../bsmtp/session-file.ts';
import { readAs, textOf } from '../code-page.ts';
import { type Composition, compose, type HeaderAddress } from '../compose.ts';
import { type FileDialect, type Reject, reject } from '../foreign-file.ts';
import { lineAt, unfitByte } from '../lines.ts';

const form: SessionForm = {
  dataWord: 'DATA:',
  // One message a file: its content ends with the file, and must have its own header to the end.
  findData: (file, _number, start) =>
    headerEnd(file, start) === undefined ? undefined : { start, end: file.length, next: file.length, nextNumber: 0 },
  ignores: (line) => /^X-Tnef-Attach:/i.test(line),
};

const maxFields = 2_000;
const maxFieldBytes = 4_096;
const noLimits = { recipientsPerMessage: Number.POSITIVE_INFINITY, messageBytes: Number.MAX_SAFE_INTEGER };

/**
 * The file of Exchange's own sample gateway: SMTP commands for the envelope, `DATA:` with a colon, then a header in the terms of
 * Exchange, details for people, and text. What MAPI properties hold beside these is in TNEF, which is not read.
 */
export const sgw: FileDialect = {
  name: 'sgw',
  recognise(head) {
    if (/^X-Tnef-Attach:/i.test(head.toString('latin1', 0, 20))) return 3;
    const first = lineAt(head, 0, 1);
    return first !== undefined && isVerb(head.toString('latin1', 0, Math.min(first.end, 20))) && firstDataWord(head) === 'DATA:' ? 3 : 0;
  },
  isComplete(head, _tail, whole) {
    const start = contentStart(head);
    return start === undefined ? false : !whole || headerEnd(head, start) !== undefined;
  },
  read(file, limits) {
    if (sgw.recognise(file.subarray(0, 65_536)) === 0) {
      return reject('unrecognised', 'this is no sample gateway file: there is neither X-Tnef-Attach nor DATA: in it', 'line 1');
    }
    const tnef = /^X-Tnef-Attach:[ \t]*([^\r\n]*)/i.exec(file.toString('latin1', 0, 300))?.[1] ?? '';
    if (tnef.trim() !== '') return reject('unsupported-type', `its content is in TNEF ("${oneLine(tnef, 40)}")`, 'X-Tnef-Attach');
    const read = readSession(file, form, limits);
    if (read.kind === 'reject') return read;
    const [entry] = read.entries;
    const content = entry?.kind === 'message' ? readContent(entry.bytes) : undefined;
    return content?.kind === 'reject' ? content : read;
  },
  async translate(bytes, context) {
    const read = readSession(bytes, form, noLimits);
    const [entry] = read.kind === 'read' ? read.entries : [];
    if (read.kind === 'reject' || entry === undefined) return reject('syntax', 'this is no transaction');
    if (entry.kind === 'bad') return entry.reject;
    const content = readContent(bytes);
    if (content.kind === 'reject') return content;
    const from = content.composition.from ?? (entry.sender === null ? undefined : { address: entry.sender });
    return compose({ ...content.composition, ...(from === undefined ? {} : { from }) }, context);
  },
};

/** Where the content begins: behind the `DATA:` line. */
function contentStart(bytes: Buffer): number | undefined {
  for (let line = lineAt(bytes, 0, 1); line !== undefined; line = lineAt(bytes, line.next, line.number + 1)) {
    if (/^DATA:\s*$/i.test(bytes.toString('latin1', line.start, Math.min(line.end, line.start + 80)))) return line.next;
  }
  return undefined;
}

/** Where the blank line behind a header begins. */
function headerEnd(bytes: Buffer, start: number): number | undefined {
  for (let line = lineAt(bytes, start, 1); line !== undefined; line = lineAt(bytes, line.next, line.number + 1)) {
    if (line.end === line.start && line.next > line.end) return line.start;
  }
  return undefined;
}

type Content = { kind: 'content'; composition: Composition };

function readContent(bytes: Buffer): Content | Reject {
  const start = contentStart(bytes) ?? bytes.length;
  const end = headerEnd(bytes, start) ?? bytes.length;
  const unfit = unfitByte(bytes, start, bytes.length);
  if (unfit >= 0) return reject('syntax', `a NUL or a carriage return alone at byte ${unfit}`);
  const fields = fieldsOf(bytes, start, end);
  if ('kind' in fields) return fields;

  const one = (name: string): string | undefined => fields.find((field) => field.name === name)?.value;
  const messageClass = one('x-message-class') ?? 'IPM.Note';
  if (!/^(?:IPM|Report)\b/i.test(messageClass)) {
    return reject('unsupported-type', `messages of class "${oneLine(messageClass, 60)}" are not carried`, 'X-Message-Class');
  }
  const people = (name: string): HeaderAddress[] =>
    fields.filter((field) => field.name === name).flatMap(({ value }) => person(value) ?? []);
  const { details, bodyAt } = detailsOf(bytes, afterBlank(bytes, end));
  const [from] = people('from');
  const date = parseDateTime(one('date') ?? '');
  const about = idIn(one('x-subject-message-id'));
  const messageId = idIn(one('x-message-id'));
  const composition: Composition = {
    ...(from === undefined ? {} : { from }),
    to: people('to'),
    cc: people('cc'),
    ...(details.subject === undefined ? {} : { subject: details.subject }),
    ...(date === undefined ? {} : { date }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(about === undefined ? {} : { inReplyTo: about }),
    ...(details.importance === undefined ? {} : { importance: details.importance }),
    ...(details.sensitivity === undefined ? {} : { sensitivity: details.sensitivity }),
    isAutomatic: /^Report\b/i.test(messageClass),
    kept: fields.flatMap(({ name, title, value }) => (known.has(name) && !isOpaque(name, value) ? [] : [{ name: keptAs(title), value }])),
    text: readAs(bytes.subarray(bodyAt), 'windows-1252'),
    files: [],
  };
  return { kind: 'content', composition };
}

const known = new Set(['date', 'from', 'to', 'cc', 'bcc', 'x-message-id', 'x-subject-message-id']);
/** An identity that is none in Internet mail is kept beside. */
const isOpaque = (name: string, value: string): boolean => name.endsWith('message-id') && idIn(value) === undefined;
const keptAs = (title: string): string => (/^x400-/i.test(title) ? title : `X-Foreign-${title.replace(/^x-/i, '')}`);

interface Field {
  name: string; // lower case
  title: string; // as written
  value: string;
}

function fieldsOf(bytes: Buffer, start: number, end: number): Field[] | Reject {
  const fields: Field[] = [];
  for (let line = lineAt(bytes, start, 1); line !== undefined && line.start < end; line = lineAt(bytes, line.next, line.number + 1)) {
    const text = textOf(bytes.subarray(line.start, Math.min(line.end, line.start + maxFieldBytes)), 'windows-1252');
    const [, title = '', value = ''] = /^([A-Za-z0-9-]{1,64}):(.*)$/s.exec(text) ?? [];
    if (title === '') return reject('syntax', `"${oneLine(text, 60)}" is no field of the header`, `line ${line.number} behind DATA:`);
    fields.push({ name: title.toLowerCase(), title, value: value.trim() });
    if (fields.length > maxFields) return reject('too-large', `more than ${maxFields} fields`);
  }
  return fields;
}

/** `Ada Ex <ada@x.example>`, `<ada@x.example>`, `TYPE:value`; of what is none of these only the text is kept. */
function person(value: string): HeaderAddress[] | undefined {
  const [, name = '', bracketed] = /^(.*?)<([^<>]*)>\s*$/.exec(value) ?? [];
  const read = parseAddress((bracketed ?? value).trim());
  if (!read.ok) return undefined;
  const shown = name.trim().replaceAll('"', '');
  return [{ address: read.value, ...(shown === '' ? {} : { name: shown }) }];
}

function idIn(value: string | undefined): string | undefined {
  const found = /<?([A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,200}@[A-Za-z0-9.-]{1,200})>?/.exec(value ?? '')?.[1];
  return found === undefined || value === undefined || value.length > 500 ? undefined : `<${found}>`;
}

function afterBlank(bytes: Buffer, at: number): number {
  return lineAt(bytes, at, 1)?.next ?? bytes.length;
}

interface Details {
  subject?: string;
  importance?: 'low' | 'normal' | 'high';
  sensitivity?: 'Personal' | 'Private' | 'Company-Confidential';
}

const sensitivities: Readonly<Record<string, Details['sensitivity']>> = {
  personal: 'Personal',
  private: 'Private',
  confidential: 'Company-Confidential',
  'company confidential': 'Company-Confidential',
  'company-confidential': 'Company-Confidential',
};

/** Importance, sensitivity and subject stand in lines for people before the text, up to a blank line; without such lines all is text. */
function detailsOf(bytes: Buffer, start: number): { details: Details; bodyAt: number } {
  const details: Details = {};
  for (let line = lineAt(bytes, start, 1); line !== undefined; line = lineAt(bytes, line.next, 1)) {
    const text = textOf(bytes.subarray(line.start, Math.min(line.end, line.start + maxFieldBytes)), 'windows-1252');
    const [, name = '', value = ''] = /^(Importance|Sensitivity|Subject):\s*(.*)$/i.exec(text) ?? [];
    if (name === '') return { details, bodyAt: line.start > start && text === '' && line.next > line.end ? line.next : line.start };
    const word = value.trim().toLowerCase();
    if (/^subject$/i.test(name)) details.subject = value.trim();
    else if (/^importance$/i.test(name)) details.importance = word === 'high' || word === 'low' ? word : 'normal';
    else {
      const sensitivity = sensitivities[word];
      if (sensitivity !== undefined) details.sensitivity = sensitivity;
    }
  }
  return { details, bodyAt: bytes.length };
}
