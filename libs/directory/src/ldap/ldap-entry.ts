import { entryOf } from '../entry.ts';
import type { AttributeValue } from '../ldif.ts';
import type { Entry } from '../port.ts';
import type { RawEntry } from './answers.ts';
import type { LdapProfile } from './ldap-profile.ts';
import { namedMemberDn } from './named-member.ts';

/** An entry of a server in mail's words. What a profile names otherwise is brought into the form of the others first. */
export function ldapEntry({ dn, attributes }: RawEntry, profile: LdapProfile): { entry: Entry; warnings: string[] } {
  const has = (names: readonly string[]) => names.some((name) => attributes.has(name.toLowerCase()));
  const texts = (name: string) => (attributes.get(name.toLowerCase()) ?? []).filter((value) => typeof value === 'string');
  const put = (names: readonly string[], values: AttributeValue[]) => {
    const [name] = names;
    if (name !== undefined && values.length > 0) attributes.set(name.toLowerCase(), values);
  };
  const isOf = (classes: readonly string[]) => {
    if (classes.length === 0) return false;
    const own = texts('objectClass').map((name) => name.toLowerCase());
    return classes.some((name) => own.includes(name.toLowerCase()));
  };

  if (profile.bareAddresses.length > 0 && !has(profile.addresses)) {
    const bare = profile.bareAddresses.flatMap(texts).map((address) => address.trim());
    put(
      profile.addresses,
      bare.filter((address) => address !== '').map((address, index) => `${index === 0 ? 'SMTP' : 'smtp'}:${address}`),
    );
  }
  for (const name of [...profile.memberLogins, ...profile.memberAddresses]) {
    const named = texts(name).map((value) => namedMemberDn(name, value));
    if (named.length > 0) put(profile.members, [...(attributes.get(profile.members[0]?.toLowerCase() ?? '') ?? []), ...named]);
  }
  if (profile.memberUrls.length > 0 && !has(profile.filter) && isOf(profile.classes.queryGroup)) {
    const query = queryOf(profile.memberUrls.flatMap(texts));
    if (query !== undefined) {
      put(profile.filter, [query.filter]);
      put(profile.filterBase, [query.base]);
    }
  }
  const { persons, personsServer, classes } = profile;
  if (personsServer.length > 0 && isOf(persons) && !has([...profile.homeServerName, ...profile.homeMdb, ...profile.targetAddress])) {
    if (!isOf([...classes.contact, ...classes.group, ...classes.queryGroup]) && has(profile.addresses))
      put(profile.homeServerName, personsServer.slice(0, 1));
  }
  return entryOf(dn, attributes, profile);
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
