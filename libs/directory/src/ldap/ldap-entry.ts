import { entryOf } from '../entry.ts';
import type { AttributeValue } from '../ldif.ts';
import type { Entry } from '../port.ts';
import type { RawEntry } from './answers.ts';
import type { LdapProfile } from './ldap-profile.ts';
import { namedMemberDn } from './named-member.ts';

/** An entry of a server in mail's words. What a profile names otherwise is brought into the form of the others first. */
export function ldapEntry({ dn, attributes }: RawEntry, profile: LdapProfile): { entry: Entry; warnings: string[] } {
  const names = namesOf(profile);
  const texts = (name: string) => (attributes.get(name) ?? []).filter((value) => typeof value === 'string');
  const has = (some: readonly string[]) => some.some((name) => attributes.has(name));
  const put = ([name]: readonly string[], values: AttributeValue[]) => {
    if (name !== undefined && values.length > 0) attributes.set(name, values);
  };
  const isOf = (classes: readonly string[]) => {
    const own = texts('objectclass').map((name) => name.toLowerCase());
    return classes.some((name) => own.includes(name));
  };

  const isBare = names.bareAddresses.length > 0 && !has(names.addresses);
  if (isBare) {
    const bare = names.bareAddresses.flatMap(texts).map((address) => address.trim());
    put(
      names.addresses,
      bare.filter((address) => address !== '').map((address, index) => `${index === 0 ? 'SMTP' : 'smtp'}:${address}`),
    );
  }
  if (has(names.namedMembers)) {
    const members = names.members[0] === undefined ? [] : (attributes.get(names.members[0]) ?? []);
    put(names.members, [...members, ...names.namedMembers.flatMap((name) => texts(name).map((value) => namedMemberDn(name, value)))]);
  }
  if (has(names.memberUrls) && !has(names.filter) && isOf(names.queryGroup)) {
    const query = queryOf(names.memberUrls.flatMap(texts));
    if (query !== undefined) {
      put(names.filter, [query.filter]);
      put(names.filterBase, [query.base]);
    }
  }
  if (profile.personsServer.length > 0 && has(names.addresses) && !has(names.placed) && isOf(names.persons) && !isOf(names.noPersons))
    put(names.homeServerName, profile.personsServer.slice(0, 1));
  const found = entryOf(dn, attributes, profile);
  if (isBare && found.entry.kind === 'other' && found.entry.addresses.length > 0) found.entry.mailAlone = true;
  return found;
}

interface Names {
  addresses: readonly string[];
  bareAddresses: readonly string[];
  members: readonly string[];
  namedMembers: readonly string[];
  memberUrls: readonly string[];
  filter: readonly string[];
  filterBase: readonly string[];
  homeServerName: readonly string[];
  placed: readonly string[]; // that say where mail goes
  queryGroup: readonly string[];
  persons: readonly string[];
  noPersons: readonly string[];
}
const known = new WeakMap<LdapProfile, Names>();

/** The names of a profile as entries have them, in lower case. */
function namesOf(profile: LdapProfile): Names {
  const before = known.get(profile);
  if (before !== undefined) return before;
  const lower = (...lists: (readonly string[])[]) => lists.flat().map((name) => name.toLowerCase());
  const { classes } = profile;
  const names: Names = {
    addresses: lower(profile.addresses),
    bareAddresses: lower(profile.bareAddresses),
    members: lower(profile.members),
    namedMembers: lower(profile.memberLogins, profile.memberAddresses),
    memberUrls: lower(profile.memberUrls),
    filter: lower(profile.filter),
    filterBase: lower(profile.filterBase),
    homeServerName: lower(profile.homeServerName),
    placed: lower(profile.homeServerName, profile.homeMdb, profile.targetAddress),
    queryGroup: lower(classes.queryGroup),
    persons: lower(profile.persons),
    noPersons: lower(classes.contact, classes.group, classes.queryGroup),
  };
  known.set(profile, names);
  return names;
}

/** One query from the URLs of a group: whoever any of them finds. URLs with several bases are more than one query can ask. */
function queryOf(urls: readonly string[]): { base: string; filter: string } | undefined {
  const queries = urls.map(queryOfUrl);
  const [first] = queries;
  if (first === undefined || queries.some((query) => query === undefined || query.base !== first.base)) return undefined;
  const filters = queries.map((query) => query?.filter ?? '');
  return { base: first.base, filter: filters.length === 1 ? first.filter : `(|${filters.join('')})` };
}

/** `ldap:///ou=people,dc=x??sub?(l=Oslo)`, RFC 4516; a URL of one entry or one level is no query below a base. */
function queryOfUrl(url: string): { base: string; filter: string } | undefined {
  const [, path = '', , scope = '', filter = ''] = /^ldap:\/\/\/([^?]*)(?:\?([^?]*))?(?:\?([^?]*))?(?:\?([^?]*))?/i.exec(url.trim()) ?? [];
  if (path === '' || scope.toLowerCase() !== 'sub') return undefined;
  try {
    return { base: decodeURIComponent(path), filter: filter === '' ? '(objectClass=*)' : decodeURIComponent(filter) };
  } catch {
    return undefined;
  }
}
