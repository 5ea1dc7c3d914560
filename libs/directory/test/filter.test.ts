import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { matches, parseFilter } from '../src/index.ts';

const ada = new Map([
  ['objectclass', ['top', 'person', 'user']],
  ['objectcategory', ['CN=Person,CN=Schema,CN=Configuration,DC=corp']],
  ['cn', ['Ada  Lovelace']],
  ['mailnickname', ['ada']],
  ['department', ['Research (1)*']],
  ['homemdb', ['CN=Store,CN=EX1,OU=Servers,DC=corp']],
  ['useraccountcontrol', ['514']],
  ['usnchanged', ['1000']],
  ['l', ['Köln']],
]);

const asked: [filter: string, holds: boolean][] = [
  ['(cn=ada lovelace)', true],
  ['(CN=ADA LOVELACE)', true],
  ['(cn=ada)', false],
  ['(cn~=Ada Lovelace)', true],
  ['(mailNickname=*)', true],
  ['(telephoneNumber=*)', false],
  ['(!(telephoneNumber=*))', true],
  ['(!(telephoneNumber=1))', true],
  ['(&(mailNickname=*)(objectClass=user))', true],
  ['(&(mailNickname=*)(objectClass=group))', false],
  ['(|(objectClass=group)(objectClass=USER))', true],
  ['(&(& (mailnickname=*) (| (&(objectCategory=person)(objectClass=user)(!(homeMDB=x))) (objectCategory=group) )))', true],
  ['(&)', true],
  ['(|)', false],
  ['(cn=a*)', true],
  ['(cn=*lace)', true],
  ['(cn=a*love*e)', true],
  ['(cn=*a*a*a*)', true],
  ['(cn=*a*a*a*a*)', false],
  ['(cn=ada lovelace*ada lovelace)', false],
  ['(department=research \\281\\29\\2a)', true],
  ['(department=research \\281\\29*)', true],
  ['(department=*)', true],
  ['(usnChanged>=999)', true],
  ['(usnChanged>=1001)', false],
  ['(usnChanged<=1000)', true],
  ['(usnChanged<=99)', false],
  ['(cn>=a)', true],
  ['(cn<=a)', false],
  ['(userAccountControl:1.2.840.113556.1.4.803:=2)', true],
  ['(userAccountControl:1.2.840.113556.1.4.803:=3)', false],
  ['(userAccountControl:1.2.840.113556.1.4.804:=3)', true],
  ['(homeMDB=cn=store, cn=ex1,ou=servers,dc=CORP)', true],
  ['(homeMDB=cn=store,cn=ex2,ou=servers,dc=corp)', false],
  ['(objectCategory=person)', true],
  ['(objectCategory=group)', false],
  ['(l=ko\u0308ln)', true],
  ['(l=K\\c3\\b6ln)', true],
];

const refused = [
  '',
  'cn=a',
  '(cn=a',
  '(&(mailNickname=*)(department=Case Legal)',
  '(cn=a))',
  '(cn=a)(cn=b)',
  '((cn=a))',
  '(=x)',
  '(cn)',
  '(cn=(a))',
  '(cn=\\zz)',
  '(cn=\\2)',
  '(!(cn=a)(cn=b))',
  '(cn:dn:=a)',
  '(memberOf:1.2.840.113556.1.4.1941:=CN=x)',
  `${'(!'.repeat(100)}(cn=a)${')'.repeat(100)}`,
  `(cn=${'a'.repeat(70_000)})`,
];

describe('filters', () => {
  test.each(asked)('%s is %s', (text, holds) => {
    const parsed = parseFilter(text);
    if (!parsed.ok) throw new Error(parsed.reason);
    expect(matches(parsed.filter, ada)).toBe(holds);
  });
  test.each(refused)('%.60s does not parse', (text) => {
    expect(parseFilter(text)).toMatchObject({ ok: false, reason: expect.any(String) });
  });
  test('never throws', () => {
    const piece = fc.constantFrom('(', ')', '&', '|', '!', '*', '=', '>=', 'cn', '\\', '2a', ':', ' ');
    fc.assert(fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => expect(() => parseFilter(pieces.join(''))).not.toThrow()));
  });
});
