import type { LocalDelivery, MailboxRecipient } from '@mailrail/contracts';
import { derivedId, timeOfId } from '@mailrail/mail';

/** One mailbox of a mail, and the recipients that are it: more than one where a person was addressed twice. */
export interface MailboxDelivery {
  effectKey: string; // R2: a person has one copy of a message, whatever ways it came
  mailbox: string; // primary address
  recipients: MailboxRecipient[];
}

export function deliveriesOf(mail: LocalDelivery): MailboxDelivery[] {
  const byMailbox = new Map<string, MailboxDelivery>();
  for (const recipient of mail.recipients) {
    const { id, address } = recipient.mailbox;
    const before = byMailbox.get(id);
    if (before !== undefined) before.recipients.push(recipient);
    else byMailbox.set(id, { effectKey: `m:${mail.rootId}:${id}`, mailbox: address, recipients: [recipient] });
  }
  return [...byMailbox.values()];
}

/**
 * The name of the copy in a mailbox, `<seconds>.<rootId>` as Maildir wants it: made of the root alone, so that every repeat makes the
 * same one (R2). A root without a time of its own (a report's) takes the time of origin, which never changes either.
 */
export function copyName({ rootId, origin }: Pick<LocalDelivery, 'rootId' | 'origin'>): string {
  return `${Math.floor((timeOfId(rootId) ?? origin.at) / 1_000)}.${rootId}`;
}

/**
 * What tells the same recipient in a repeat of this mail, or in a part of it that was tried later, from the same person reached
 * another way (another group, another part of a large envelope): the first was counted before, the second is a `merged` one (E5).
 */
export function recipientWay(mail: Pick<LocalDelivery, 'part' | 'expandedVia'>, { id }: Pick<MailboxRecipient, 'id'>): string {
  if (mail.part === undefined && mail.expandedVia.length === 0) return id;
  return derivedId(id, JSON.stringify([mail.part?.k, ...mail.expandedVia]));
}
