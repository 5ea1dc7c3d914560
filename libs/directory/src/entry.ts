import { createHash } from 'node:crypto';
import { parseMailbox, smtpAddress } from '@mailrail/mail';
import { dnKey, serverInDn } from './dn.ts';
import { activeDirectory, type EntryProfile } from './entry-profile.ts';
import type { Attributes } from './ldif.ts';
import type { Entry } from './port.ts';

const maxAddressLength = 1_200;
const typed = /^([A-Za-z0-9-]{1,16}):(.*)$/s;

/**
 * An entry in mail's words from a directory's attributes. A value that cannot be what its attribute says is left out and told
 * in `warnings` (attribute names, never values); the rest of the entry is as good as it is.
 *
 * @param attributes by name in lower case.
 */
export function entryOf(dn: string, attributes: Attributes, profile: EntryProfile = activeDirectory): { entry: Entry; warnings: string[] } {
  const warnings: string[] = [];
  const read = reader(attributes, warnings);
  const classes = new Set(read.all(['objectClass']).map((name) => name.toLowerCase()));
  const is = (names: readonly string[]) => names.some((name) => classes.has(name.toLowerCase()));

  const { addresses, primary } = addressesOf(read, profile, warnings);
  const targetAddress = targetOf(read.one(profile.targetAddress), warnings);
  const homeMdb = read.dn(profile.homeMdb);
  const homeServerName = read.one(profile.homeServerName);
  const homeServer = homeServerName === undefined ? (homeMdb === undefined ? undefined : serverInDn(homeMdb)) : lastPart(homeServerName);
  const legacyDn = read.one(profile.legacyDn);
  const nickname = read.one(profile.nickname);
  const hasMail = addresses.length > 0 || nickname !== undefined || targetAddress !== undefined;

  const kind = ((): Entry['kind'] => {
    if (is(profile.classes.queryGroup)) return hasMail ? 'query-group' : 'other';
    if (is(profile.classes.group)) return hasMail ? 'group' : 'other';
    if (!hasMail) return 'other';
    if (is(profile.classes.contact)) return 'contact';
    if (homeMdb !== undefined || homeServerName !== undefined) return 'mailbox';
    return targetAddress === undefined ? 'other' : 'mail-user';
  })();

  const entry: Entry = {
    id: read.id(profile.id) ?? idOfDn(dn),
    dn,
    kind,
    ...optional('displayName', read.one(profile.displayName)),
    ...optional('nickname', nickname),
    ...optional('givenName', read.one(profile.givenName)),
    ...optional('surname', read.one(profile.surname)),
    ...optional('initials', read.one(profile.initials)),
    ...optional('primary', primary),
    addresses,
    ...optional('legacyDn', legacyDn),
    ...optional('targetAddress', targetAddress),
    ...optional('homeMdb', homeMdb),
    ...optional('homeServer', homeServer),
    ...optional('homeMta', read.dn(profile.homeMta)),
    ...optional('altRecipient', read.dn(profile.altRecipient)),
    deliverAndRedirect: read.boolean(profile.deliverAndRedirect) ?? false,
    members: read.dns(profile.members),
    ...optional('filter', read.one(profile.filter)),
    ...optional('filterBase', read.dn(profile.filterBase)),
    ...optional('expansionServer', mapped(read.one(profile.expansionServer), lastPart)),
    ...optional('managedBy', read.dn(profile.managedBy)),
    hideMembership: read.boolean(profile.hideMembership) ?? false,
    reportToOwner: read.boolean(profile.reportToOwner) ?? false,
    reportToOriginator: read.boolean(profile.reportToOriginator) ?? false,
    suppressOof: read.boolean(profile.replyToOriginator) === false,
    restrictions: {
      acceptFrom: read.dns(profile.acceptFrom),
      rejectFrom: read.dns(profile.rejectFrom),
      acceptMembersOf: read.dns(profile.acceptMembersOf),
      rejectMembersOf: read.dns(profile.rejectMembersOf),
      requireAuthentication: read.boolean(profile.requireAuthentication) ?? false,
      ...optional('maxReceiveKb', read.number(profile.maxReceiveKb)),
      ...optional('maxSendKb', read.number(profile.maxSendKb)),
      ...optional('maxRecipients', read.number(profile.maxRecipients)),
    },
  };
  return { entry, warnings };
}

/** The identity of an entry whose directory gives none: a digest of its DN. */
export function idOfDn(dn: string): string {
  return createHash('sha256').update(dnKey(dn)).digest('hex').slice(0, 32);
}

/**
 * Proxy addresses, the primary SMTP address first. The primary has an upper-case prefix; where none has, it is the mail
 * attribute's, or the first.
 */
