import { formatDateTime, oneLine, reportAddress } from '@mailrail/mail';
import type { ComposedFile, Composition } from '../compose.ts';
import type { TranslateContext } from '../foreign-file.ts';
import { classOf } from './message-facts.ts';
import type { MapiMessage } from './mapi-message.ts';
import { isPerson, peopleOf, type People, personIn } from './people.ts';
import { numberIn, type PropertyBag, textIn, timeIn } from './properties.ts';
import { tag } from './tags.ts';

/** A report in the form of the Internet: what a person reads, and what a program does. */
export interface ReportParts {
  type: NonNullable<Composition['reportType']>;
  text: Composition['text'];
  status: ComposedFile;
}

/** Whom a report is for: who received it, else who sent what it is about; people in its table are those it speaks of. */
export function peopleOfReport(message: MapiMessage): People {
  const { properties } = message;
  const found = [personIn(properties, 'receivedBy'), personIn(properties, 'originalSender')].find(isPerson);
  if (found === undefined) {
    const untold = message.recipients.filter((bag) => !isSpokenOf(bag));
    return peopleOf({ ...message, recipients: untold.length > 0 ? untold : message.recipients });
  }
  return { to: [found], cc: [], recipients: [{ address: found.address, where: 'report' }], unreadable: [] };
}

function isSpokenOf(bag: PropertyBag): boolean {
  const ids = [
    tag.nonDeliveryReportReasonCode,
    tag.nonDeliveryReportDiagCode,
    tag.nonDeliveryReportStatusCode,
    tag.reportText,
    tag.reportTime,
  ];
  return ids.some((id) => bag.byId.has(id));
}

/** @param body the text it came with. */
export function reportOf(message: MapiMessage, context: TranslateContext, body: Composition['text']): ReportParts {
  const word = classOf(message);
  const isReceipt = /\.IPN(?:RN|NRN)$/.test(word);
  const own = typeof body === 'string' && body.trim() === '' ? textIn(message.properties, tag.reportText) : undefined;
  const text = own ?? (typeof body === 'string' && body.trim() === '' ? spoken(word) : body);
  if (isReceipt) {
    return {
      type: 'disposition-notification',
      text,
      status: { name: 'disposition.txt', type: 'message/disposition-notification', bytes: Buffer.from(receiptStatus(message, context)) },
    };
  }
  return {
    type: 'delivery-status',
    text,
    status: { name: 'status.txt', type: 'message/delivery-status', bytes: Buffer.from(deliveryStatus(message, context)) },
  };
}

function spoken(word: string): string {
  if (word.endsWith('.NDR')) return 'Your message did not reach some or all of the intended recipients.\r\n';
  if (word.endsWith('.IPNRN')) return 'Your message was read.\r\n';
  if (word.endsWith('.IPNNRN')) return 'Your message was deleted without being read.\r\n';
  return 'Your message was delivered.\r\n';
}

/** RFC 3464. */
function deliveryStatus(message: MapiMessage, context: TranslateContext): string {
  const { properties, recipients } = message;
  const hasFailed = classOf(message).endsWith('.NDR');
  const told = recipients.filter(isSpokenOf);
  const blocks = (told.length > 0 ? told : recipients).flatMap((bag) => {
    const person = personIn(bag, 'recipient');
    if (!isPerson(person)) return [];
    const text = textIn(bag, tag.supplementaryInfo) ?? textIn(bag, tag.reportText);
    const at = timeIn(bag, tag.reportTime);
    return [
      [
        `Final-Recipient: ${oneLine(reportAddress(person.address), 1_000)}`,
        `Action: ${hasFailed ? 'failed' : 'delivered'}`,
        `Status: ${hasFailed ? statusOf(bag, text) : '2.0.0'}`,
        ...(text === undefined ? [] : [`Diagnostic-Code: x-foreign; ${ascii(text)}`]),
        ...(at === undefined ? [] : [`Last-Attempt-Date: ${formatDateTime(at)}`]),
      ],
    ];
  });
  const submitted = timeIn(properties, tag.originalSubmitTime);
  const head = [
    `Reporting-MTA: dns; ${ascii(context.hostname)}`,
    ...(submitted === undefined ? [] : [`Arrival-Date: ${formatDateTime(submitted)}`]),
  ];
  return `${[head, ...blocks].map((block) => block.join('\r\n')).join('\r\n\r\n')}\r\n`;
}

/** A status in its words, else one by the reason MAPI gives (MS-OXOMSG §2.2.3.36): most are a recipient nobody knows. */
function statusOf(bag: PropertyBag, text: string | undefined): string {
  const [, found] = /(?:^|[\s#<(])([45]\.\d{1,3}\.\d{1,3})(?=$|[\s>);#:,])/.exec(text ?? '') ?? [];
  if (found !== undefined) return found;
  const diagnostic = numberIn(bag, tag.nonDeliveryReportDiagCode);
  return (diagnostic === undefined ? undefined : statusByDiagnostic.get(diagnostic)) ?? '5.0.0';
}

/** X.411 diagnostics and their status (RFC 2156 §A.1, RFC 3463). */
const statusByDiagnostic: ReadonlyMap<number, string> = new Map([
  [0, '5.1.1'], // no such recipient
  [1, '5.1.4'], // ambiguous
  [2, '4.4.5'], // congestion
  [3, '5.4.6'], // loop
  [4, '5.2.1'], // recipient unavailable
  [5, '4.4.7'], // time is over
  [6, '5.6.1'], // types not supported
  [7, '5.2.3'], // too long
]);

/** RFC 8098. */
function receiptStatus(message: MapiMessage, context: TranslateContext): string {
  const reader = personIn(message.properties, 'sentRepresenting');
  const other = isPerson(reader) ? reader : personIn(message.properties, 'sender');
  const about = /<[!-;=?-~]+@[!-;=?-~]+>/.exec(
    textIn(message.properties, tag.originalMessageId) ?? textIn(message.properties, tag.inReplyTo) ?? '',
  )?.[0];
  return [
    `Reporting-UA: ${ascii(context.hostname)}; Mailrail`,
    ...(isPerson(other) ? [`Final-Recipient: ${oneLine(reportAddress(other.address), 1_000)}`] : []),
    ...(about === undefined ? [] : [`Original-Message-ID: ${about}`]),
    `Disposition: manual-action/MDN-sent-manually; ${classOf(message).endsWith('.IPNNRN') ? 'deleted' : 'displayed'}`,
    '',
  ].join('\r\n');
}

function ascii(text: string): string {
  return oneLine(text, 480).replaceAll(/[^ -~]/gu, '?');
}
