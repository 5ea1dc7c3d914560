import { parseMailbox, smtpAddress } from '@mailrail/mail';
import { parseDn } from '../dn.ts';
import { idOfDn } from '../entry.ts';
import type { Entry } from '../port.ts';
import type { LdapProfile } from './ldap-profile.ts';

/**
 * Members that a group names by login or by mail address are given as DNs of one part, `memberUid=ada` and
 * `rfc822MailMember=ada@corp.example`, since members are DNs. No entry has such a DN; looking it up finds whom it means.
 */
export type NamedMember = { kind: 'login'; login: string } | { kind: 'address'; address: string };

export function namedMemberDn(attribute: string, value: string): string {
  return `${attribute}=${value.trim().replace(/[,+"\\<>;=#]/g, (character) => `\\${character}`)}`;
}

/** What a DN of one part means; `undefined` for the DN of an entry. */
export function namedMember(dn: string, { memberLogins, memberAddresses }: LdapProfile): NamedMember | undefined {
  if (memberLogins.length + memberAddresses.length === 0) return undefined;
  const is = (names: readonly string[], type: string) => names.some((name) => name.toLowerCase() === type);
  const equals = dn.indexOf('=');
  const type = dn.slice(0, Math.max(0, equals)).trim().toLowerCase();
  if (!is(memberLogins, type) && !is(memberAddresses, type)) return undefined;
  const rdns = parseDn(dn);
  const value = rdns?.length === 1 ? rdns[0]?.[0]?.value : undefined;
  if (value === undefined || value === '') return undefined;
  if (is(memberLogins, type)) return { kind: 'login', login: value };
  const address = value.replace(/^smtp:/i, '');
  return parseMailbox(address) === undefined ? undefined : { kind: 'address', address: smtpAddress(address) };
}

/** A member known by address alone: a contact that stands for it, so that the address is looked up like any other. */
export function addressedMember(dn: string, address: string): Entry {
  return {
    id: idOfDn(dn),
    dn,
    kind: 'contact',
    addresses: [address],
    primary: address,
    targetAddress: address,
    deliverAndRedirect: false,
    members: [],
    hideMembership: false,
    reportToOwner: false,
    reportToOriginator: false,
    suppressOof: false,
    restrictions: { acceptFrom: [], rejectFrom: [], acceptMembersOf: [], rejectMembersOf: [], requireAuthentication: false },
  };
}