function addressesOf(read: Reader, profile: EntryProfile, warnings: string[]): { addresses: string[]; primary: string | undefined } {
  const addresses: string[] = [];
  let primary: string | undefined;
  for (const proxy of read.every(profile.addresses)) {
    const [, prefix, value] = typed.exec(proxy) ?? [];
    if (prefix === undefined || value === undefined || value.trim() === '' || proxy.length > maxAddressLength || /[\r\n\0]/.test(proxy)) {
      warnings.push(`${profile.addresses.join('/')}: a value is no typed address`);
      continue;
    }
    const address = normal(prefix, value);
    if (!addresses.includes(address)) addresses.push(address);
    if (prefix === 'SMTP' && primary === undefined) primary = address;
    else if (prefix === 'SMTP' && primary !== address) warnings.push(`${profile.addresses.join('/')}: two primary SMTP addresses`);
  }
  const smtp = addresses.filter((address) => address.startsWith('SMTP:'));
  if (primary === undefined) {
    const mail = read.one(profile.mailbox);
    const fromMail = mail !== undefined && parseMailbox(mail) !== undefined ? smtpAddress(mail) : undefined;
    if (mail !== undefined && fromMail === undefined) warnings.push(`${profile.mailbox.join('/')}: no mail address`);
    if (fromMail !== undefined && smtp.length === 0) addresses.push(fromMail);
    primary = fromMail !== undefined && (smtp.length === 0 || smtp.includes(fromMail)) ? fromMail : smtp[0];
    if (primary !== undefined && smtp.length > 0) warnings.push(`${profile.addresses.join('/')}: no primary SMTP address`);
  }
  if (primary === undefined) return { addresses, primary };
  return { addresses: [primary, ...addresses.filter((address) => address !== primary)], primary };
}

/** A target without a type is an SMTP address, as people write it; what is no address at all is none. */
function targetOf(value: string | undefined, warnings: string[]): string | undefined {
  if (value === undefined) return undefined;
  const [, prefix = 'SMTP', rest = value] = typed.exec(value) ?? [];
  if (rest.trim() === '' || value.length > maxAddressLength || /[\r\n\0]/.test(value)) {
    warnings.push('targetAddress: no address');
    return undefined;
  }
  return normal(prefix, rest);
}

function normal(prefix: string, value: string): string {
  const type = prefix.toUpperCase();
  return type === 'SMTP' ? smtpAddress(value.trim()) : `${type}:${value}`;
}

/** `/o=Corp/ou=.../cn=Servers/cn=EX1` -> `EX1`; a bare name stays. */
function lastPart(name: string): string {
  const at = name.toLowerCase().lastIndexOf('/cn=');
  return at < 0 ? name : name.slice(at + 4);
}

type Reader = ReturnType<typeof reader>;

function reader(attributes: Attributes, warnings: string[]) {
  const all = (names: readonly string[]): string[] => {
    for (const name of names) {
      const values = attributes.get(name.toLowerCase());
      if (values === undefined) continue;
      const texts = values.filter((value) => typeof value === 'string' && value.trim() !== '').map(String);
      if (texts.length < values.length && values.some((value) => typeof value !== 'string')) warnings.push(`${name}: a value is no text`);
      if (texts.length > 0) return texts;
    }
    return [];
  };
  const one = (names: readonly string[]) => all(names)[0]?.trim();
  const every = (names: readonly string[]) => names.flatMap((name) => all([name]));
  const isDn = (names: readonly string[]) => (dn: string) => {
    if (!dnKey(dn).startsWith('?')) return true;
    warnings.push(`${names.join('/')}: a value is no DN`);
    return false;
  };
  return {
    all,
    one,
    every,
    dn: (names: readonly string[]) => all(names).filter(isDn(names))[0],
    dns: (names: readonly string[]) => every(names).filter(isDn(names)),
    boolean(names: readonly string[]): boolean | undefined {
      const value = one(names)?.toUpperCase();
      if (value === undefined || value === 'TRUE' || value === 'FALSE') return value === undefined ? undefined : value === 'TRUE';
      warnings.push(`${names.join('/')}: neither TRUE nor FALSE`);
      return undefined;
    },
    number(names: readonly string[]): number | undefined {
      const value = one(names);
      if (value === undefined || /^\d{1,9}$/.test(value)) return value === undefined ? undefined : Number(value);
      warnings.push(`${names.join('/')}: no number`);
      return undefined;
    },
    id(names: readonly string[]): string | undefined {
      for (const name of names) {
        const value = attributes.get(name.toLowerCase())?.[0];
        if (value === undefined || value.length === 0) continue;
        const id = typeof value === 'string' ? value.trim().toLowerCase() : value.toString('hex');
        if (id.length <= 100) return id;
        warnings.push(`${name}: too long for an identity`);
      }
      return undefined;
    },
  };
}

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [key in Key]?: Value } {
  if (value === undefined) return {};
  const one: { [key in Key]?: Value } = {};
  one[key] = value;
  return one;
}
function mapped(value: string | undefined, map: (value: string) => string): string | undefined {
  return value === undefined ? undefined : map(value);
}
