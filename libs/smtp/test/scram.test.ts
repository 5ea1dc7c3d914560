import { expect, test } from '@jest/globals';
import { parseScramFirst, ScramExchange, scramCredential, scramDecoy } from '../src/scram.ts';

// The exchange of RFC 7677 §3.
const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64');
const nonces = { client: 'rOprNGfwEbeRWgbNEkqO', server: '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0' };
const final = `c=biws,r=${nonces.client}${nonces.server},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`;

function exchange(password = 'pencil') {
  const first = parseScramFirst(`n,,n=user,r=${nonces.client}`);
  if (first === undefined) throw new Error('no first message');
  return new ScramExchange(first, scramCredential(password, salt), nonces.server);
}

test('the exchange of RFC 7677', () => {
  const one = exchange();
  expect(one.challenge).toBe(`r=${nonces.client}${nonces.server},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`);
  expect(one.finish(final)).toBe('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=');
});

test('another password, a proof that was changed', () => {
  expect(exchange('Pencil').finish(final)).toBe(false);
  expect(exchange().finish(final.replace('p=d', 'p=e'))).toBe(false);
});

test.each([
  ['another nonce', final.replace('rOpr', 'rOps')],
  ['the client’s nonce alone', final.replace(nonces.server, '')],
  ['another binding', final.replace('c=biws', 'c=eSws')],
  ['no proof', final.slice(0, final.indexOf(',p='))],
  ['a proof of another length', final.replace('dHzb', '')],
  ['something before', `m=x,${final}`],
  ['nothing', ''],
])('%s is no final message', (_, message) => {
  expect(exchange().finish(message)).toBeUndefined();
});

test.each([
  ['n,,n=user,r=12345678', { user: 'user', authzid: '', gs2: 'n,,' }],
  ['y,,n=user,r=12345678', { user: 'user', gs2: 'y,,' }],
  ['n,a=boss,n=user,r=12345678', { user: 'user', authzid: 'boss', gs2: 'n,a=boss,' }],
  ['n,,n=a=2Cb=3Dc,r=12345678,x=ext', { user: 'a,b=c', bare: 'n=a=2Cb=3Dc,r=12345678,x=ext', nonce: '12345678' }],
])('%s', (message, expected) => {
  expect(parseScramFirst(message)).toMatchObject(expected);
});

test.each([
  ['p=tls-unique,,n=user,r=12345678'],
  ['n,,n=,r=12345678'],
  ['n,,n=us=er,r=12345678'],
  ['n,,n=user,r='],
  ['n,,n=user,r=short'],
  ['n,,m=ext,n=user,r=12345678'],
  ['n,,r=12345678,n=user'],
  ['n=user,r=12345678'],
  [`n,,n=user,r=${'x'.repeat(300)}`],
  ['n,,n=user,r=1234567\0'],
  [''],
])('%j is no first message', (message) => {
  expect(parseScramFirst(message)).toBeUndefined();
});

test('nobody looks like somebody, the same at every try', () => {
  const secret = Buffer.from('a secret of this process');
  const [one, again, other] = [scramDecoy('nobody', secret), scramDecoy('nobody', secret), scramDecoy('somebody', secret)];
  expect(again).toEqual(one);
  expect(other.salt).not.toEqual(one.salt);
  expect({ salt: one.salt.length, iterations: one.iterations }).toEqual({ salt: 16, iterations: scramCredential('x', salt).iterations });
});
