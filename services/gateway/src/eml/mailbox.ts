import { domainOf, smtpAddress } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import { parseMailbox, type Reply } from '@mailrail/smtp';
import type { ForeignRecipient } from '../accept.ts';
import { mayRelay, recipientKind, type Who } from '../may-relay.ts';
import { typedAddress } from '../smtp-envelope.ts';

/** A mail address as SMTP takes it, in the one form equal addresses have. */
export interface ForeignMailbox {
  mailbox: string; // `ada@corp.example`, `postmaster`
  address: string; // typed; of `postmaster` alone it says nothing, see `recipientOf`
}

/**
 * Reads an address by the rules of our SMTP listeners; UTF-8 is allowed (RFC 6531).
 *
 * @returns `undefined` for what is none; `postmaster` alone is one (RFC 5321 §4.5.1).
 */
export function mailboxOf(text: string): ForeignMailbox | undefined {
  const parsed = parseMailbox(text, { utf8: true, barePostmaster: true });
  const address = parsed.ok ? typedAddress(parsed.mailbox) : undefined;
  return parsed.ok && address !== undefined ? { mailbox: parsed.mailbox, address } : undefined;
}

/** @param postmaster mailbox that stands for `postmaster` without a domain. */
export function recipientOf({ mailbox, address }: ForeignMailbox, postmaster: string): ForeignRecipient {
  const given = smtpAddress(mailbox);
  const meant = mailbox.includes('@') ? address : (typedAddress(postmaster) ?? address);
  return { address: meant, ...(given === meant ? {} : { original: given }) };
}

/** Rule S1 for one recipient. @returns undefined when it may be taken. */
export function relayRefusal({ address, original }: ForeignRecipient, who: Who, known: OrganizationSnapshot['domain']): Reply | undefined {
  const ofNobody = original !== undefined && domainOf(original) === undefined;
  const local = address.slice(address.indexOf(':') + 1, Math.max(0, address.lastIndexOf('@')));
  return mayRelay(who, recipientKind(local, ofNobody ? undefined : domainOf(address), known));
}
