import { createHash } from 'node:crypto';
import { smtpMailbox } from '@mailrail/mail';
import type { Composition, HeaderAddress } from '../compose.ts';
import type { TranslateContext } from '../foreign-file.ts';
import { classOf, writersOf } from './message-facts.ts';
import { subjectOf } from './header-fields.ts';
import type { MapiMessage } from './mapi-message.ts';
import { peopleOf } from './people.ts';
import { type Pieces, joined, numberOf, type Property, propertyKey, textOf, timeIn, timeOf } from './properties.ts';
import { propertySet, tag } from './tags.ts';

/** Named properties of meetings (MS-OXOCAL), by their numbers. */
const lid = { location: 0x8208, start: 0x820d, end: 0x820e, sequence: 0x8201, isAllDay: 0x8215, isRecurring: 0x8223 } as const;
const meetingLid = { globalId: 0x03, cleanGlobalId: 0x23 } as const;

const answers: ReadonlyMap<string, string> = new Map([
  ['IPM.SCHEDULE.MEETING.RESP.POS', 'ACCEPTED'],
  ['IPM.SCHEDULE.MEETING.RESP.NEG', 'DECLINED'],
  ['IPM.SCHEDULE.MEETING.RESP.TENT', 'TENTATIVE'],
]);

/**
 * The calendar part of a meeting message: request, cancellation or answer, in UTC. Of a series it is the first meeting, and a note says so.
 *
 * @returns `undefined` for any other message, and for a meeting without a time.
 */
export function calendarOf(
  message: MapiMessage,
  context: TranslateContext,
): (NonNullable<Composition['calendar']> & { notes: string[] }) | undefined {
  const word = classOf(message);
  const answer = answers.get(word);
  const method =
    answer === undefined ? { 'IPM.SCHEDULE.MEETING.REQUEST': 'REQUEST', 'IPM.SCHEDULE.MEETING.CANCELED': 'CANCEL' }[word] : 'REPLY';
  if (method === undefined) return undefined;
  const { properties } = message;
  const named = (number: number): Property | undefined => properties.byName.get(propertyKey(propertySet.appointment, number));
  const start = timeOf(named(lid.start)) ?? timeIn(properties, tag.startDate);
  const end = timeOf(named(lid.end)) ?? timeIn(properties, tag.endDate) ?? start;
  if (start === undefined || end === undefined) return undefined;
  const isAllDay = numberOf(named(lid.isAllDay)) === 1;
  const isRecurring = numberOf(named(lid.isRecurring)) === 1;
  const { from } = writersOf(message);
  const { to, cc } = peopleOf(message);
  const [organizer] = answer === undefined ? [from] : to;
  const attendees = answer === undefined ? [...to, ...cc] : from === undefined ? [] : [from];
  const location = textOf(properties, named(lid.location))[0];
  const subject = subjectOf(properties);
  const date = isAllDay ? (at: number) => `;VALUE=DATE:${stamp(at).slice(0, 8)}` : (at: number) => `:${stamp(at)}`;
  const person = (field: string, { address, name }: HeaderAddress, more = '') =>
    `${field}${name === undefined ? '' : `;CN="${plain(name).replaceAll('"', '')}"`}${more}:mailto:${smtpMailbox(address) ?? context.mailbox(address)}`;
  const lines = [
    'BEGIN:VCALENDAR',
    'PRODID:-//Mailrail//EN',
    'VERSION:2.0',
    `METHOD:${method}`,
    'BEGIN:VEVENT',
    `UID:${uidOf(message) ?? context.rootId}`,
    `DTSTAMP:${stamp(timeIn(properties, tag.clientSubmitTime) ?? context.at)}`,
    `DTSTART${date(start)}`,
    `DTEND${date(end)}`,
    `SEQUENCE:${Math.max(0, numberOf(named(lid.sequence)) ?? 0)}`,
    ...(subject === undefined ? [] : [`SUMMARY:${escaped(subject)}`]),
    ...(location === undefined ? [] : [`LOCATION:${escaped(location)}`]),
    ...(organizer === undefined ? [] : [person('ORGANIZER', organizer)]),
    ...attendees.map((one) => person('ATTENDEE', one, answer === undefined ? ';RSVP=TRUE' : `;PARTSTAT=${answer}`)),
    ...(method === 'CANCEL' ? ['STATUS:CANCELLED'] : []),
    'END:VEVENT',
    'END:VCALENDAR',
  ];
  const notes = isRecurring ? ['the meeting is one of a series; the calendar part has its first date alone'] : [];
  return { method, text: lines.map((line) => `${folded(line)}\r\n`).join(''), notes };
}

/** Meetings that came from Internet calendars have their identity inside (MS-OXOCAL §2.2.1.27). */
function uidOf({ properties: { byName } }: MapiMessage): string | undefined {
  const found = [meetingLid.cleanGlobalId, meetingLid.globalId].map(
    (number) => byName.get(propertyKey(propertySet.meeting, number))?.values[0],
  );
  const id: Pieces | undefined = found.find((one) => one !== undefined);
  if (id === undefined) return undefined;
  const bytes = joined(id, 2_048);
  const at = bytes.indexOf('vCal-Uid');
  if (at < 0) return bytes.length <= 200 ? bytes.toString('hex').toUpperCase() : createHash('sha256').update(bytes).digest('hex');
  return plain(bytes.toString('utf8', at + 12).split('\0', 1)[0] ?? '');
}

/** `20261005T060000Z` */
function stamp(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;
}

function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cs}]+/gu, ' ').slice(0, 500);
}

/** RFC 5545 §3.3.11 */
function escaped(text: string): string {
  return text
    .slice(0, 2_000)
    .replaceAll(/[\\;,]/g, '\\$&')
    .replaceAll(/\r\n?|\n/g, '\\n')
    .replaceAll(/[\p{Cc}\p{Cs}]/gu, ' ');
}

/** Lines of at most 75 octets, RFC 5545 §3.1. */
function folded(line: string): string {
  let text = '';
  let size = 0;
  for (const character of line) {
    const bytes = Buffer.byteLength(character);
    if (size + bytes > 73) {
      text += '\r\n ';
      size = 0;
    }
    text += character;
    size += bytes;
  }
  return text;
}
