import { type Notify, oneLine, readHeaderBlock } from '@mailrail/mail';
import { type Entry, type EntryRecipient, type FileDialect, nobodyToSendTo, type Reject, reject } from '../foreign-file.ts';
import { unfitByte } from '../lines.ts';
import { ownMail } from '../own-mail.ts';
import { orAddress, orAddresses } from './or-addresses.ts';

const maxFields = 2_000;
const maxBlockBytes = 262_144;
const maxValue = 900;

/** A transfer envelope in text, and where the message behind it begins. */
interface X400Text {
  kind: 'x400';
  envelope: Omit<Entry, 'kind' | 'bytes'>;
  originator: string;
  kept: { name: string; value: string }[];
  contentAt: number;
  notes: string[];
}

/**
 * X.400 mail in the terms of RFC 2156 (MIXER): a block of fields of the transfer service, a blank line, then the message with the fields
 * that RFC gives the parts of its heading.
 */
export const x400Text: FileDialect = {
  name: 'x400-text',
  recognise(head) {
    const text = head.toString('latin1', 0, 4_096);
    return /^(?:[A-Za-z0-9-]+:[^\n]*\n(?:[ \t][^\n]*\n)*){0,10}?X400-(?:Originator|Recipients):/i.test(text) ? 3 : 0;
  },
  // The format has no closing word. A message of several parts has; any other must end with its line.
  isComplete(head, tail, whole) {
    const block = readHeaderBlock(head, maxFields);
    if (block.end >= head.length) return false;
    const content = readHeaderBlock(head.subarray(block.end), maxFields);
    if (!whole && content.end >= head.length - block.end) return true; // judged when it is read
    if (block.end + content.end >= head.length && whole) return false;
    const boundary = boundaryOf(content.first('content-type'));
    return boundary === undefined ? tail.at(-1) === 0x0a : tail.toString('latin1').includes(`--${boundary}--`);
  },
  read(file, { recipientsPerMessage }) {
    if (x400Text.recognise(file.subarray(0, 4_096)) === 0) {
      return reject('unrecognised', 'this is no X.400 message in text: it has neither X400-Originator nor X400-Recipients', 'line 1');
    }
    const message = readText(file, recipientsPerMessage);
    if (message.kind === 'reject') return message;
    return { kind: 'read', entries: [{ kind: 'message', ...message.envelope, bytes: file }], notes: message.notes };
  },
  async translate(bytes, context) {
    const message = readText(bytes, Number.POSITIVE_INFINITY);
    if (message.kind === 'reject') return message;
    await context.prepare?.([message.originator]);
    const content = bytes.subarray(message.contentAt);
    const own = readHeaderBlock(content.subarray(0, maxBlockBytes), maxFields);
    const from = own.first('from') === undefined ? `From: ${context.mailbox(message.originator)}\r\n` : '';
    const kept = message.kept
      .filter(({ name }) => !/^(?:priority|deferred-delivery)$/i.test(name) || own.first(name) === undefined)
      .map(({ name, value }) => `${name}: ${oneLine(value, maxValue)}\r\n`);
    return ownMail(content, context, { first: from + kept.join('') });
  },
};

