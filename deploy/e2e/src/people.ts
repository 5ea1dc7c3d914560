import { writeFileSync } from 'node:fs';
import path from 'node:path';

const suffix = 'DC=corp,DC=example';
const home = `CN=Mailbox Store,CN=First Storage Group,CN=InformationStore,CN=EX1,CN=Servers,CN=Corp`;

/** A directory with `count` mailboxes (user00@corp.example ...), postmaster, and groups of them. @returns the LDIF file's path and the addresses */
export function writePeople(folder: string, count: number, groups: Readonly<Record<string, readonly number[]>> = {}) {
  const name = (index: number) => `user${String(index).padStart(2, '0')}`;
  const dn = (index: number) => `CN=${name(index)},OU=People,${suffix}`;
  const person = (cn: string) =>
    [
      `dn: CN=${cn},OU=People,${suffix}`,
      'objectClass: top',
      'objectClass: person',
      'objectClass: organizationalPerson',
      'objectClass: user',
      `cn: ${cn}`,
      `mailNickname: ${cn}`,
      `mail: ${cn}@corp.example`,
      `proxyAddresses: SMTP:${cn}@corp.example`,
      `homeMDB: ${home}`,
      '',
    ].join('\n');
  const rows = Array.from({ length: count }, (_, index) => person(name(index)));
  rows.push(person('postmaster'));
  for (const [cn, members] of Object.entries(groups)) {
    rows.push(
      [
        `dn: CN=${cn},OU=Groups,${suffix}`,
        'objectClass: top',
        'objectClass: group',
        `cn: ${cn}`,
        `mailNickname: ${cn}`,
        `mail: ${cn}@corp.example`,
        `proxyAddresses: SMTP:${cn}@corp.example`,
        'groupType: 8',
        ...members.map((index) => `member: ${dn(index)}`),
        '',
      ].join('\n'),
    );
  }
  const file = path.join(folder, 'people.ldif');
  writeFileSync(file, rows.join('\n'));
  return { file, addresses: Array.from({ length: count }, (_, index) => `${name(index)}@corp.example`) };
}
