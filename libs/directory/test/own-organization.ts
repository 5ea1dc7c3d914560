/** Where a directory of these entries is to go: a file and slapd take them as they are, Samba as change records. */
export type Dialect = 'slapd' | 'samba';

export const base = 'DC=corp,DC=example';
const root = `OU=Own,${base}`;
const other = `OU=Other,${base}`;
const servers = `OU=OwnServers,${base}`;

interface Made {
  dn: string;
  classes: readonly string[];
  attributes: Readonly<Record<string, readonly string[]>>;
  only?: Dialect;
}
type Values = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Attributes that name other entries: they may be named before they are made, so Samba gets them last. */
const links = new Set(['member', 'altRecipient', 'authOrig', 'unauthOrig', 'dLMemSubmitPerms', 'dLMemRejectPerms', 'managedBy']);

const escaped = (name: string) => name.replaceAll(/[,+"\\<>;=#]/g, (char) => `\\${char}`).replaceAll(/^ | $/g, '\\ ');
export const dn = (name: string, ou = root) => `CN=${escaped(name)},${ou}`;
const valuesOf = (given: Values): Record<string, readonly string[]> =>
  Object.fromEntries(Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [[name, [value].flat()]])));

const smtp = (address: string) => `SMTP:${address.includes('@') ? address : `${address}@corp.example`}`;
const made: Made[] = [];
let serial = 0;
function add(name: string, classes: readonly string[], given: Values, ou = root, only?: Dialect): void {
  made.push({
    dn: dn(name, ou),
    classes: ['top', ...classes],
    attributes: { cn: [name], ...valuesOf(given) },
    ...(only === undefined ? {} : { only }),
  });
}
function account(): Values {
  serial += 1;
  return { sAMAccountName: `own-${serial}`, userAccountControl: '544' };
}
interface More extends Values {
  /** Besides the primary address; typed. */
  also?: readonly string[];
}
function mailOf(name: string, { also = [], ...more }: More): Values {
  return { mailNickname: name.slice(0, 64).replaceAll(/[^\p{L}\p{N}._-]/gu, '-'), proxyAddresses: [smtp(name), ...also], ...more };
}
const storeOf = (server: string) => `CN=Store ${server},${servers}`;
const serverName = (server: string) => `/o=Corp/ou=First/cn=Configuration/cn=Servers/cn=${server}`;

/** A mailbox, on EX1 unless `server` says otherwise. */
export function box(
  name: string,
  { server = 'EX1', cn = name, ou, only, ...more }: More & { server?: string; cn?: string; ou?: string; only?: Dialect } = {},
): void {
  const home = { homeMDB: storeOf(server), msExchHomeServerName: serverName(server) };
  add(cn, ['person', 'organizationalPerson', 'user'], { sn: 'x', ...account(), ...home, ...mailOf(name, more) }, ou, only);
}
/** An account without a mailbox. */
export function plainUser(name: string, given: Values): void {
  add(name, ['person', 'organizationalPerson', 'user'], { sn: 'x', ...account(), ...given });
}
export function contact(name: string, targetAddress: string | undefined, more: More = {}): void {
  add(name, ['person', 'organizationalPerson', 'contact'], { sn: 'x', targetAddress, ...mailOf(name, more) });
}
export function group(
  name: string,
  members: readonly string[],
  { cn = name, only, ...more }: More & { cn?: string; only?: Dialect } = {},
): void {
  const { sAMAccountName } = account();
  const member = members.map((one) => (/,(OU|DC)=/i.test(one) ? one : dn(one)));
  const given = {
    sAMAccountName,
    groupType: '8',
    reportToOriginator: 'TRUE',
    ...(member.length === 0 ? {} : { member }),
    ...mailOf(name, more),
  };
  add(cn, ['group'], given, root, only);
}
export function securityGroup(name: string, members: readonly string[], more: Values = {}): void {
  add(name, ['group'], {
    ...account(),
    userAccountControl: undefined,
    groupType: '-2147483646',
    member: members.map((one) => dn(one)),
    ...more,
  });
}
export function query(
  name: string,
  msExchDynamicDLFilter: string | undefined,
  { baseDn = root, only, ...more }: More & { baseDn?: string | undefined; only?: Dialect } = {},
): void {
  add(
    name,
    ['msExchDynamicDistributionList'],
    { msExchDynamicDLFilter, msExchDynamicDLBaseDN: baseDn, reportToOriginator: 'TRUE', ...mailOf(name, more) },
    root,
    only,
  );
}
export { other, root, serverName, smtp };

/** All entries made so far, as text. */
export function ldifOf(dialect: Dialect): string {
  const containers = [root, other, servers].map(
    (one): Made => ({
      dn: one,
      classes: ['top', 'organizationalUnit'],
      attributes: { ou: [one.slice(3, one.indexOf(','))] },
    }),
  );
  const stores = ['EX1', 'EX2', 'EX3', 'EX9'].map(
    (server): Made => ({
      dn: storeOf(server),
      classes: ['top', dialect === 'slapd' ? 'fixtureConfigObject' : 'container'],
      attributes: { cn: [`Store ${server}`] },
    }),
  );
  const top: Made = { dn: base, classes: ['top', 'dcObject', 'organization'], attributes: { dc: ['corp'], o: ['Corp'] } };
  const all = [...(dialect === 'slapd' ? [top] : []), ...containers, ...stores, ...made].filter(
    ({ only }) => only === undefined || only === dialect,
  );
  const here = new Set(all.map((one) => one.dn));
  const later: string[] = [];
  const records = all.map(({ dn: name, classes, attributes }) => {
    const lines = [line('dn', name), ...(dialect === 'samba' ? ['changetype: add'] : []), ...classes.map((one) => `objectClass: ${one}`)];
    if (dialect === 'slapd' && attributes['mailNickname'] !== undefined) lines.push('objectClass: mailRecipient');
    for (const [attribute, values] of Object.entries(attributes)) {
      if (dialect === 'slapd' && attribute === 'userAccountControl') continue;
      const written = values.map((value) => line(attribute, value));
      if (dialect === 'slapd' || !links.has(attribute)) lines.push(...written);
      // Active Directory has no link to an entry that does not exist.
      else {
        const there = values.filter((value) => here.has(value)).map((value) => line(attribute, value));
        if (there.length > 0) later.push([line('dn', name), 'changetype: modify', `add: ${attribute}`, ...there, '-'].join('\n'));
      }
    }
    return lines.join('\n');
  });
  return `${[...records, ...later].join('\n\n')}\n`;
}

function line(attribute: string, value: string): string {
  const isSafe = /^[\x21-\x39\x3b\x3d-\x7e][\x20-\x7e]*$/.test(value) && !value.endsWith(' ');
  return isSafe ? `${attribute}: ${value}` : `${attribute}:: ${Buffer.from(value).toString('base64')}`;
}
