import { describe, expect, test } from '@jest/globals';
import { addressKey } from '@mailrail/mail';
import { dnKey, type Entry, type LdapProfile, openLdapProfile } from '../src/index.ts';
import { ldapEntry } from '../src/ldap/ldap-entry.ts';
import { addressedMember, namedMember } from '../src/ldap/named-member.ts';

function read(attributes: Record<string, string[]>, profile: LdapProfile = openLdapProfile): Entry {
  const raw = {
    dn: 'uid=x,dc=corp',
    attributes: new Map(Object.entries(attributes).map(([name, values]) => [name.toLowerCase(), [...values]])),
    more: new Map(),
  };
  return ldapEntry(raw, profile).entry;
}

describe('entries of OpenLDAP’s own schemas', () => {
  test.each<[name: string, attributes: Record<string, string[]>, is: Partial<Entry>]>([
    [
      'a person whose mail is on a host',
      {
        objectClass: ['inetOrgPerson'],
        mail: ['x@corp.example', 'y@corp.example'],
        mailLocalAddress: ['z@corp.example'],
        mailHost: ['EX1'],
      },
      {
        kind: 'mailbox',
        homeServer: 'EX1',
        primary: 'SMTP:x@corp.example',
        addresses: ['SMTP:x@corp.example', 'SMTP:y@corp.example', 'SMTP:z@corp.example'],
      },
    ],
    [
      'a person whose mail goes elsewhere',
      { objectClass: ['inetOrgPerson'], mail: ['x@corp.example'], mailRoutingAddress: ['x@else.example'] },
      { kind: 'mail-user', targetAddress: 'SMTP:x@else.example' },
    ],
    ['a person nobody said a server of', { objectClass: ['inetOrgPerson'], mail: ['x@corp.example'] }, { kind: 'other' }],
    [
      'typed addresses go before bare ones',
      { objectClass: ['inetOrgPerson'], proxyAddresses: ['SMTP:p@corp.example'], mail: ['x@corp.example'], mailHost: ['EX1'] },
      { addresses: ['SMTP:p@corp.example'] },
    ],
    [
      'a group by DN',
      { objectClass: ['groupOfUniqueNames'], mail: ['g@corp.example'], uniqueMember: ['uid=a,dc=corp'] },
      { kind: 'group', members: ['uid=a,dc=corp'] },
    ],
    [
      'a group by login',
      { objectClass: ['posixGroup'], mail: ['g@corp.example'], memberUid: ['a', 'b+c'] },
      { kind: 'group', members: ['memberuid=a', 'memberuid=b\\+c'] },
    ],
    [
      'an alias',
      { objectClass: ['nisMailAlias'], mail: ['g@corp.example'], rfc822MailMember: ['a@else.example'] },
      { kind: 'group', members: ['rfc822mailmember=a@else.example'] },
    ],
    [
      'a group by URL',
      { objectClass: ['groupOfURLs'], mail: ['g@corp.example'], memberURL: ['ldap:///ou=people,dc=corp??sub?(l=Oslo)'] },
      { kind: 'query-group', filter: '(l=Oslo)', filterBase: 'ou=people,dc=corp' },
    ],
    [
      'a group by two URLs below one base',
      {
        objectClass: ['groupOfURLs'],
        mail: ['g@corp.example'],
        memberURL: ['ldap:///dc=corp??sub?(l=Oslo)', 'ldap:///dc=corp??sub?(l=S%c3%b8r)'],
      },
      { filter: '(|(l=Oslo)(l=Sør))', filterBase: 'dc=corp' },
    ],
  ])('%s', (_, attributes, is) => expect(read(attributes)).toMatchObject(is));

  test.each([
    [['ldap:///dc=a??sub?(l=x)', 'ldap:///dc=b??sub?(l=x)']],
    [['ldap:///dc=a??one?(l=x)']],
    [['ldap://elsewhere/dc=a??sub?(l=x)']],
    [['ldap:///%zz??sub?(l=x)']],
    [['https://example.test/']],
  ])('a group by %j has no query', (memberURL) => {
    expect(read({ objectClass: ['groupOfURLs'], mail: ['g@corp.example'], memberURL })).not.toHaveProperty('filter');
  });

  test('persons can have a server by configuration; groups and those with a target have none', () => {
    const profile = { ...openLdapProfile, personsServer: ['EX1'] };
    expect(read({ objectClass: ['inetOrgPerson'], mail: ['x@corp.example'] }, profile)).toMatchObject({
      kind: 'mailbox',
      homeServer: 'EX1',
    });
    expect(read({ objectClass: ['inetOrgPerson'], mail: ['x@corp.example'], mailHost: ['EX2'] }, profile)).toMatchObject({
      homeServer: 'EX2',
    });
    expect(read({ objectClass: ['inetOrgPerson'] }, profile).kind).toBe('other');
    expect(read({ objectClass: ['groupOfNames'], mail: ['x@corp.example'] }, profile)).toMatchObject({ kind: 'group' });
    expect(read({ objectClass: ['inetOrgPerson'], mail: ['x@corp.example'], mailRoutingAddress: ['a@b.example'] }, profile).kind).toBe(
      'mail-user',
    );
  });

  test('what stands for a member is told from an entry', () => {
    expect(namedMember('memberUid=a\\+b', openLdapProfile)).toEqual({ kind: 'login', login: 'a+b' });
    expect(namedMember('RFC822mailmember=a@x.example', openLdapProfile)).toEqual({ kind: 'address', address: 'SMTP:a@x.example' });
    for (const dn of ['uid=a', 'memberUid=a,dc=corp', 'memberUid=', 'rfc822MailMember=nobody', 'no dn'])
      expect(namedMember(dn, openLdapProfile)).toBeUndefined();
    const contact = addressedMember('rfc822MailMember=a@x.example', 'SMTP:a@x.example');
    expect(contact).toMatchObject({ kind: 'contact', targetAddress: 'SMTP:a@x.example', addresses: ['SMTP:a@x.example'] });
    expect([dnKey(contact.dn), addressKey(contact.primary ?? '')]).toEqual(['rfc822mailmember=a@x.example', 'SMTP:a@x.example']);
  });
});
