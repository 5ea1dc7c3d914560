import { createHash } from 'node:crypto';
import { parseMailbox, smtpAddress } from '@mailrail/mail';
import { dnKey, serverInDn } from './dn.ts';
import { activeDirectory, type EntryProfile } from './entry-profile.ts';
import type { Attributes, AttributeValue } from './ldif.ts';
import type { Entry } from './port.ts';

const maxAddressLength = 1_200;
const usualTypes = new Set(['SMTP', 'smtp', 'X400', 'x400', 'X500', 'x500', 'EX']);
const isPlainProxy = /^(?:SMTP|smtp):[!-~]{1,200}@[a-z0-9.-]{1,255}$/;
const typed = /^([A-Za-z0-9-]{1,16}):(.*)$/s;

/**
 * An entry in mail's words from a directory's attributes. A value that cannot be what its attribute says is left out and told
 * in `warnings` (attribute names, never values); the rest of the entry is as good as it is.
 *
 * @param attributes by name in lower case.
 */
export function entryOf(dn: string, attributes: Attributes, given: EntryProfile = activeDirectory): { entry: Entry; warnings: string[] } {
  const profile = lowered(given);
  const warnings: string[] = [];
  const read = reader(attributes, warnings);
  const classes = new Set(read.all(['objectclass']).map((name) => name.toLowerCase()));
  const is = (names: readonly string[]) => names.some((name) => classes.has(name));

  const { addresses, primary, isFromMail } = addressesOf(read, profile, warnings);
  const targetAddress = targetOf(read.one(profile.targetAddress), warnings);
  const homeMdb = read.dn(profile.homeMdb);
  const homeServerName = read.one(profile.homeServerName);
  const homeServer = homeServerName === undefined ? (homeMdb === undefined ? undefined : serverInDn(homeMdb)) : lastPart(homeServerName);
  const legacyDn = read.one(profile.legacyDn);
  const nickname = read.one(profile.nickname);
  const hasHome = homeMdb !== undefined || homeServerName !== undefined;
  // People write into `mail` what they like: it makes nothing mail-enabled, as it did not in Exchange.
  const mailAlone = isFromMail && nickname === undefined && targetAddress === undefined && !hasHome;
  const hasMail = !mailAlone && (addresses.length > 0 || nickname !== undefined || targetAddress !== undefined);

  const kind = ((): Entry['kind'] => {
    if (is(profile.classes.queryGroup)) return hasMail ? 'query-group' : 'other';
    if (is(profile.classes.group)) return hasMail ? 'group' : 'other';
    if (!hasMail) return 'other';
    if (is(profile.classes.contact)) return 'contact';
    if (hasHome) return 'mailbox';
    return targetAddress === undefined ? 'other' : 'mail-user';
  })();

  const entry: Entry = {
    id: read.id(profile.id) ?? idOfDn(dn),
    dn,
    kind,
    addresses,
    deliverAndRedirect: read.boolean(profile.deliverAndRedirect) ?? false,
    members: read.dns(profile.members),
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
    },
  };
  if (mailAlone) entry.mailAlone = true;
  put(entry, 'displayName', read.one(profile.displayName));
  put(entry, 'nickname', nickname);
  put(entry, 'givenName', read.one(profile.givenName));
  put(entry, 'surname', read.one(profile.surname));
  put(entry, 'initials', read.one(profile.initials));
  put(entry, 'primary', primary);
  put(entry, 'legacyDn', legacyDn);
  put(entry, 'targetAddress', targetAddress);
  put(entry, 'homeMdb', homeMdb);
  put(entry, 'homeServer', homeServer);
  put(entry, 'homeMta', read.dn(profile.homeMta));
  put(entry, 'altRecipient', read.dn(profile.altRecipient));
  put(entry, 'filter', read.one(profile.filter));
  put(entry, 'filterBase', read.dn(profile.filterBase));
  put(entry, 'expansionServer', mapped(read.one(profile.expansionServer), lastPart));
  put(entry, 'managedBy', read.dn(profile.managedBy));
  put(entry, 'richText', read.boolean(profile.richText));
  put(entry, 'bodyFormat', mapped(read.number(profile.bodyFormat), bodyFormatOf));
  put(entry.restrictions, 'maxReceiveKb', read.number(profile.maxReceiveKb));
  put(entry.restrictions, 'maxSendKb', read.number(profile.maxSendKb));
  put(entry.restrictions, 'maxRecipients', read.number(profile.maxRecipients));
  return { entry, warnings };
}

