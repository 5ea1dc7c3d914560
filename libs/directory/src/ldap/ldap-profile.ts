import { activeDirectory as activeDirectoryEntries, type EntryProfile } from '../entry-profile.ts';
import { DirectoryConfigError } from './config-error.ts';

/** Which attribute of a directory server says what, and what may be asked of it. */
export interface LdapProfile extends EntryProfile {
  /** Bare SMTP addresses of an entry that has no typed ones; the first value of the first attribute is the primary. */
  readonly bareAddresses: readonly string[];
  /** Attributes by which members are named otherwise than by DN: by login, by mail address. */
  readonly memberLogins: readonly string[];
  readonly memberAddresses: readonly string[];
  readonly login: readonly string[]; // of persons, for `memberLogins`
  /** LDAP URLs of who is a member (RFC 4516): `ldap:///ou=people,dc=x??sub?(l=Oslo)`. */
  readonly memberUrls: readonly string[];
  /** Object classes of persons who have a mailbox when they have an address, and the server it is on when they name none. */
  readonly persons: readonly string[];
  readonly personsServer: readonly string[]; // a server's name, not an attribute; empty: who names no server has no mailbox
  /** The attribute that holds an entry's own DN; empty where none can be asked for. */
  readonly ownDn: readonly string[];
  /** What an entry's latest change is numbered by, or how changes are asked for; `none`: they are not followed. */
  readonly changes: 'uSNChanged' | 'DirSync' | 'entryCSN' | 'none';
  /** Whether the server knows Active Directory's rules: the chain of links, tombstones. */
  readonly activeDirectory: boolean;
}

export const activeDirectoryProfile: LdapProfile = {
  ...activeDirectoryEntries,
  bareAddresses: [],
  memberLogins: [],
  memberAddresses: [],
  login: ['sAMAccountName'],
  memberUrls: [],
  persons: [],
  personsServer: [],
  ownDn: ['distinguishedName'],
  changes: 'uSNChanged',
  activeDirectory: true,
};

/**
 * OpenLDAP, with the Exchange attributes where its schema has them, and with what its own schemas, those of sendmail
 * (inetLocalMailRecipient) and of nis have.
 */
export const openLdapProfile: LdapProfile = {
  ...activeDirectoryEntries,
  name: 'openldap',
  classes: {
    contact: ['contact'],
    group: ['group', 'groupOfNames', 'groupOfUniqueNames', 'groupOfMembers', 'posixGroup', 'nisMailAlias'],
    queryGroup: ['msExchDynamicDistributionList', 'groupOfURLs'],
  },
  id: ['entryUUID', 'objectGUID'],
  bareAddresses: ['mail', 'mailLocalAddress', 'mailAlternateAddress'],
  targetAddress: ['targetAddress', 'mailRoutingAddress'],
  homeServerName: ['msExchHomeServerName', 'mailHost'],
  members: ['member', 'uniqueMember'],
  managedBy: ['managedBy', 'owner'],
  memberLogins: ['memberUid'],
  memberAddresses: ['rfc822MailMember'],
  login: ['uid'],
  memberUrls: ['memberURL', 'labeledURI'],
  persons: ['inetOrgPerson', 'inetLocalMailRecipient', 'posixAccount'],
  personsServer: [],
  ownDn: ['entryDN'],
  changes: 'entryCSN',
  activeDirectory: false,
};

export const ldapProfiles: Readonly<Record<string, LdapProfile>> = {
  'active-directory': activeDirectoryProfile,
  openldap: openLdapProfile,
};

/** Every attribute an entry is made of, each once. */
export function attributesOf(profile: LdapProfile): string[] {
  const {
    name: _,
    classes: _classes,
    persons: _persons,
    personsServer: _server,
    ownDn: _dn,
    changes: _changes,
    activeDirectory: _ad,
    ...rest
  } = profile;
  const { login: _login, ...named } = rest;
  const seen = new Map<string, string>();
  for (const attribute of ['objectClass', ...Object.values(named).flat()]) seen.set(attribute.toLowerCase(), attribute);
  return [...seen.values()];
}

const attributeName = /^[A-Za-z][A-Za-z0-9-]{0,127}$/;
const changeKinds = ['uSNChanged', 'DirSync', 'entryCSN', 'none'] as const;

/**
 * A profile from JSON: `{ "extends": "openldap", "members": ["member"], "personsServer": ["EX1"] }`. What it does not name is as
 * in the profile it extends; `classes` may name some of its lists.
 *
 * @throws DirectoryConfigError with every mistake.
 */
export function profileFromJson(text: string): LdapProfile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new DirectoryConfigError(`profile: no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(json)) throw new DirectoryConfigError('profile: an object expected');
  const { extends: parent = 'active-directory', ...given } = json;
  const base = typeof parent === 'string' ? ldapProfiles[parent] : undefined;
  const mistakes: string[] = [];
  if (base === undefined) mistakes.push(`extends: one of ${Object.keys(ldapProfiles).join(', ')} expected`);
  const from: LdapProfile = base ?? activeDirectoryProfile;
  const changed: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(given)) {
    const wrong = wrongIn(key, value, from);
    if (wrong !== undefined) mistakes.push(`${key}: ${wrong}`);
    else changed[key] = key === 'classes' && isObject(value) ? { ...from.classes, ...value } : value;
  }
  if (mistakes.length > 0) throw new DirectoryConfigError(`profile:\n${mistakes.map((line) => `  ${line}`).join('\n')}`);
  return { ...from, ...changed };
}

function wrongIn(key: string, value: unknown, from: LdapProfile): string | undefined {
  if (!Object.hasOwn(from, key)) return 'there is no such setting';
  switch (key) {
    case 'name':
      return typeof value === 'string' && /^[\w.-]{1,40}$/.test(value) ? undefined : 'a short name expected';
    case 'changes':
      return changeKinds.some((kind) => kind === value) ? undefined : `one of ${changeKinds.join(', ')} expected`;
    case 'activeDirectory':
      return typeof value === 'boolean' ? undefined : 'true or false expected';
    case 'personsServer':
      return isListOf(value, /^[\w. -]{1,100}$/) ? undefined : 'a list with one server name expected';
    case 'classes':
      if (!isObject(value)) return 'an object expected';
      return Object.entries(value).every(([name, list]) => Object.hasOwn(from.classes, name) && isListOf(list, attributeName))
        ? undefined
        : `lists of object classes expected, of ${Object.keys(from.classes).join(', ')}`;
    default:
      return isListOf(value, attributeName) ? undefined : 'a list of attribute names expected';
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
function isListOf(value: unknown, form: RegExp): boolean {
  return Array.isArray(value) && value.length <= 20 && value.every((one) => typeof one === 'string' && form.test(one));
}
