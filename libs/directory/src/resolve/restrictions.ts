import { dnKey } from '../dn.ts';
import type { Membership } from '../membership.ts';
import type { Answer, Entry } from '../port.ts';
import { failures, type Refusal } from './failures.ts';

/** Who sends, as far as rights go. */
export interface Sender {
  entry: Entry | undefined; // undefined for who is not in the directory, or not alone with this address
  trusted: boolean;
  report: boolean;
  sizeBytes: number;
}

/**
 * Whether a directory object takes mail of this size from this sender: `undefined` when it does. Refusing goes before allowing;
 * who is not trusted satisfies no allow-list (S7), and is taken for who he says where that only refuses more.
 */
export async function refusalBy(entry: Entry, sender: Sender, membership: Membership): Promise<Answer<Refusal | undefined>> {
  const { restrictions } = entry;
  if (restrictions.maxReceiveKb !== undefined && sender.sizeBytes > restrictions.maxReceiveKb * 1_024) {
    return refused(failures.tooLargeForRecipient(restrictions.maxReceiveKb));
  }
  if (sender.report) return allowed;

  const { rejectFrom, rejectMembersOf, acceptFrom, acceptMembersOf, requireAuthentication } = restrictions;
  if (sender.entry !== undefined) {
    if (names(rejectFrom, sender.entry)) return refused(failures.senderRejected);
    if (rejectMembersOf.length > 0) {
      const member = await membership.isMember(sender.entry, rejectMembersOf);
      if (!member.ok && member.bad !== true) return member;
      if (!member.ok || member.value) return refused(failures.senderInRejectedGroup);
    }
  }
  if (requireAuthentication && (!sender.trusted || sender.entry === undefined)) {
    return refused(failures.notAuthenticated);
  }
  if (acceptFrom.length === 0 && acceptMembersOf.length === 0) return allowed;
  if (sender.trusted && sender.entry !== undefined) {
    if (names(acceptFrom, sender.entry)) return allowed;
    if (acceptMembersOf.length > 0) {
      const member = await membership.isMember(sender.entry, acceptMembersOf);
      if (!member.ok && member.bad !== true) return member;
      if (member.ok && member.value) return allowed;
    }
  }
  return refused(failures.senderNotAccepted);
}

/** What an object takes, by the attributes that say so. */
export function restrictionText({ restrictions: r }: Entry): string {
  const many = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;
  const from = [
    ...(r.acceptFrom.length > 0 ? [`${many(r.acceptFrom.length, 'sender')} (authOrig)`] : []),
    ...(r.acceptMembersOf.length > 0 ? [`members of ${many(r.acceptMembersOf.length, 'group')} (dLMemSubmitPerms)`] : []),
  ];
  const never = [
    ...(r.rejectFrom.length > 0 ? [`${many(r.rejectFrom.length, 'sender')} (unauthOrig)`] : []),
    ...(r.rejectMembersOf.length > 0 ? [`members of ${many(r.rejectMembersOf.length, 'group')} (dLMemRejectPerms)`] : []),
  ];
  return [
    from.length > 0 ? `mail only from ${from.join(' or ')}` : 'mail',
    ...(never.length > 0 ? [`never from ${never.join(' or ')}`] : []),
    ...(r.requireAuthentication ? ['from authenticated senders of the organization (msExchRequireAuthToSendTo)'] : []),
    ...(r.maxReceiveKb !== undefined ? [`of at most ${r.maxReceiveKb} KB (delivContLength)`] : []),
  ].join(', ');
}

/** Whether the object restricts anything at all; most do not, and need no asking. */
export function isRestricted({ restrictions: r }: Entry): boolean {
  return (
    r.requireAuthentication ||
    r.maxReceiveKb !== undefined ||
    r.acceptFrom.length > 0 ||
    r.rejectFrom.length > 0 ||
    r.acceptMembersOf.length > 0 ||
    r.rejectMembersOf.length > 0
  );
}

const allowed: Answer<Refusal | undefined> = { ok: true, value: undefined };
function refused(value: Refusal): Answer<Refusal | undefined> {
  return { ok: true, value };
}
function names(dns: readonly string[], { dn }: Entry): boolean {
  if (dns.length === 0) return false;
  const key = dnKey(dn);
  return dns.some((one) => dnKey(one) === key);
}