/** The flags of PidTagSendInternetEncoding: without ENCODING_PREFERENCE they are no wish, without ENCODING_MIME they ask for plain text. */
function bodyFormatOf(flags: number): 'plain' | 'as-sent' | undefined {
  const [preference, mime, formatted] = [0x2_0000, 0x4_0000, 0x18_0000];
  if ((flags & preference) === 0) return undefined;
  return (flags & mime) === 0 || (flags & formatted) === 0 ? 'plain' : 'as-sent';
}

/** The identity of an entry whose directory gives none: a digest of its DN. */
export function idOfDn(dn: string): string {
  return createHash('sha256').update(dnKey(dn)).digest('hex').slice(0, 32);
}

/**
 * Proxy addresses, the primary SMTP address first. The primary has an upper-case prefix; where none has, it is the mail
 * attribute's, or the first.
 */
function addressesOf(
  read: Reader,
  profile: EntryProfile,
  warnings: string[],
): { addresses: string[]; primary: string | undefined; isFromMail: boolean } {
  const addresses: string[] = [];
  let primary: string | undefined;
  let isFromMail = false; // nothing else is known
  for (const proxy of read.every(profile.addresses)) {
    if (isPlainProxy.test(proxy)) {
      // As nearly all are: nothing to check, nothing to normalize.
      const isPrimary = proxy.charCodeAt(0) === 0x53;
      const address = isPrimary ? proxy : `SMTP:${proxy.slice(5)}`;
      if (!addresses.includes(address)) addresses.push(address);
      if (isPrimary && primary === undefined) primary = address;
      else if (isPrimary && primary !== address) warnings.push(`${written(profile.addresses)}: two primary SMTP addresses`);
      continue;
    }
    const colon = proxy.indexOf(':');
    const prefix = proxy.slice(0, Math.max(0, colon));
    const value = proxy.slice(colon + 1);
    if (
      !(usualTypes.has(prefix) || typed.test(proxy)) ||
      value.trim() === '' ||
      proxy.length > maxAddressLength ||
      /[\r\n\0]/.test(proxy)
    ) {
      warnings.push(`${written(profile.addresses)}: a value is no typed address`);
      continue;
    }
    const address = normal(prefix, value);
    if (!addresses.includes(address)) addresses.push(address);
    if (prefix === 'SMTP' && primary === undefined) primary = address;
    else if (prefix === 'SMTP' && primary !== address) warnings.push(`${written(profile.addresses)}: two primary SMTP addresses`);
  }
  const smtp = addresses.filter((address) => address.startsWith('SMTP:'));
  if (primary === undefined) {
    const mail = read.one(profile.mailbox);
    const fromMail = mail !== undefined && parseMailbox(mail) !== undefined ? smtpAddress(mail) : undefined;
    if (mail !== undefined && fromMail === undefined) warnings.push(`${written(profile.mailbox)}: no mail address`);
    isFromMail = fromMail !== undefined && addresses.length === 0;
    if (fromMail !== undefined && smtp.length === 0) addresses.push(fromMail);
    primary = fromMail !== undefined && (smtp.length === 0 || smtp.includes(fromMail)) ? fromMail : smtp[0];
    if (primary !== undefined && smtp.length > 0) warnings.push(`${written(profile.addresses)}: no primary SMTP address`);
  }
  if (primary === undefined) return { addresses, primary, isFromMail };
  return { addresses: [primary, ...addresses.filter((address) => address !== primary)], primary, isFromMail };
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
  const all = (names: readonly string[]): readonly string[] => {
    for (const name of names) {
      const values = attributes.get(name);
      if (values === undefined) continue;
      if (areTexts(values)) return values;
      const texts = values.filter((value) => typeof value === 'string').filter((value) => value.trim() !== '');
      if (values.some((value) => typeof value !== 'string')) warnings.push(`${written([name])}: a value is no text`);
      if (texts.length > 0) return texts;
    }
    return none;
  };
  const one = (names: readonly string[]) => all(names)[0]?.trim();
  const every = (names: readonly string[]) => (names.length === 1 ? all(names) : names.flatMap((name) => all([name])));
  const isDn = (names: readonly string[]) => (dn: string) => {
    if (plainDn.test(dn) || !dnKey(dn).startsWith('?')) return true;
    warnings.push(`${written(names)}: a value is no DN`);
    return false;
  };
  return {
    all,
    one,
    every,
    dn: (names: readonly string[]) => all(names).find(isDn(names)),
    dns(names: readonly string[]): string[] {
      const values = every(names);
      return values.length === 0 ? nobody : values.filter(isDn(names));
    },
    boolean(names: readonly string[]): boolean | undefined {
      const value = one(names)?.toUpperCase();
      if (value === undefined || value === 'TRUE' || value === 'FALSE') return value === undefined ? undefined : value === 'TRUE';
      warnings.push(`${written(names)}: neither TRUE nor FALSE`);
      return undefined;
    },
    number(names: readonly string[]): number | undefined {
      const value = one(names);
      if (value === undefined || /^\d{1,9}$/.test(value)) return value === undefined ? undefined : Number(value);
      warnings.push(`${written(names)}: no number`);
      return undefined;
    },
    id(names: readonly string[]): string | undefined {
      for (const name of names) {
        const value = attributes.get(name)?.[0];
        if (value === undefined || value.length === 0) continue;
        const id = typeof value === 'string' ? value.trim().toLowerCase() : value.toString('hex');
        if (id.length <= 100) return id;
        warnings.push(`${written([name])}: too long for an identity`);
      }
      return undefined;
    },
  };
}

