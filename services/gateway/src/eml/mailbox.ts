import { asciiDomain, domainOf, smtpAddress } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import { parseMailbox } from '@mailrail/smtp';
import type { ForeignRecipient } from '../accept.ts';
import { domainKind, mayRelay, type Who } from '../may-relay.ts';

/**
 * An address as SMTP would take it, in the one form equal addresses have; UTF-8 allowed (RFC 6531).
 *
 * @returns `undefined` for what is none; `postmaster` alone is one (RFC 5321 §4.5.1).
 */
export function mailboxOf(text: string): string | undefined {
  const parsed = parseMailbox(text, { utf8: true, barePostmaster: true });
  return parsed.ok ? parsed.mailbox : undefined;
}

/** @param postmaster mailbox that stands for `postmaster` without a domain. */
export function recipientOf(mailbox: string, postmaster: string): ForeignRecipient {
  return mailbox.includes('@') ? { address: smtpAddress(mailbox) } : { address: smtpAddress(postmaster), original: smtpAddress(mailbox) };
}

/** Rule S1 for one recipient. */
export function mayHave({ address, original }: ForeignRecipient, who: Who, known: OrganizationSnapshot['domain']): boolean {
  const domain = domainOf(original ?? address);
  return mayRelay(who, domainKind(domain === undefined ? undefined : (asciiDomain(domain) ?? domain), known)) === undefined;
}
