import { describe, expect, test } from '@jest/globals';
import { activeDirectory, entryOf, parseLdif, type Entry } from '../src/index.ts';

const home = 'homeMDB: CN=Store,CN=EX1,OU=Servers,DC=corp';
const server = 'msExchHomeServerName: /o=Corp/ou=G/cn=Configuration/cn=Servers/cn=EX7';

function read(text: string): { entry: Entry; warnings: string[] } {
  const { records, errors } = parseLdif(`dn: CN=x,DC=corp\n${text}\n`, new Set(['objectguid']));
  const [record] = records;
  if (record === undefined) throw new Error(JSON.stringify(errors));
  return entryOf(record.dn, record.attributes);
}

const rows: { name: string; ldif: string; is: Partial<Entry>; warns?: string[] }[] = [
  {
    name: 'a mailbox by homeMDB',
    ldif: `objectClass: user\nmailNickname: x\n${home}`,
    is: { kind: 'mailbox', homeServer: 'EX1', nickname: 'x' },
  },
  {
    name: 'a mailbox by server name, which goes first',
    ldif: `objectClass: user\nmailNickname: x\n${home}\n${server}`,
    is: { kind: 'mailbox', homeServer: 'EX7' },
  },
  {
    name: 'a mail user',
    ldif: 'objectClass: user\nmailNickname: x\ntargetAddress: SMTP:x@Else.test',
    is: { kind: 'mail-user', targetAddress: 'SMTP:x@else.test' },
  },
  {
    name: 'a contact',
    ldif: 'objectClass: Contact\nmailNickname: x\ntargetAddress: NOTES:X/Y@Z',
    is: { kind: 'contact', targetAddress: 'NOTES:X/Y@Z' },
  },
  {
    name: 'a target without a type',
    ldif: 'objectClass: contact\ntargetAddress: x@else.test',
    is: { kind: 'contact', targetAddress: 'SMTP:x@else.test' },
  },
  { name: 'a contact without a target', ldif: 'objectClass: contact\nmailNickname: x\ntargetAddress:', is: { kind: 'contact' } },
  { name: 'an account without a place', ldif: 'objectClass: user\nmailNickname: x', is: { kind: 'other' } },
  { name: 'a person without mail', ldif: 'objectClass: user\ncn: x', is: { kind: 'other', displayName: 'x' } },
  {
    name: 'a group',
    ldif: 'objectClass: group\nmailNickname: x\nmember: CN=a\nmember: CN=b',
    is: { kind: 'group', members: ['CN=a', 'CN=b'] },
  },
  { name: 'a security group has members, but no mail', ldif: 'objectClass: group\nmember: CN=a', is: { kind: 'other', members: ['CN=a'] } },
  {
    name: 'a query-based group',
    ldif: 'objectClass: msExchDynamicDistributionList\nmailNickname: x\nmsExchDynamicDLFilter: (cn=*)\nmsExchDynamicDLBaseDN: DC=corp',
    is: { kind: 'query-group', filter: '(cn=*)', filterBase: 'DC=corp' },
  },
  {
    name: 'primary first, others after it',
    ldif: `${home}\nproxyAddresses: smtp:b@corp.example\nproxyAddresses: x400:c=de;a= ;s=X;\nproxyAddresses: SMTP:A@Corp.Example`,
    is: { primary: 'SMTP:A@corp.example', addresses: ['SMTP:A@corp.example', 'SMTP:b@corp.example', 'X400:c=de;a= ;s=X;'] },
  },
  {
    name: 'no primary: the one mail names',
    ldif: `${home}\nproxyAddresses: smtp:b@corp.example\nproxyAddresses: smtp:c@corp.example\nmail: c@corp.example`,
    is: { primary: 'SMTP:c@corp.example' },
    warns: ['proxyAddresses: no primary SMTP address'],
  },
  {
    name: 'no primary: else the first',
    ldif: `${home}\nproxyAddresses: smtp:b@corp.example`,
    is: { primary: 'SMTP:b@corp.example' },
    warns: ['proxyAddresses: no primary SMTP address'],
  },
  {
    name: 'no SMTP proxy: mail is an address',
    ldif: `${home}\nproxyAddresses: FAX:1\nmail: c@corp.example`,
    is: { primary: 'SMTP:c@corp.example', addresses: ['SMTP:c@corp.example', 'FAX:1'] },
  },
  {
    name: 'two primaries',
    ldif: `${home}\nproxyAddresses: SMTP:a@corp.example\nproxyAddresses: SMTP:b@corp.example`,
    is: { primary: 'SMTP:a@corp.example' },
    warns: ['proxyAddresses: two primary SMTP addresses'],
  },
  {
    name: 'values that are none are left out',
    ldif: `${home}\nproxyAddresses: nobody\nproxyAddresses: SMTP:\nproxyAddresses: SMTP:a@corp.example\ndelivContLength: much\ndeliverAndRedirect: perhaps\nmanagedBy: the boss\nmail: none`,
    is: { primary: 'SMTP:a@corp.example', addresses: ['SMTP:a@corp.example'], deliverAndRedirect: false },
    warns: [
      'proxyAddresses: a value is no typed address',
      'proxyAddresses: a value is no typed address',
      'deliverAndRedirect: neither TRUE nor FALSE',
      'managedBy: a value is no DN',
      'delivContLength: no number',
    ],
  },
  { name: 'identity by GUID', ldif: 'objectGUID:: YWJj', is: { id: '616263' } },
  { name: 'identity by digest of the DN', ldif: 'cn: x', is: { id: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown as string } },
  {
    name: 'an expansion server',
    ldif: 'objectClass: group\nmailNickname: x\nmsExchExpansionServerName: /o=Corp/cn=Servers/cn=EX2',
    is: { expansionServer: 'EX2' },
  },
  { name: 'out-of-office replies to members only', ldif: 'objectClass: group\noOFReplyToOriginator: FALSE', is: { suppressOof: true } },
  {
    name: 'restrictions',
    ldif: 'authOrig: CN=a\nunauthOrig: CN=b\ndLMemSubmitPerms: CN=c\ndLMemRejectPerms: CN=d\nmsExchRequireAuthToSendTo: TRUE\ndelivContLength: 1\nsubmissionContLength: 2\nmsExchRecipLimit: 3',
    is: {
      restrictions: {
        acceptFrom: ['CN=a'],
        rejectFrom: ['CN=b'],
        acceptMembersOf: ['CN=c'],
        rejectMembersOf: ['CN=d'],
        requireAuthentication: true,
        maxReceiveKb: 1,
        maxSendKb: 2,
        maxRecipients: 3,
      },
    },
  },
];

describe('entryOf', () => {
  test.each(rows)('$name', ({ ldif, is, warns = [] }) => {
    const { entry, warnings } = read(ldif);
    expect(entry).toMatchObject(is);
    expect(warnings).toEqual(warns);
  });

  test('another profile names other attributes', () => {
    const { records } = parseLdif(
      'dn: uid=ada,dc=corp\nobjectClass: inetOrgPerson\nmail: ada@corp.example\nmailAlternateAddress: SMTP:a@corp.example\nmailHost: EX1\n',
    );
    const profile = { ...activeDirectory, addresses: ['mailAlternateAddress'], homeServerName: ['mailHost'] };
    expect(entryOf('uid=ada,dc=corp', records[0]?.attributes ?? new Map(), profile).entry).toMatchObject({
      kind: 'mailbox',
      homeServer: 'EX1',
      primary: 'SMTP:a@corp.example',
    });
  });
});
