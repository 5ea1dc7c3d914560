import { type Notify, oneLine, parseAddress } from '@mailrail/mail';
import type { EntryRecipient } from '../foreign-file.ts';
import type { HeaderAddress } from '../compose.ts';
import { addressInEntryId } from './entry-id.ts';
import type { MapiMessage } from './mapi-message.ts';
import { bytesIn, flagIn, joined, numberIn, type PropertyBag, textIn } from './properties.ts';
import { tag } from './tags.ts';

/** Which properties a person is in. */
interface PersonTags {
  name: number;
  type: number;
  address: number;
  smtp?: number;
  searchKey?: number;
  entryId?: number;
}

const people = {
  sender: {
    name: tag.senderName,
    type: tag.senderAddressType,
    address: tag.senderEmailAddress,
    smtp: tag.senderSmtpAddress,
    searchKey: tag.senderSearchKey,
    entryId: tag.senderEntryId,
  },
  sentRepresenting: {
    name: tag.sentRepresentingName,
    type: tag.sentRepresentingAddressType,
    address: tag.sentRepresentingEmailAddress,
    smtp: tag.sentRepresentingSmtpAddress,
    searchKey: tag.sentRepresentingSearchKey,
    entryId: tag.sentRepresentingEntryId,
  },
  receivedBy: { name: tag.receivedByName, type: tag.receivedByAddressType, address: tag.receivedByEmailAddress },
  originalSender: { name: tag.originalSenderName, type: tag.originalSenderAddressType, address: tag.originalSenderEmailAddress },
  recipient: {
    name: tag.displayName,
    type: tag.addressType,
    address: tag.emailAddress,
    smtp: tag.smtpAddress,
    searchKey: tag.searchKey,
    entryId: tag.recipientEntryId,
  },
} as const satisfies Record<string, PersonTags>;

export type PersonKind = keyof typeof people;

/** Somebody, by the best address there is: SMTP where it is known, else of the type it has. @returns a reason when there is none. */
export function personIn(bag: PropertyBag, kind: PersonKind): HeaderAddress | { reason: string; text: string } {
  const tags: PersonTags = people[kind];
  const name = textIn(bag, tags.name)?.trim();
  let reason = 'has no address';
  let text = name ?? '';
  for (const written of addressesIn(bag, tags)) {
    const read = parseAddress(written);
    if (read.ok) return { address: read.value, ...(name === undefined ? {} : { name }) };
    reason = `is no address: ${oneLine(read.reason, 200)}`;
    text = written;
  }
  return { reason, text: oneLine(text, 100) };
}

export function isPerson(one: ReturnType<typeof personIn>): one is HeaderAddress {
  return 'address' in one;
}

function* addressesIn(bag: PropertyBag, { type, address, smtp, searchKey, entryId }: PersonTags): Generator<string> {
  const internet = smtp === undefined ? undefined : textIn(bag, smtp);
  if (internet?.includes('@') === true) yield `SMTP:${bare(internet)}`;
  const value = textIn(bag, address);
  const word = textIn(bag, type)?.trim() ?? '';
  if (value !== undefined) {
    if (/^[A-Za-z0-9-]{1,16}$/.test(word)) yield `${word}:${word.toUpperCase() === 'SMTP' ? bare(value) : value}`;
    else yield value.includes('@') ? `SMTP:${bare(value)}` : value;
  }
  const inEntry = entryId === undefined ? undefined : bytesIn(bag, entryId);
  const found = inEntry === undefined ? undefined : addressInEntryId(joined(inEntry, 4_096));
  if (found !== undefined) yield found;
  const key = searchKey === undefined ? undefined : bytesIn(bag, searchKey);
  const text = key === undefined ? '' : (joined(key, 2_048).toString('latin1').split('\0', 1)[0] ?? '');
  if (/^[A-Z0-9-]{1,16}:./.test(text)) yield text;
}

/** Some programs write mailboxes in quotes or angle brackets. */
function bare(mailbox: string): string {
  return mailbox.trim().replace(/^(?:<(.*)>|'(.*)')$/s, '$1$2');
}

const kinds = ['to', 'cc', 'bcc'] as const;

export interface People {
  to: HeaderAddress[];
  cc: HeaderAddress[];
  recipients: EntryRecipient[];
  unreadable: { text: string; where: string; reason: string }[];
}

/** The recipients of a message, by their kind; the bits that mark a recipient as done or sent anew are not looked at. */
export function peopleOf({ properties, recipients }: Pick<MapiMessage, 'properties' | 'recipients'>): People {
  const found: People = { to: [], cc: [], recipients: [], unreadable: [] };
  const notify = notifyOf(properties);
  for (const [index, bag] of recipients.entries()) {
    const kind = kinds[((numberIn(bag, tag.recipientType) ?? 1) & 0x0f) - 1];
    if (kind === undefined) continue; // 0: who wrote it
    const where = `recipient ${index + 1}`;
    const person = personIn(bag, 'recipient');
    if (!isPerson(person)) {
      found.unreadable.push({ text: person.text, where, reason: person.reason });
      continue;
    }
    if (kind !== 'bcc') found[kind].push(person);
    const own = notifyOf(bag) ?? notify;
    found.recipients.push({ address: person.address, where, ...(own === undefined ? {} : { notify: own }) });
  }
  return found;
}

function notifyOf(bag: PropertyBag): Notify | undefined {
  if (flagIn(bag, tag.originatorDeliveryReportRequested) === true) return ['success', 'failure'];
  return flagIn(bag, tag.originatorNonDeliveryReportRequested) === false ? 'never' : undefined;
}
