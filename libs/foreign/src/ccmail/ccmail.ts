import { oneLine, parseAddress, parseDateTime } from '@mailrail/mail';
import { decoded } from '../code-page.ts';
import { compose, type Composition, type HeaderAddress } from '../compose.ts';
import { keptField } from '../foreign-id.ts';
import { type BadEntry, type Entry, type FileDialect, nobodyToSendTo, type Reject, reject } from '../foreign-file.ts';
import { type CcmailMessage, hexPieces, messageStarts, pcCodePage, readCcmail } from './ccmail-file.ts';

const maxMessages = 1_000;

/** The labelled text of cc:Mail Import and Export: any number of messages a file. */
export const ccmail: FileDialect = {
  name: 'ccmail',
  recognise: (head) => (/^\s*Message:[ \t]*\r?\n(?:From|To|Cc|Bcc|Subject|Contents):/i.test(head.toString('latin1', 0, 400)) ? 3 : 0),
  // The format has no closing word.
  isComplete: (head, tail) => ccmail.recognise(head) > 0 && tail.at(-1) === 0x0a,
  read(file, { recipientsPerMessage }) {
    if (ccmail.recognise(file.subarray(0, 400)) === 0) {
      return reject('unrecognised', 'this is no cc:Mail import file: it does not begin with Message: and a label', 'line 1');
    }
    const starts = messageStarts(file);
    if (starts.length > maxMessages) return reject('too-large', `more than ${maxMessages} messages in one file`);
    const entries = starts.map((start, index): Entry | BadEntry => {
      const bytes = file.subarray(start, starts[index + 1] ?? file.length);
      const message = readCcmail(bytes);
      const envelope = message.kind === 'reject' ? message : envelopeOf(message, recipientsPerMessage);
      return 'code' in envelope ? { kind: 'bad', reject: envelope, bytes } : { kind: 'message', ...envelope, bytes };
    });
    return { kind: 'read', entries, notes: [] };
  },
  async translate(bytes, context) {
    const message = readCcmail(bytes);
    if (message.kind === 'reject') return message;
    const one = (name: string) => message.labels.find((label) => label.name === name)?.value;
    const people = (name: string): HeaderAddress[] =>
      message.labels.filter((label) => label.name === name).flatMap(({ value }) => personOr(value) ?? []);
    const [from] = people('from');
    const subject = one('subject');
    const date = parseDateTime(one('date') ?? '');
    const priority = priorities[one('priority')?.toLowerCase() ?? ''];
    return compose(
      {
        ...(from === undefined ? {} : { from }),
        to: people('to'),
        cc: people('cc'),
        ...(subject === undefined ? {} : { subject }),
        ...(date === undefined ? {} : { date }),
        ...priority,
        ...(from !== undefined && /^(?:yes|receipt)/i.test(one('receipt') ?? '') ? { receiptTo: from } : {}),
        kept: message.labels.flatMap(({ name, title, value }) => {
          const field = carried.has(name) || (name === 'date' && date !== undefined) ? undefined : keptField(title);
          return field === undefined || value === '' ? [] : [{ name: field, value }];
        }),
        text: { bytes: message.text, decode: (lines) => decoded(lines, pcCodePage) },
        files: message.files.map(({ name, hex }) => ({ name, bytes: () => hexPieces(hex) })),
      },
      context,
    );
  },
};

const carried = new Set(['from', 'to', 'cc', 'bcc', 'subject']);
const priorities: Readonly<Record<string, Pick<Composition, 'importance' | 'priority'>>> = {
  urgent: { importance: 'high', priority: 'urgent' },
  high: { importance: 'high', priority: 'urgent' },
  low: { importance: 'low', priority: 'non-urgent' },
};

function envelopeOf({ labels }: CcmailMessage, maxRecipients: number): Omit<Entry, 'kind' | 'bytes'> | Reject {
  const written = labels.find(({ name }) => name === 'from')?.value;
  const from = written === undefined ? undefined : personOf(written);
  if (from?.ok !== true) {
    const why = from === undefined ? 'From is missing' : oneLine(from.reason, 200);
    return reject('envelope', `nobody to answer to: ${why}`, 'From');
  }
  const recipients: Entry['recipients'] = [];
  const unreadable: Entry['unreadable'] = [];
  for (const { value, where } of labels.filter(({ name }) => name === 'to' || name === 'cc' || name === 'bcc')) {
    const read = personOf(value);
    if (read.ok) recipients.push({ address: read.value, where });
    else unreadable.push({ text: oneLine(value, 100), where, reason: `is no address: ${oneLine(read.reason, 200)}` });
    if (recipients.length + unreadable.length > maxRecipients)
      return reject('too-many-recipients', `more than ${maxRecipients} recipients`, where);
  }
  if (recipients.length === 0) return nobodyToSendTo(unreadable, 'there is no To, Cc or Bcc', 'To');
  return { sender: from.value, recipients, unreadable };
}

/** `Ex, Ada at PO1`; an Internet address alone, or at the post office of a gateway to it. */
function personOf(text: string) {
  const outer = text.trim().replace(/^([^\s@]+@[^\s@]+)\s+at\s+.*$/i, '$1');
  return parseAddress(/^[A-Za-z0-9-]{1,16}:/.test(outer) || /^[^\s@]+@[^\s@]+$/.test(outer) ? outer : `CCMAIL:${outer}`);
}

function personOr(text: string): HeaderAddress | undefined {
  const read = personOf(text);
  if (!read.ok) return undefined;
  const name = read.value.startsWith('CCMAIL:') ? read.value.slice(7, read.value.lastIndexOf(' at ')) : undefined;
  return { address: read.value, ...(name === undefined ? {} : { name }) };
}
