import { oneLine, parseAddress, readHeaderBlock } from '@mailrail/mail';
import addressparser from 'nodemailer/lib/addressparser';
import { type BadEntry, type Entry, type FileDialect, nobodyToSendTo, type Reject, reject } from '../foreign-file.ts';
import { unfitByte } from '../lines.ts';
import { ownMail } from '../own-mail.ts';
import { contentOf, isMbox, type MboxMessage, readMbox } from './mbox-file.ts';

const maxMessages = 10_000;
const maxHeadBytes = 65_536;
const maxListCharacters = 65_536;

/** Fields in which a delivery noted whom it was for: the envelope, where they are there. */
const delivered = ['delivered-to', 'x-original-to', 'envelope-to', 'x-envelope-to'];
const addressed = ['to', 'cc', 'bcc'];

/** Unix mailboxes: messages behind `From ` lines, many a file. The messages are Internet mail and pass byte for byte. */
export const mbox: FileDialect = {
  name: 'mbox',
  recognise: (head) => (isMbox(head) ? 3 : 0),
  // The format has no closing word: a message ends with a blank line, or at least with its line.
  isComplete: (head, tail) => isMbox(head) && tail.at(-1) === 0x0a,
  read(file, { recipientsPerMessage }) {
    if (!isMbox(file.subarray(0, 4_096)))
      return reject('unrecognised', 'this is no mailbox file: it does not begin with a "From " line', 'line 1');
    const messages = readMbox(file, maxMessages);
    if (messages === undefined) return reject('too-large', `more than ${maxMessages} messages in one file`);
    const entries = messages.map((message): Entry | BadEntry => {
      const bytes = file.subarray(message.start, message.end);
      const envelope = envelopeOf(file, message, recipientsPerMessage);
      return 'code' in envelope ? { kind: 'bad', reject: envelope, bytes } : { kind: 'message', ...envelope, bytes };
    });
    const notes = messages.some(({ length }) => length === 'wrong') ? ['content-length-wrong'] : [];
    return { kind: 'read', entries, notes };
  },
  translate(bytes, context) {
    const own = contentOf(bytes);
    if (own === undefined) return Promise.resolve(reject('syntax', 'this is no message of a mailbox'));
    // The length is the mailbox's, and no longer right.
    return Promise.resolve(ownMail(own, context, { remove: ['content-length', 'lines'] }));
  },
};

/** Who it was for and from. A mailbox has no envelope of its own: what deliveries noted counts, else the header. */
function envelopeOf(file: Buffer, message: MboxMessage, maxRecipients: number): Omit<Entry, 'kind' | 'bytes'> | Reject {
  const { contentAt, end } = message;
  const unfit = unfitByte(file, contentAt, end);
  if (unfit >= 0) return reject('syntax', `a NUL or a carriage return alone at byte ${unfit}: this is not a text message`);
  const block = readHeaderBlock(file.subarray(contentAt, Math.min(end, contentAt + maxHeadBytes)), 1_000);
  if (block.fields.length === 0) return reject('syntax', 'it has no header', message.separator.slice(0, 60));
  const noted = delivered.find((name) => block.first(name) !== undefined);
  const recipients: Entry['recipients'] = [];
  const unreadable: Entry['unreadable'] = [];
  const known = new Set<string>();
  for (const name of noted === undefined ? addressed : [noted]) {
    const where = name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase());
    for (const { address, name: shown } of block.all(name).flatMap((value) => peopleIn(value))) {
      const text = address === '' ? shown : address;
      const read = parseAddress(text);
      if (!read.ok) unreadable.push({ text: oneLine(text, 100), where, reason: `is no address: ${oneLine(read.reason, 200)}` });
      else if (!known.has(read.value)) {
        known.add(read.value);
        recipients.push({ address: read.value, where });
      }
      if (recipients.length + unreadable.length > maxRecipients)
        return reject('too-many-recipients', `more than ${maxRecipients} recipients`, where);
    }
  }
  if (recipients.length === 0) return nobodyToSendTo(unreadable, 'there is no Delivered-To, To, Cc or Bcc', 'To');
  return { sender: senderOf(message.separator), recipients, unreadable };
}

function peopleIn(value: string): { address: string; name: string }[] {
  return addressparser(value.slice(0, maxListCharacters), { flatten: true }).map(({ address, name }) => ({ address, name }));
}

/** `From ada@corp.example Mon ...`; of `MAILER-DAEMON`, `-` and the like nobody, so that nothing answers it. */
function senderOf(separator: string): string | null {
  const read = parseAddress(/^From (\S+)/.exec(separator)?.[1] ?? '');
  return read.ok && !/^SMTP:mailer-daemon@/i.test(read.value) ? read.value : null;
}
