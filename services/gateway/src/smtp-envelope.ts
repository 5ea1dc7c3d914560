import { domainToASCII } from 'node:url';
import type { Origin } from '@mailrail/contracts';
import { oneLine, smtpAddress } from '@mailrail/mail';
import type { MailCommand, RcptCommand } from '@mailrail/smtp';
import type { AcceptRequest, ForeignRecipient } from './accept.ts';
import { wishesOf } from './wishes.ts';

/** What is known of a session when a mail begins. */
export interface SessionFacts {
  gateway: string;
  address: string; // the client's
  helo: string;
  lmtp: boolean;
  esmtp: boolean;
  tls: string | undefined; // protocol and cipher
  user: string | undefined; // who authenticated
  peer: string | undefined; // the site of the organization it has proved to be
  inside: boolean; // by S1
}

/** The typed address of a mailbox, a domain beyond ASCII in its A-label form (RFC 5890 §2.3.2.1). @returns undefined when there is none. */
export function typedAddress(mailbox: string): string | undefined {
  const at = mailbox.lastIndexOf('@');
  const domain = mailbox.slice(at + 1);
  if (!/\P{ASCII}/u.test(domain)) return smtpAddress(mailbox);
  const ascii = domainToASCII(domain);
  return ascii === '' ? undefined : smtpAddress(`${mailbox.slice(0, at)}@${ascii}`);
}

/** @returns undefined when the domain has no A-label form: the address is malformed. */
export function recipientOf(rcpt: RcptCommand, postmaster: string): ForeignRecipient | undefined {
  const address = typedAddress(rcpt.domain === '' ? postmaster : rcpt.mailbox);
  if (address === undefined) return undefined;
  const given = smtpAddress(rcpt.mailbox);
  return {
    address,
    ...(given === address ? {} : { original: given }),
    ...(rcpt.notify === undefined ? {} : { notify: rcpt.notify }),
    ...(rcpt.orcpt === undefined ? {} : { orcpt: rcpt.orcpt }),
  };
}

/** Everything the acceptor wants to know before the first byte. */
export function acceptRequest(
  facts: SessionFacts,
  mail: MailCommand,
  sender: string | null,
  recipients: readonly ForeignRecipient[],
  at: number,
): AcceptRequest {
  const { address, helo, tls, user, peer } = facts;
  return {
    sender,
    recipients,
    smtputf8: mail.smtputf8,
    ...(mail.body === 'binary' ? { binary: true } : {}),
    wishes: wishesOf(mail, mail.priority, at),
    ...(mail.envid === undefined ? {} : { envid: mail.envid }),
    ...(mail.ret === undefined ? {} : { ret: mail.ret }),
    origin: {
      gateway: facts.gateway,
      dialect: 'smtp',
      peer: address,
      helo: oneLine(helo),
      at,
      ...(user === undefined ? {} : { user: oneLine(user) }),
      ...trust(facts, mail),
    },
    received: { helo, address, with: protocol(facts, mail), ...(tls === undefined ? {} : { tls }) },
    client: user ?? peer ?? address,
    ...(peer === undefined ? {} : { site: { peer, ...mail.site } }),
  };
}

/**
 * A peer site may send everything everywhere, but that makes no sender trusted (S7): how the mail came into the organization is
 * what the peer says of it, and nothing said means from outside.
 */
function trust({ user, peer, inside }: SessionFacts, mail: MailCommand): Pick<Origin, 'authenticated' | 'trust'> {
  if (peer === undefined) return { authenticated: user !== undefined, trust: inside ? 'inside' : 'outside' };
  const said = mail.site?.trust ?? 'outside';
  return { authenticated: said === 'authenticated', trust: said === 'outside' ? 'outside' : 'inside' };
}

/** The `with` keyword: RFC 3848, RFC 6531 §4.3. */
function protocol({ lmtp, esmtp, tls, user }: SessionFacts, { smtputf8 }: MailCommand): string {
  if (!esmtp && tls === undefined && user === undefined) return 'SMTP';
  const base = smtputf8 ? `UTF8${lmtp ? 'LMTP' : 'SMTP'}` : lmtp ? 'LMTP' : 'ESMTP';
  return `${base}${tls === undefined ? '' : 'S'}${user === undefined ? '' : 'A'}`;
}
