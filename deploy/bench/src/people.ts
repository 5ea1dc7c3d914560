/** Whom the mail of a bench goes to. */
export interface People {
  users: readonly string[]; // mailboxes of the organization, in lower case
  relayed: readonly string[]; // elsewhere: carried on to the sink
  group: { address: string; members: readonly string[] } | undefined;
}

const domain = 'corp.example';
const suffix = 'DC=corp,DC=example';
const server = 'CN=Mailbox Store (EX1),CN=First Storage Group,CN=InformationStore,CN=EX1,CN=Servers,CN=First Administrative Group';

const numbered = (prefix: string, count: number, digits: number, at = domain) =>
  Array.from({ length: count }, (_, number) => `${prefix}${String(number).padStart(digits, '0')}@${at}`);

/** Recipients in a domain of type relay, so that a line takes mail for them from outside. */
export const relayedRecipients: readonly string[] = numbered('partner', 50, 2, 'relay.example');

/** Fifty users and a group of a thousand others, all in the organization that `npm start` runs. */
export const benchPeople: People = {
  users: numbered('bench', 50, 2),
  relayed: relayedRecipients,
  group: { address: `bench1k@${domain}`, members: numbered('member', 1_000, 4) },
};

/** The directory that holds them, and a postmaster, as an Active Directory would export it. */
export function directoryOf(people: People): string {
  const nameOf = (address: string) => address.slice(0, address.indexOf('@'));
  const dn = (name: string) => `CN=${name},OU=Bench,${suffix}`;
  const entry = (name: string, lines: readonly string[]) =>
    [`dn: ${dn(name)}`, 'objectClass: top', ...lines, `cn: ${name}`, `mailNickname: ${name}`, `mail: ${name}@${domain}`, ''].join('\n');
  const person = (name: string) =>
    entry(name, [
      'objectClass: person',
      'objectClass: organizationalPerson',
      'objectClass: user',
      `sAMAccountName: ${name}`,
      `proxyAddresses: SMTP:${name}@${domain}`,
      `homeMDB: ${server},${suffix}`,
    ]);
  const groupEntry = ({ address, members }: NonNullable<People['group']>) =>
    entry(nameOf(address), [
      'objectClass: group',
      'groupType: 8',
      `sAMAccountName: ${nameOf(address)}`,
      `proxyAddresses: SMTP:${address}`,
      ...members.map((member) => `member: ${dn(nameOf(member))}`),
    ]);
  const persons = new Set([...people.users, ...(people.group?.members ?? []), `postmaster@${domain}`].map(nameOf));
  const top = [`dn: ${suffix}`, 'objectClass: top', 'objectClass: domain', 'dc: corp', ''].join('\n');
  const unit = [`dn: OU=Bench,${suffix}`, 'objectClass: top', 'objectClass: organizationalUnit', 'ou: Bench', ''].join('\n');
  const groups = people.group === undefined ? [] : [groupEntry(people.group)];
  return ['version: 1', '', top, unit, ...[...persons].map(person), ...groups].join('\n');
}