function readText(bytes: Buffer, maxRecipients: number): X400Text | Reject {
  const unfit = unfitByte(bytes, 0, bytes.length);
  if (unfit >= 0) return reject('syntax', `a NUL or a carriage return alone at byte ${unfit}: this is not a text message`);
  const block = readHeaderBlock(bytes.subarray(0, maxBlockBytes), maxFields);
  if (block.more || block.end >= maxBlockBytes)
    return reject('too-large', `more than ${maxFields} fields, or ${maxBlockBytes} bytes of them`);
  if (block.end >= bytes.length) return reject('incomplete-timeout', 'the file ends behind its transfer fields: there is no message');
  if (!endsBlank(bytes, block.end)) {
    const found = bytes.toString('utf8', block.end, block.end + 60);
    return reject('syntax', `"${oneLine(found.split('\n', 1)[0] ?? '', 60)}" is no field, and no blank line is before it`);
  }
  const contentAt = block.end;
  const content = readHeaderBlock(bytes.subarray(contentAt, contentAt + maxBlockBytes), maxFields);
  if (content.more) return reject('too-large', `more than ${maxFields} fields`);
  if (content.end === 0 || !endsBlank(bytes, contentAt + content.end)) {
    return reject('incomplete-timeout', 'the heading of the message has no blank line behind it');
  }
  const notes: string[] = [];
  const written = block.first('x400-originator');
  const originator = written === undefined ? undefined : orAddress(written);
  if (originator === undefined) return reject('envelope', 'nobody to answer to: there is no X400-Originator', 'X400-Originator');
  if (!originator.ok) return reject('envelope', `the originator is no address: ${oneLine(originator.reason, 200)}`, 'X400-Originator');
  notes.push(...originator.value.notes);

  const notify = notifyOf(block.first('prevent-nondelivery-report') !== undefined, block.first('generate-delivery-report') !== undefined);
  const recipients: EntryRecipient[] = [];
  const unreadable: Entry['unreadable'] = [];
  const where = 'X400-Recipients';
  for (const text of block.all('x400-recipients').flatMap((value) => orAddresses(value))) {
    const read = orAddress(text);
    if (!read.ok) unreadable.push({ text: oneLine(text, 100), where, reason: `is no address: ${oneLine(read.reason, 200)}` });
    else {
      notes.push(...read.value.notes);
      recipients.push({ address: read.value.address, where, ...(notify === undefined ? {} : { notify }) });
    }
    if (recipients.length + unreadable.length > maxRecipients)
      return reject('too-many-recipients', `more than ${maxRecipients} recipients`, where);
  }
  if (recipients.length === 0) return nobodyToSendTo(unreadable, 'X400-Recipients is empty', where);
  const boundary = boundaryOf(content.first('content-type'));
  if (boundary !== undefined && !bytes.includes(`--${boundary}--`, contentAt)) notes.push('closing-line-missing');
  const isReport = /^\s*multipart\/report\b/i.test(content.first('content-type') ?? '');
  const envid = block.first('x400-mts-identifier');
  return {
    kind: 'x400',
    envelope: {
      sender: isReport ? null : originator.value.address,
      recipients,
      unreadable,
      ...(envid === undefined ? {} : { envid: oneLine(envid, 100) }),
    },
    originator: originator.value.address,
    kept: keptOf(
      block.fields.map(({ name }) => name),
      (name) => block.all(name),
    ),
    contentAt,
    notes: [...new Set(notes)],
  };
}

/** Who it is for is known to us alone: the list may hold people whom nobody is to see. */
const hidden = new Set(['x400-recipients', 'bcc', 'resent-bcc', 'content-length']);

function keptOf(names: readonly string[], all: (name: string) => string[]): X400Text['kept'] {
  return [...new Set(names.map((name) => name.toLowerCase()))]
    .filter(
      (name) => !hidden.has(name) && !/^(?:content-|mime-|from$|to$|cc$|subject$|date$|message-id$|received$|return-path$)/.test(name),
    )
    .flatMap((name) => all(name).map((value) => ({ name: titleOf(name), value })));
}

function titleOf(name: string): string {
  return name.replaceAll(/(?:^|-)[a-z]/g, (start) => start.toUpperCase()).replaceAll(/\bMts\b/g, 'MTS');
}

function notifyOf(prevents: boolean, wishes: boolean): Notify | undefined {
  if (wishes) return prevents ? ['success'] : ['success', 'failure'];
  return prevents ? 'never' : undefined;
}

function boundaryOf(contentType: string | undefined): string | undefined {
  return /^\s*multipart\/[^;]*;.*\bboundary\s*=\s*(?:"([^"]{1,70})"|([^\s;"]{1,70}))/is
    .exec(contentType ?? '')
    ?.slice(1)
    .find((one) => one !== undefined);
}

/** Whether a block of fields that ends at an offset is ended by a blank line. */
function endsBlank(bytes: Buffer, end: number): boolean {
  return /\n\r?\n$/.test(bytes.toString('latin1', Math.max(0, end - 4), end));
}
