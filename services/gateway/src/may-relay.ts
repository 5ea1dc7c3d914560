import { type Reply, replies } from '@mailrail/smtp';

/** Who hands mail in (S1). All but `outside` are inside. */
export type Who = 'outside' | 'authenticated' | 'api-key' | 'peer-site' | 'listed-network' | 'inside-folder';

/**
 * What a recipient is to us, by its domain; `none` for `<postmaster>`, which is ours by definition (RFC 5321 §4.5.1). `routed` is one of
 * a relayed domain whose local part the next system may take for an address of its own to send on to: `user%other`, `other!user`,
 * `"user@other"` (RFC 1123 §5.2.16).
 */
export type RecipientKind = 'authoritative' | 'shared' | 'relay' | 'routed' | 'foreign' | 'none';

const yes = undefined;
const no: Reply = replies.relayDenied;
const on: Reply = replies.routingDenied;

/**
 * Rule S1, whole: only the inside may send to domains that are neither ours nor relayed. The sender plays no part in it, since
 * anybody can write any sender (S7), and neither does loopback. Nor may a stranger have us speak for him to a system that trusts us
 * and would pass it on: that makes two closed relays an open one.
 */
const table: Readonly<Record<Who, Readonly<Record<RecipientKind, Reply | undefined>>>> = {
  //                 our own             ours and others'  passed on   and further  anybody's    postmaster
  outside: { authoritative: yes, shared: yes, relay: yes, routed: on, foreign: no, none: yes },
  authenticated: { authoritative: yes, shared: yes, relay: yes, routed: yes, foreign: yes, none: yes },
  'api-key': { authoritative: yes, shared: yes, relay: yes, routed: yes, foreign: yes, none: yes },
  'peer-site': { authoritative: yes, shared: yes, relay: yes, routed: yes, foreign: yes, none: yes },
  'listed-network': { authoritative: yes, shared: yes, relay: yes, routed: yes, foreign: yes, none: yes },
  'inside-folder': { authoritative: yes, shared: yes, relay: yes, routed: yes, foreign: yes, none: yes },
};

/** @returns undefined when the recipient may be taken, else the reply to RCPT. */
export function mayRelay(who: Who, recipient: RecipientKind): Reply | undefined {
  return table[who][recipient];
}

/**
 * @param local part of a recipient, without a route of RFC 5321 §4.1.2: that is taken off where addresses are read, and goes nowhere.
 * @param domain as it was given; empty or undefined for an address without one.
 * @param known the organization's row of a domain.
 */
export function recipientKind(
  local: string,
  domain: string | undefined,
  known: (domain: string) => { type: 'authoritative' | 'shared' | 'relay' } | undefined,
): RecipientKind {
  if (domain === undefined || domain === '') return 'none';
  const type = known(domain)?.type ?? 'foreign';
  return type === 'relay' && /[%!@]/.test(local) ? 'routed' : type;
}
