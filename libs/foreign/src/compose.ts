import { Readable } from 'node:stream';
import { formatDateTime, oneLine } from '@mailrail/mail';
import MailComposer from 'nodemailer/lib/mail-composer';
import type Mail from 'nodemailer/lib/mailer';
import type { TranslateContext, Translated } from './foreign-file.ts';
import { withCrlf, withLineFeeds } from './line-ends.ts';

/** An address as a header shows it. */
export interface HeaderAddress {
  address: string; // typed
  name?: string;
}

export interface ComposedFile {
  name: string; // of the last part of whatever path it came with
  type?: string; // by its name when absent
  /** At once, or in pieces when they are asked for: what is encoded in a large file is never decoded as a whole. */
  bytes: Buffer | (() => Iterable<Buffer>);
  cid?: string; // what HTML names it by, without angle brackets: it is shown inside the message then
}

/** The bytes of a text and how they are read, for texts that may be long: then they are never one string. */
export interface TextBytes {
  bytes: Buffer; // line ends of any kind; lines in a character set in which a line feed is that
  decode: (lines: Buffer) => string;
}

/** A message to be made anew, in mail's own words. All texts may be foreign: they are made safe here. Nobody in Bcc is named. */
export interface Composition {
  from?: HeaderAddress;
  sender?: HeaderAddress;
  to: readonly HeaderAddress[];
  cc: readonly HeaderAddress[];
  replyTo?: readonly HeaderAddress[];
  subject?: string;
  date?: number; // milliseconds since the epoch
  messageId?: string; // with angle brackets
  inReplyTo?: string;
  importance?: 'low' | 'normal' | 'high';
  priority?: 'non-urgent' | 'normal' | 'urgent';
  sensitivity?: 'Personal' | 'Private' | 'Company-Confidential';
  receiptTo?: HeaderAddress; // who is to hear that it was read
  isAutomatic?: boolean;
  /** What has no field of its own: `X-Foreign-*`, in order. */
  kept: readonly { name: string; value: string }[];
  text: string | TextBytes;
  html?: string; // the same for those who can show it
  files: readonly ComposedFile[];
}

const maxFieldCharacters = 4_000;
const longText = 1_000_000;
const pieceBytes = 57 * 1_024; // whole lines of base64

/**
 * Makes an Internet message. The same composition gives the same bytes whenever it is made again (R5): boundaries, date and identity
 * derive from what is given.
 */
export async function compose(composition: Composition, context: TranslateContext): Promise<Translated> {
  const { rootId, hostname, at, mailbox } = context;
  const { from, sender, to, cc, replyTo = [], receiptTo } = composition;
  const named = [from, sender, ...to, ...cc, ...replyTo, receiptTo].flatMap((one) => (one === undefined ? [] : [one.address]));
  await context.prepare?.(named);
  const shown = ({ address, name }: HeaderAddress) => ({ name: oneLine(name ?? '', 200), address: mailbox(address) });
  const field = (key: string, value: string | undefined) =>
    value === undefined ? [] : [{ key, value: oneLine(value, maxFieldCharacters) }];
  const composer = new MailComposer({
    ...(composition.from === undefined ? {} : { from: shown(composition.from) }),
    ...(composition.sender === undefined ? {} : { sender: shown(composition.sender) }),
    to: composition.to.map(shown),
    cc: composition.cc.map(shown),
    ...(composition.replyTo === undefined ? {} : { replyTo: composition.replyTo.map(shown) }),
    ...(composition.subject === undefined ? {} : { subject: oneLine(composition.subject, maxFieldCharacters) }),
    date: formatDateTime(composition.date ?? at),
    messageId: composition.messageId ?? `<${rootId}@${hostname}>`,
    ...(composition.inReplyTo === undefined ? {} : { inReplyTo: composition.inReplyTo, references: composition.inReplyTo }),
    headers: [
      ...field('Importance', composition.importance),
      ...field('Priority', composition.priority),
      ...field('Sensitivity', composition.sensitivity),
      ...field('Disposition-Notification-To', composition.receiptTo === undefined ? undefined : mailbox(composition.receiptTo.address)),
      ...field('Auto-Submitted', composition.isAutomatic === true ? 'auto-generated' : undefined),
      ...composition.kept.flatMap(({ name, value }) => field(name, value)),
    ],
    ...body(composition),
    attachments: composition.files.map(({ name, type, bytes, cid }) => ({
      filename: oneLine(name, 200),
      content: Readable.from(typeof bytes === 'function' ? bytes() : pieces(bytes)), // a large file is never encoded as one
      ...(type === undefined ? {} : { contentType: oneLine(type, 200) }),
      ...(cid === undefined ? {} : { cid: oneLine(cid, 200) }),
    })),
    baseBoundary: rootId.replaceAll('-', ''),
    newline: '\r\n',
    disableFileAccess: true, // a message never reads a disk or the network
    disableUrlAccess: true,
  });
  const parts: Buffer[] = [];
  for await (const chunk of composer.compile().createReadStream()) parts.push(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk));
  return { kind: 'message', parts };
}

/** Long text is not looked at letter by letter and not encoded as one: that takes seconds and many times its size. */
function body({ text, html }: Composition): Pick<Mail.Options, 'text' | 'html' | 'textEncoding'> {
  const textLength = typeof text === 'string' ? text.length : text.bytes.length;
  if (textLength + (html?.length ?? 0) <= longText) {
    const whole = typeof text === 'string' ? text : text.decode(withLineFeeds(text.bytes));
    return { text: whole, ...(html === undefined ? {} : { html }) };
  }
  const inPieces = (long: string | TextBytes) => ({
    content: Readable.from(typeof long === 'string' ? pieces(withCrlf(Buffer.from(long))) : textPieces(long)),
  });
  return { text: inPieces(text), ...(html === undefined ? {} : { html: inPieces(html) }), textEncoding: 'base64' };
}

/** Whole lines together, so that no letter is cut in two; a line longer than a piece is one. */
function* textPieces({ bytes, decode }: TextBytes): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const feed = bytes.indexOf('\n', Math.min(bytes.length, at + pieceBytes));
    const end = feed < 0 ? bytes.length : feed + 1;
    yield withCrlf(Buffer.from(decode(withLineFeeds(bytes.subarray(at, end)))));
    at = end;
  }
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
