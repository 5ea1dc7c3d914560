import { Readable } from 'node:stream';
import { bytesStreamed, formatDateTime, oneLine } from '@mailrail/mail';
import MailComposer from 'nodemailer/lib/mail-composer';
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
  /** At once, or in pieces when they are asked for: what is encoded in a large file is never decoded as a whole. `message/...`: 7-bit, CRLF. */
  bytes: Buffer | LazyBytes;
  cid?: string; // what HTML names it by, without angle brackets: it is shown inside the message then
  location?: string;
}

/** What is made piece by piece when it is written; each time the same. */
export type LazyBytes = () => Iterable<Buffer> | AsyncIterable<Buffer>;
/** Long text: UTF-8 with CRLF line ends. */
export type LazyText = () => Iterable<Buffer>;
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
  references?: string; // what it answers when absent
  importance?: 'low' | 'normal' | 'high';
  priority?: 'non-urgent' | 'normal' | 'urgent';
  sensitivity?: 'Personal' | 'Private' | 'Company-Confidential';
  receiptTo?: HeaderAddress; // who is to hear that it was read
  isAutomatic?: boolean;
  /** What has no field of its own: `X-Foreign-*`, in order. */
  kept: readonly { name: string; value: string }[];
  text: string | LazyText | TextBytes;
  html?: string | LazyText; // the same for those who can show it
  calendar?: { method: string; text: string }; // RFC 5545, with the method of RFC 5546
  /** A report: its second part is the first file. */
  reportType?: 'delivery-status' | 'disposition-notification';
  files: readonly ComposedFile[];
}

const maxFieldCharacters = 4_000;
const longText = 1_000_000;
const lineBytes = 57; // of a line of base64
const pieceBytes = lineBytes * 1_024;

/**
 * Makes an Internet message. The same composition gives the same bytes whenever it is made again (R5): boundaries, date and identity
 * derive from what is given.
 */
export async function compose(composition: Composition, context: TranslateContext): Promise<Translated> {
  const parts: Buffer[] = [];
  for await (const chunk of composed(composition, context)) parts.push(chunk);
  return { kind: 'message', parts };
}

/**
 * The same message piece by piece.
 *
 * @param isInner it goes into another, which sees to its line ends.
 */
export async function* composed(composition: Composition, context: TranslateContext, isInner = false): AsyncGenerator<Buffer> {
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
    ...(composition.inReplyTo === undefined ? {} : { inReplyTo: oneLine(composition.inReplyTo, maxFieldCharacters) }),
    ...references(composition),
    headers: [
      ...field('Importance', composition.importance),
      ...field('Priority', composition.priority),
      ...field('Sensitivity', composition.sensitivity),
      ...field('Disposition-Notification-To', composition.receiptTo === undefined ? undefined : mailbox(composition.receiptTo.address)),
      ...field('Auto-Submitted', composition.isAutomatic === true ? 'auto-generated' : undefined),
      ...composition.kept.flatMap(({ name, value }) => field(name, value)),
    ],
    ...textIn(composition),
    ...(composition.calendar === undefined ? {} : { alternatives: [calendarPart(composition.calendar)] }),
    attachments: composition.files.map(({ name, type, bytes, cid, location }) => ({
      filename: oneLine(name, 200),
      content: Readable.from(contentOf(type, bytes)), // in pieces: a large file is never encoded as one
      ...(type === undefined ? {} : { contentType: oneLine(type, 200) }),
      // What is a message may not be encoded again (RFC 2046 §5.2.1), and ours need it not.
      ...(type?.startsWith('message/') === true ? { contentTransferEncoding: '7bit' as const } : {}),
      ...(type === 'message/rfc822' ? { contentDisposition: 'attachment' as const } : {}),
      ...(cid === undefined ? {} : { cid: oneLine(cid, 200) }),
      ...(location === undefined ? {} : { headers: { 'Content-Location': oneLine(location, 500) } }),
    })),
    baseBoundary: rootId.replaceAll('-', ''),
    ...(isInner ? {} : { newline: '\r\n' }),
    disableFileAccess: true, // a message never reads a disk or the network
    disableUrlAccess: true,
  });
  const root = composer.compile();
  if (composition.reportType !== undefined) root.setHeader('Content-Type', `multipart/report; report-type=${composition.reportType}`);
  for await (const chunk of root.createReadStream()) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
    bytesStreamed(4 * bytes.length); // each byte has been in a few buffers on its way through the encoder
    yield bytes;
  }
}

function contentOf(type: string | undefined, bytes: ComposedFile['bytes']): Iterable<Buffer> | AsyncIterable<Buffer> {
  if (typeof bytes !== 'function') return pieces(bytes);
  return type?.startsWith('message/') === true ? bytes() : wholeLines(bytes());
}

function references({ references: all, inReplyTo }: Composition): { references?: string } {
  const value = all ?? inReplyTo;
  return value === undefined ? {} : { references: oneLine(value, maxFieldCharacters) };
}

/** Long text is not looked at letter by letter and not encoded as one: that takes seconds and many times its size. */
function textIn({ text, html }: Composition) {
  const [longPlain, longHtml] = [inPieces(text), html === undefined ? undefined : inPieces(html)];
  const shown = (short: string | LazyText | TextBytes, long: LazyText | undefined) =>
    long === undefined ? wholeText(short) : { content: Readable.from(wholeLines(long())) };
  return {
    text: shown(text, longPlain),
    ...(html === undefined ? {} : { html: shown(html, longHtml) }),
    ...(longPlain === undefined && longHtml === undefined ? {} : { textEncoding: 'base64' as const }),
  };
}

/** @returns undefined for a text that is short enough to be one string. */
function inPieces(text: string | LazyText | TextBytes): LazyText | undefined {
  if (typeof text === 'function') return text;
  if (typeof text === 'string') return text.length > longText ? () => pieces(withCrlf(Buffer.from(text))) : undefined;
  return text.bytes.length > longText ? () => textPieces(text) : undefined;
}

function wholeText(text: string | LazyText | TextBytes): string {
  if (typeof text === 'string') return text;
  return typeof text === 'function' ? Buffer.concat([...text()]).toString() : text.decode(withLineFeeds(text.bytes));
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

function calendarPart({ method, text }: NonNullable<Composition['calendar']>) {
  return { contentType: `text/calendar; charset=utf-8; method=${method}`, content: text };
}

/** Bytes in pieces of whole lines of base64. */
export function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** The same of bytes that come in pieces of any size: the encoder breaks lines where its pieces end. */
export async function* wholeLines(bytes: Iterable<Buffer> | AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const piece of bytes) {
    held.push(piece);
    size += piece.length;
    if (size < pieceBytes) continue;
    const all = Buffer.concat(held, size);
    const end = size - (size % lineBytes);
    yield* pieces(all.subarray(0, end));
    held = [all.subarray(end)];
    size -= end;
  }
  if (size > 0) yield Buffer.concat(held, size);
}