const none: readonly string[] = [];
/** The list of most entries, one for all of them. */
const nobody: string[] = [];
Object.freeze(nobody);
/** A DN without anything that needs a closer look. */
const plainDn = /^[A-Za-z][A-Za-z0-9-]*=[^\\"#+,=]+(?:,[A-Za-z][A-Za-z0-9-]*=[^\\"#+,=]+)*$/;

function areTexts(values: readonly AttributeValue[]): values is readonly string[] {
  for (const value of values)
    if (typeof value !== 'string' || (value.charCodeAt(0) <= 32 && value.trim() === '') || value === '') return false;
  return true;
}

/** Profiles with their names in lower case, made once: every entry is read by them. */
const inLowerCase = new WeakMap<EntryProfile, EntryProfile>();
/** How names were written, for warnings. */
const spelling = new Map<string, string>();

function lowered(profile: EntryProfile): EntryProfile {
  const known = inLowerCase.get(profile);
  if (known !== undefined) return known;
  const lower = (names: readonly string[]) =>
    names.map((name) => {
      spelling.set(name.toLowerCase(), name);
      return name.toLowerCase();
    });
  const { classes, ...attributes } = profile;
  const made: EntryProfile = {
    ...profile,
    ...Object.fromEntries(Object.entries(attributes).map(([key, names]) => [key, Array.isArray(names) ? lower(names) : names])),
    classes: { contact: lower(classes.contact), group: lower(classes.group), queryGroup: lower(classes.queryGroup) },
  };
  inLowerCase.set(profile, made);
  return made;
}

function written(names: readonly string[]): string {
  return names.map((name) => spelling.get(name) ?? name).join('/');
}

/** Sets a value there is; what there is not has no key. */
function put<Target extends object, Key extends keyof Target>(
  target: Target,
  key: Key,
  value: Exclude<Target[Key], undefined> | undefined,
): void {
  if (value !== undefined) target[key] = value;
}
function mapped<From, To>(value: From | undefined, map: (value: From) => To): To | undefined {
  return value === undefined ? undefined : map(value);
}
