import type { AcceptedMail, Recipient } from '@mailrail/contracts';
import type { Incoming, Way } from '@mailrail/directory';
import { recipientId } from '@mailrail/mail';

/** A recipient of the mail on his way through the resolution. */
export interface Resolving extends Incoming {
  recipient: Recipient;
}

/** @param addresses what the recipients are resolved by, in their order; theirs unless a plugin says otherwise. */
export function resolvingOf(mail: AcceptedMail, addresses?: readonly string[]): Resolving[] {
  return mail.recipients.map((recipient, at) => ({
    address: addresses?.[at] ?? recipient.address,
    recipient,
    // A member of a hidden group keeps that group as his original address, through all mails that come of it.
    ...(mail.expandedVia.includes(recipient.original) ? { hidden: recipient.original } : {}),
  }));
}

/**
 * Who a copy is for. Whom the sender addressed keeps his identity; a member has one of his own, made of his address, so that a
 * repeat makes the same (R1), and is named by it in reports, unless his group hides him (E3).
 */
export function recipientOn(rootId: string, way: Way<Resolving>, address: string): Recipient {
  const { recipient } = way.source;
  if (way.member === undefined) return { ...recipient, address };
  const notify = membersNotify(recipient.notify);
  return {
    id: recipientId(rootId, way.member),
    address,
    original: way.hidden ?? way.member,
    ...(notify === undefined ? {} : { notify }),
    ...(recipient.orcpt === undefined ? {} : { orcpt: recipient.orcpt }),
  };
}

/** Members lose SUCCESS, since the group's expansion is what is told (E3, RFC 3461 §5.2.7). */
export function membersNotify(notify: Recipient['notify']): Recipient['notify'] {
  if (notify === undefined || notify === 'never') return notify;
  const rest = notify.filter((wish) => wish !== 'success');
  return rest.length === 0 ? 'never' : rest;
}
