import { once } from 'node:events';
import { Readable } from 'node:stream';
import { smtpAddress } from '@mailrail/mail';
import { type AddressObject, type Headers, MailParser } from 'mailparser';
import { shownName } from '../file-name.ts';
import { statusIn, type StatusReport } from './delivery-status.ts';
import type { Spool } from './file-writer.ts';

export interface HeaderPerson {
  address: string; // typed
  name: string; // may be empty
}

export interface AttachedFile {
  name: string; // without a path
  type: string;
  spool: Spool;
}

/** An Internet message in the words of systems that know no MIME. */
export interface InternetMessage {
  from: HeaderPerson[];
  to: HeaderPerson[];
  cc: HeaderPerson[];
  subject: string;
  date?: number; // milliseconds since the epoch
  messageId?: string; // without brackets
  inReplyTo?: string;
  importance?: 'low' | 'high';
  sensitivity?: string; // lower case, as written
  wantsReceipt: boolean;
  text: string;
  files: AttachedFile[];
  /** What a delivery report says, when this is one. */
  report?: StatusReport;
}

const maxFiles = 500;
const maxPeople = 2_000;
/** Of what a report encloses so much is kept to be read. */
const headBytes = 65_536;

/**
 * Reads a message: text in memory, attachments into spools while they pass.
 *
 * @throws Error of the parser, of the source or of a spool; a message that cannot be read to its end is not to be written as if it were whole.
 */
export async function readInternetMessage(source: AsyncIterable<Uint8Array>, spool: () => Promise<Spool>): Promise<InternetMessage> {
  const parser = new MailParser({ skipTextToHtml: true, skipImageLinks: true, skipTextLinks: true, keepDeliveryStatus: true });
  let headers: Headers = new Map();
  parser.on('headers', (found) => {
    headers = found;
  });
  const files: AttachedFile[] = [];
  const heads: { type: string; head: Buffer }[] = [];
  let text = '';
  let html = '';
  const input = Readable.from(source, { objectMode: false });
  input.on('error', (error) => parser.destroy(error));
  input.pipe(parser);
  try {
    for await (const part of parser) {
      if (part.type === 'text') {
        text = typeof part.text === 'string' ? part.text : '';
        html = typeof part.html === 'string' ? part.html : '';
        continue;
      }
      const kept: Buffer[] = [];
      let size = 0;
      const isFile = files.length < maxFiles;
      const file = isFile ? await spool() : undefined;
      for await (const chunk of part.content) {
        const bytes = Buffer.from(chunk);
        if (size < headBytes) kept.push(bytes.subarray(0, headBytes - size));
        size += bytes.length;
        await file?.write(bytes);
      }
      const type = part.contentType;
      if (/^(?:message\/|text\/rfc822-headers)/i.test(type)) heads.push({ type: type.toLowerCase(), head: Buffer.concat(kept) });
      if (file !== undefined) files.push({ name: nameOf(part.filename, type, files.length + 1), type, spool: file });
      part.release();
    }
  } finally {
    input.destroy();
    if (!input.closed) await once(input, 'close');
  }
  if (text.trim() === '' && html !== '') {
    const file = await spool();
    await file.write(Buffer.from(html));
    files.push({ name: 'message.htm', type: 'text/html', spool: file });
  }
  const report = statusIn(heads);
  const isStatus = ({ type }: AttachedFile): boolean => /^message\/(?:global-)?delivery-status$/i.test(type);
  return {
    ...headerWords(headers),
    text,
    files: report === undefined ? files : files.filter((file) => !isStatus(file)),
    ...(report === undefined ? {} : { report }),
  };
}

function headerWords(headers: Headers): Omit<InternetMessage, 'text' | 'files' | 'report'> {
  const word = (name: string): string => {
    const value = headers.get(name);
    return typeof value === 'string' ? value.trim() : '';
  };
  const date = headers.get('date');
  const at = date instanceof Date ? date.getTime() : typeof date === 'string' ? Date.parse(date) : Number.NaN;
  const urgency = word('priority'); // the parser's word for Importance, Priority and X-Priority together
  const importance = urgency === 'high' || urgency === 'low' ? urgency : undefined;
  const messageId = idIn(word('message-id'));
  const inReplyTo = idIn(word('in-reply-to'));
  const sensitivity = word('sensitivity').toLowerCase();
  return {
    from: peopleIn(headers, 'from'),
    to: peopleIn(headers, 'to'),
    cc: peopleIn(headers, 'cc'),
    subject: word('subject'),
    wantsReceipt: headers.has('disposition-notification-to'),
    ...(Number.isNaN(at) ? {} : { date: at }),
    ...(messageId === undefined ? {} : { messageId }),
    ...(inReplyTo === undefined ? {} : { inReplyTo }),
    ...(importance === undefined ? {} : { importance }),
    ...(sensitivity === '' ? {} : { sensitivity }),
  };
}

function peopleIn(headers: Headers, name: string): HeaderPerson[] {
  const value = headers.get(name);
  const objects = (Array.isArray(value) ? value : [value]).filter(isAddresses);
  const flat = objects.flatMap((one) => one.value).flatMap((one) => (one.group === undefined ? [one] : one.group));
  return flat
    .flatMap(({ address, name: shown }) =>
      address === undefined || !address.includes('@') ? [] : [{ address: smtpAddress(address), name: shown }],
    )
    .slice(0, maxPeople);
}

function isAddresses(value: unknown): value is AddressObject {
  return typeof value === 'object' && value !== null && 'value' in value && Array.isArray(value.value);
}

function idIn(text: string): string | undefined {
  return /<([^<>\s]{1,400})>/.exec(text)?.[1];
}

function nameOf(given: string | false | undefined, type: string, place: number): string {
  const usual = /^message\/(?:rfc822|global)$/i.test(type) ? `message-${place}.eml` : `attachment-${place}`;
  return shownName(typeof given === 'string' ? given : '', usual);
}
