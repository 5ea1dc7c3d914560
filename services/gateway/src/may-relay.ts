import { type Reply, replies } from '@mailrail/smtp';

/** Who hands mail in (S1). All but `outside` are inside. */
export type Who = 'outside' | 'authenticated' | 'api-key' | 'peer-site' | 'listed-network' | 'inside-folder';

/** What a recipient's domain is to us; `none` for `<postmaster>`, which is ours by definition (RFC 5321 §4.5.1). */
export type DomainKind = 'authoritative' | 'shared' | 'relay' | 'foreign' | 'none';

const yes = undefined;
const no: Reply = replies.relayDenied;

/**
 * Rule S1, whole: only the inside may send to domains that are neither ours nor relayed. The sender plays no part in it, since
 * anybody can write any sender (S7), and neither does loopback.
 */
const table: Readonly<Record<Who, Readonly<Record<DomainKind, Reply | undefined>>>> = {
  //                 our own             ours and others'  passed on   anybody's    postmaster
  outside: { authoritative: yes, shared: yes, relay: yes, foreign: no, none: yes },
  authenticated: { authoritative: yes, shared: yes, relay: yes, foreign: yes, none: yes },
  'api-key': { authoritative: yes, shared: yes, relay: yes, foreign: yes, none: yes },
  'peer-site': { authoritative: yes, shared: yes, relay: yes, foreign: yes, none: yes },
  'listed-network': { authoritative: yes, shared: yes, relay: yes, foreign: yes, none: yes },
  'inside-folder': { authoritative: yes, shared: yes, relay: yes, foreign: yes, none: yes },
};

/** @returns undefined when the recipient may be taken, else the reply to RCPT. */
export function mayRelay(who: Who, domain: DomainKind): Reply | undefined {
  return table[who][domain];
}

/**
 * @param domain of a recipient, as it was given; empty or undefined for an address without one.
 * @param known the organization's row of a domain.
 */
export function domainKind(
  domain: string | undefined,
  known: (domain: string) => { type: 'authoritative' | 'shared' | 'relay' } | undefined,
): DomainKind {
  return domain === undefined || domain === '' ? 'none' : (known(domain)?.type ?? 'foreign');
}
