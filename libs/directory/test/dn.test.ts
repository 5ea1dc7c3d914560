import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { orderedX400 } from '@mailrail/mail';
import { dnKey, isDeletedDn, parseDn, serverInDn } from '../src/index.ts';

describe('dnKey', () => {
  const same: [name: string, ...dns: string[]][] = [
    ['letter case', 'CN=Ada,OU=Corp,DC=corp,DC=example', 'cn=ADA,ou=corp,dc=CORP,dc=Example'],
    ['blanks around separators', 'CN=Ada,OU=Corp', ' CN = Ada , OU=Corp '],
    ['runs of blanks', 'CN=Ada  Lovelace', 'CN=ada lovelace'],
    ['escape by character and by hex pair', 'CN=Lovelace\\, Ada,OU=Corp', 'CN=Lovelace\\2C Ada,OU=Corp', 'CN="Lovelace, Ada",OU=Corp'],
    ['UTF-8 by hex pairs', 'CN=Jörg', 'CN=J\\C3\\B6rg', 'CN=jo\u0308rg'],
    ['order within an RDN', 'CN=Ada+UID=7,OU=Corp', 'uid=7+cn=ada,OU=Corp'],
    ['needless escapes', 'CN=a\\=b', 'CN=a=b'],
    ['an escaped blank at the end', 'CN=Ada\\ ,OU=Corp', 'CN=Ada,OU=Corp'],
    ['the root', '', '  '],
  ];
  test.each(same)('%s makes no difference', (_name, ...dns) => {
    expect(new Set(dns.map(dnKey)).size).toBe(1);
  });

  const different: [name: string, a: string, b: string][] = [
    ['an escaped comma is no separator', 'CN=a\\,OU=b', 'CN=a,OU=b'],
    ['an escaped plus is no separator', 'CN=a\\+UID=b', 'CN=a+UID=b'],
    ['another value', 'CN=a,OU=b', 'CN=a,OU=c'],
    ['what is no DN equals no DN', 'somebody', 'CN=somebody'],
  ];
  test.each(different)('%s', (_name, a, b) => {
    expect(dnKey(a)).not.toBe(dnKey(b));
  });

  test('every name survives being escaped', () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter((text) => text.trim() === text && !/\s{2}/.test(text));
    fc.assert(
      fc.property(name, name, (a, b) => {
        const escaped = (text: string) => text.replace(/[,+"\\<>;=#\0]/g, (one) => (one === '\0' ? '\\00' : `\\${one}`));
        const dn = `CN=${escaped(a)},OU=${escaped(b)}`;
        expect(parseDn(dn)?.map((rdn) => rdn[0]?.value)).toEqual([a, b]);
        expect(dnKey(dn)).toBe(dnKey(`cn = ${escaped(a)} , ou = ${escaped(b)}`));
      }),
      { numRuns: 300 },
    );
  });
});

test.each([['CN=a'], ['cn=x,'], ['=x'], ['1.2.840.113556=x'], ['CN="open'], ['CN=a\\'], ['CN="a"b']])(
  'parseDn never throws: %s',
  (text) => {
    expect(() => parseDn(text)).not.toThrow();
  },
);

test('what is no DN is undefined', () => {
  for (const text of ['cn=x,', '=x', 'CN="open', 'CN=a\\', 'CN="a"b', 'no dn', '9a=x']) expect(parseDn(text)).toBeUndefined();
});

test.each([
  ['CN=Mailbox Store (EX1),CN=EX1,OU=Servers,OU=Corp,DC=corp,DC=example', 'EX1'],
  ['CN=Store,CN=First Storage Group,CN=InformationStore,CN=EX7,CN=Servers,CN=First Administrative Group,DC=corp', 'EX7'],
  ['CN=Store,CN=EX2,DC=corp', 'EX2'],
  ['CN=Store', undefined],
  ['nonsense', undefined],
])('server in %s', (dn, server) => {
  expect(serverInDn(dn)).toBe(server);
});

test('a tombstone is known by its name', () => {
  expect(isDeletedDn('CN=Microsoft MTA\\0ADEL:0d0f1c1e,CN=Deleted Objects,DC=corp')).toBe(true);
  expect(isDeletedDn('CN=DEL:x,DC=corp')).toBe(false);
});

test.each([
  ['g=Ty;s=Typed;o=Exchange;p=Corp;a= ;c=DE;', 'c=DE;a= ;p=Corp;o=Exchange;s=Typed;g=Ty;'],
  ['/c=US/a=TELENET/p=ABC/o=P$/Q/s=STEEL', 'c=US;a=TELENET;p=ABC;o=P/Q;s=STEEL;'],
  ['PRMD=Corp; ADMD=;C=de; S=Ada  L', 'c=de;a= ;p=Corp;s=Ada L;'],
  ['c=us;dda:RFC-822=a(a)b;a= ', 'c=us;a= ;dda:rfc-822=a(a)b;'],
  ['c=us;colour=red', undefined],
  ['nothing', undefined],
  ['', undefined],
])('X.400 %s', (value, ordered) => {
  expect(orderedX400(value)).toBe(ordered);
});
