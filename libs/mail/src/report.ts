import { smtpMailbox } from './address.ts';
import { formatDateTime } from './date-time.ts';
import { foldWords, quotedPrintable, unstructured } from './encoded-words.ts';
import { type HeaderBlock, readHeaderBlock } from './header-block.ts';
import { imceaMailbox } from './imcea.ts';
import type { ReportAction } from './notify.ts';
import { oneLine } from './one-line.ts';
import type { ReportInput } from './report-input.ts';
import { deliveryStatus } from './report-status.ts';
import { reportText } from './report-text.ts';
import { isAscii } from './utf8-address.ts';

/** A report as bytes around the original's, which the caller puts between (from the byte `original.head` began at, to the end). */
export interface Report {
  head: Buffer;
  /** Whether the original's bytes stand between `head` and `tail`. */
  enclosesWhole: boolean;
  tail: Buffer;
  body: '7bit' | '8bit';
  smtputf8: boolean;
  messageId: string;
}

/** Of a header block so many bytes are shown, up to the end of a field. */
const maxShownHeaderBytes = 65_536;

/**
 * A report of RFC 3464 in a multipart/report (RFC 6522): text for people, delivery-status for programs, and the original or
 * its header. The same input makes the same bytes. 7-bit but for an internationalized `to` (RFC 6532: there is no other way
 * to write it) and for a whole 8-bit original.
 */
export function buildReport(input: ReportInput): Report {
  const boundary = `=_${input.id.replaceAll('-', '')}`;
  const header = input.original === undefined ? undefined : readHeaderBlock(input.original.head, 1_000);
  const messageId = `<${input.id}@${input.hostname}>`;
  const to = smtpMailbox(input.to) ?? imceaMailbox(input.to, input.hostname);
  const part = (fields: readonly string[], content: string) => `--${boundary}\r\n${fields.join('\r\n')}\r\n\r\n${content}\r\n`;

  const told = reportText({ ...input, subject: header?.first('Subject'), date: header?.first('Date') });
  const text = isAscii(told.replaceAll('\r\n', ''))
    ? { encoding: '7bit', content: told }
    : { encoding: 'quoted-printable', content: quotedPrintable(Buffer.from(told)) };
  const start = [
    `From: Mail Delivery System <${oneLine(input.postmaster, 320)}>`,
    `To: <${to.replace(/\p{Cc}/gu, '')}>`,
    `Subject: ${subjectOf(input.action, header)}`,
    `Date: ${formatDateTime(input.at)}`,
    `Message-ID: ${messageId}`,
    ...references(header),
    'Auto-Submitted: auto-replied',
    'MIME-Version: 1.0',
    `Content-Type: multipart/report; report-type=delivery-status;\r\n boundary="${boundary}"`,
    '',
    'This is a report about a message, in parts for people and for programs (MIME).',
    '',
    part(['Content-Type: text/plain; charset=utf-8', `Content-Transfer-Encoding: ${text.encoding}`], text.content) +
      part(['Content-Type: message/delivery-status'], deliveryStatus(input)),
  ].join('\r\n');
  const end = `\r\n--${boundary}--\r\n`;
  const smtputf8 = !isAscii(to);
  const common = { messageId, smtputf8 };

  const { original } = input;
  if (original === undefined || header === undefined) {
    return {
      ...common,
      head: Buffer.from(start.slice(0, -2)),
      enclosesWhole: false,
      tail: Buffer.from(end),
      body: smtputf8 ? '8bit' : '7bit',
    };
  }
  // A binary original cannot be enclosed for peers without CHUNKING (E4): its header must do.
  if (original.whole && original.body !== 'binary') {
    const fields = [
      `Content-Type: ${original.smtputf8 ? 'message/global' : 'message/rfc822'}`,
      `Content-Transfer-Encoding: ${original.body}`,
    ];
    const head = Buffer.from(`${start}--${boundary}\r\n${fields.join('\r\n')}\r\n\r\n`);
    return { ...common, head, enclosesWhole: true, tail: Buffer.from(end), body: original.body === '8bit' || smtputf8 ? '8bit' : '7bit' };
  }
  const shown = shownHeader(original.head, header);
  const plain = isAscii(shown.toString('latin1').replace(/\r?\n|\t/g, '')) && !hasLongLine(shown);
  const type = original.smtputf8 ? 'message/global-headers' : 'text/rfc822-headers; charset=utf-8';
  const fields = [`Content-Type: ${type}`, `Content-Transfer-Encoding: ${plain ? '7bit' : 'quoted-printable'}`];
  const headerText = plain ? shown.toString('latin1').replace(/\r?\n/g, '\r\n') : quotedPrintable(shown);
  const head = Buffer.from(`${start}--${boundary}\r\n${fields.join('\r\n')}\r\n\r\n${headerText}`);
  return { ...common, head, enclosesWhole: false, tail: Buffer.from(end), body: smtputf8 ? '8bit' : '7bit' };
}

const subjects: Readonly<Record<ReportAction, string>> = {
  failed: 'Undeliverable',
  delayed: 'Delayed',
  delivered: 'Delivered',
  relayed: 'Relayed',
  expanded: 'Expanded',
};

function subjectOf(action: ReportAction, header: HeaderBlock | undefined): string {
  const raw = oneLine(header?.first('Subject') ?? '', 500);
  if (raw === '') return `${subjects[action]}: (no subject)`;
  const text = `${subjects[action]}: ${shortened(raw)}`;
  // A subject in encoded words is taken over as it is: words are never cut.
  return isAscii(text) ? foldWords(text, 9) : unstructured(text, 9);
}

/** At most 200 characters, whole words: half an encoded word cannot be read. */
function shortened(text: string): string {
  if (text.length <= 200) return text;
  const cut = text.lastIndexOf(' ', 197);
  return `${text.slice(0, cut > 0 ? cut : 197).replace(/[\ud800-\udbff]$/, '')}...`;
}

/** RFC 5322 §3.6.4, so that mail programs show the report with the message it is about. */
function references(header: HeaderBlock | undefined): string[] {
  const id = oneLine(header?.first('Message-ID') ?? '', 400);
  return /^<[!-;=?-~]+>$/.test(id) ? [`In-Reply-To: ${id}`, `References: ${id}`] : [];
}

/** The header block up to a whole field, line ends included, without what follows. */
function shownHeader(bytes: Buffer, block: HeaderBlock): Buffer {
  let end = 0;
  for (const field of block.fields) {
    if (field.end > maxShownHeaderBytes) break;
    end = field.end;
  }
  return bytes.subarray(0, end);
}

function hasLongLine(bytes: Buffer): boolean {
  let start = 0;
  while (start < bytes.length) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed < 0 ? bytes.length : feed;
    if (end - start > 998) return true;
    start = end + 1;
  }
  return false;
}
