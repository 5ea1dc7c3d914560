import { oneLine } from '@mailrail/mail';
import addressparser from 'nodemailer/lib/addressparser';
import type { HeaderField } from './header-fields.ts';
import { type ForeignMailbox, mailboxOf } from './mailbox.ts';
import { MessageRefused } from './refusal.ts';

/** Fields an envelope is read from; ask for these. */
export const envelopeFields = ['from', 'sender', 'to', 'cc', 'bcc'].flatMap((name) => [name, `resent-${name}`]);

/** Fields that leave the message when its recipients were read from it: they are known to us and to nobody else (E2). */
export const blindFields = ['bcc', 'resent-bcc'] as const;

/** What a message says of its own envelope. */
export interface HeaderRecipients {
  recipients: { mailbox: ForeignMailbox; field: string }[]; // each once, in order
  unreadable: { text: string; field: string }[]; // what stands where a recipient should, made safe
}

/**
 * Who sent it: the one address of `Sender`, else the one of `From` (RFC 5322 §3.6.2: several authors need a `Sender`).
 * A message that was resent (§3.6.6) is the resender's: then the same of the newest block of `Resent-` fields.
 *
 * @param fields of `envelopeFields`, in order.
 * @throws MessageRefused `envelope`
 */
export function headerSender(fields: readonly HeaderField[]): ForeignMailbox {
  const { block, prefix } = newestBlock(fields);
  const senders = block.filter(({ name }) => name === `${prefix}sender`);
  const used = senders.length > 0 ? senders : block.filter(({ name }) => name === `${prefix}from`);
  const title = fieldTitle(`${prefix}${senders.length > 0 ? 'sender' : 'from'}`);
  const entries = used.flatMap(({ value }) => addresses(value));
  const [entry] = entries;
  if (entry === undefined) {
    const names = prefix === '' ? 'From nor Sender' : 'Resent-From nor Resent-Sender';
    throw new MessageRefused('envelope', `nobody to answer to: there is an address in neither ${names}`, title);
  }
  if (entries.length > 1) {
    const hint = senders.length > 0 ? 'it must have one' : `a ${fieldTitle(`${prefix}sender`)} must say which of them sent this`;
    throw new MessageRefused('envelope', `${title} has ${entries.length} addresses, and ${hint}`, title);
  }
  if (entry.mailbox === undefined) throw new MessageRefused('envelope', `${title} is no mail address: "${entry.text}"`, title);
  return entry.mailbox;
}

/**
 * Who it is for: all mailboxes of `To`, `Cc` and `Bcc`, groups opened, each once; of a message that was resent those of its
 * newest `Resent-` block alone, since the others have had it.
 *
 * @param fields of `envelopeFields`, in order.
 * @param maxRecipients more are refused.
 * @throws MessageRefused `too-many-recipients`
 */
export function headerRecipients(fields: readonly HeaderField[], maxRecipients: number): HeaderRecipients {
  const { block, prefix } = newestBlock(fields);
  const found = new Map<string, { mailbox: ForeignMailbox; field: string }>();
  const unreadable: HeaderRecipients['unreadable'] = [];
  for (const { name, value } of block) {
    if (name !== `${prefix}to` && name !== `${prefix}cc` && name !== `${prefix}bcc`) continue;
    for (const { mailbox, text } of addresses(value)) {
      if (mailbox === undefined) {
        unreadable.push({ text, field: fieldTitle(name) });
        continue;
      }
      if (!found.has(mailbox.address)) found.set(mailbox.address, { mailbox, field: fieldTitle(name) });
    }
    if (found.size + unreadable.length > maxRecipients) {
      throw new MessageRefused('too-many-recipients', `more than ${maxRecipients} recipients`, fieldTitle(name));
    }
  }
  return { recipients: [...found.values()], unreadable };
}

/**
 * The fields that count: the newest `Resent-` block, else the ordinary ones. Each resending puts its block on top, its fields
 * together and each once (§3.6.6), so a block ends where something stands between two fields or a name comes again.
 */
function newestBlock(fields: readonly HeaderField[]): { block: readonly HeaderField[]; prefix: '' | 'resent-' } {
  const first = fields.findIndex(({ name }) => name.startsWith('resent-'));
  if (first < 0) return { block: fields, prefix: '' };
  const block: HeaderField[] = [];
  for (const field of fields.slice(first)) {
    const previous = block.at(-1);
    const goesOn = previous === undefined || (field.start === previous.end && field.name.startsWith('resent-'));
    if (!goesOn || block.some(({ name }) => name === field.name)) break;
    block.push(field);
  }
  return { block, prefix: 'resent-' };
}

/** Every entry of an address list; without `mailbox` where a person would see a name or a damaged address. */
export function addresses(value: string): { mailbox?: ForeignMailbox; text: string; name: string }[] {
  return addressparser(value, { flatten: true })
    .filter(({ name, address }) => address !== '' || (name !== '' && !value.includes(`(${name})`))) // a comment alone is nobody
    .map(({ name, address }) => {
      const text = oneLine(address === '' ? name : address, 100);
      const mailbox = mailboxOf(address);
      return mailbox === undefined ? { text, name } : { mailbox, text, name };
    });
}

/** `resent-to` -> `Resent-To`. */
export function fieldTitle(name: string): string {
  return name.replace(/(^|-)([a-z])/g, (match) => match.toUpperCase());
}
