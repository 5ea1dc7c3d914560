import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { parseAccessFile } from '../src/http/access-file.ts';
import { httpApp } from './http-support.ts';

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const access = parseAccessFile(`
keys:
  - { name: billing, sha256: ${sha256('billing-key')}, scopes: [send], senders: [billing@corp.example, "@shop.example", "@bücher.example"] }
  - { name: reader, sha256: ${sha256('reader-key').toUpperCase()}, scopes: [read, "webhook:mailgun"] }
  - name: bulk
    sha256: ${sha256('bulk-key')}
    scopes: [send]
    limits: { mails: 2, recipients: 3, bytes: 1KB, per: 60s }
`);
const message = (from: string, size = 1) => `From: ${from}\r\nTo: ben@corp.example\r\n\r\n${'x'.repeat(size)}\r\n`;
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });

describe('who may what', () => {
  const rows: { name: string; key: string; query?: string; body?: string; gives: number; code?: string; pointers?: string[] }[] = [
    { name: 'the key of the environment may do all', key: 'a-key-of-some-length', gives: 202 },
    { name: 'a key in the name it is for', key: 'billing-key', body: message('billing@corp.example'), gives: 202 },
    { name: 'in another letter case', key: 'billing-key', body: message('Billing@CORP.example'), gives: 202 },
    { name: 'in any name of its domain', key: 'billing-key', body: message('any@shop.example'), gives: 202 },
    { name: 'in any name of an internationalized domain', key: 'billing-key', body: message('any@xn--bcher-kva.example'), gives: 202 },
    { name: 'as nobody', key: 'billing-key', query: 'from=', body: message('any@shop.example'), gives: 202 },
    {
      name: 'in another name',
      key: 'billing-key',
      body: message('ada@corp.example'),
      gives: 403,
      code: 'sender-denied',
      pointers: ['/envelope/from', '/header/From'],
    },
    {
      name: 'with another name in the header alone',
      key: 'billing-key',
      query: 'from=billing@corp.example',
      body: message('ada@corp.example'),
      gives: 403,
      code: 'sender-denied',
      pointers: ['/header/From'],
    },
    {
      name: 'in the name of a domain below its own',
      key: 'billing-key',
      body: message('x@deep.shop.example'),
      gives: 403,
      code: 'sender-denied',
      pointers: ['/envelope/from', '/header/From'],
    },
    ...[
      ['behind a line that is no field', ' \r\nFrom: ada@corp.example\r\n\r\nx', 'unrecognised'],
      ['behind a later line that is no field', 'From: billing@corp.example\r\nwhat\r\nFrom: ada@corp.example\r\n\r\nx', 'syntax'],
      ['in what is no address', 'From: Ada ada@corp.example>\r\n\r\nx', 'sender-denied'],
      ['beside its own', 'From: ada@corp.example>, billing@corp.example\r\n\r\nx', 'sender-denied'],
    ].map(([name = '', body = '', code = '']) => ({
      name: `another name ${name}`,
      key: 'billing-key',
      query: 'from=billing@corp.example&to=ben@corp.example',
      body,
      gives: code === 'sender-denied' ? 403 : 422,
      code,
    })),
    { name: 'a key without the scope', key: 'reader-key', gives: 403, code: 'scope' },
    { name: 'a digest is no key', key: sha256('billing-key'), gives: 401, code: 'unauthorized' },
  ];
  test.each(rows)('$name: $gives', async ({ key, query = '', body = message('ada@corp.example'), gives, code, pointers }) => {
    const { app, acceptor, post } = httpApp({ access });
    const response = await post(`/v1/messages?${query}`, bearer(key), body);
    await app.close();
    expect(response.statusCode).toBe(gives);
    expect(acceptor.taken).toHaveLength(gives === 202 ? 1 : 0);
    if (code !== undefined) expect(response.json().code).toBe(code);
    if (pointers !== undefined) expect(response.json().errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(pointers);
    if (code === 'scope') expect(response.headers['www-authenticate']).toContain('error="insufficient_scope", scope="send"');
  });

  test('the mail bears the name of its key', async () => {
    const { app, acceptor, post } = httpApp({ access });
    await post('/v1/messages', bearer('bulk-key'), message('ada@corp.example'));
    await app.close();
    expect(acceptor.taken[0]?.request).toMatchObject({ client: 'http:key:bulk', origin: { user: 'key:bulk', trust: 'inside' } });
  });
});

describe('limits of a key', () => {
  test('mails: refused with a time after which it fits, and taken then', async () => {
    const { app, acceptor, clock, post } = httpApp({ access });
    const send = () => post('/v1/messages', bearer('bulk-key'), message('ada@corp.example'));
    const statuses = [(await send()).statusCode, (await send()).statusCode];
    const third = await send();
    clock.at += Number(third.headers['retry-after']) * 1_000;
    const later = await send();
    await app.close();
    expect([...statuses, third.statusCode, later.statusCode]).toEqual([202, 202, 429, 202]);
    expect(third.json()).toMatchObject({ code: 'quota' });
    expect(third.headers['retry-after']).toBe('30'); // two a minute: the next after half of it
    expect(acceptor.taken).toHaveLength(3);
  });

  test.each([
    ['recipients', 'to=a@corp.example&to=b@corp.example', 1],
    ['bytes', '', 700],
  ])('%s', async (_name, query, size) => {
    const { app, post } = httpApp({ access });
    const send = () => post(`/v1/messages?${query}`, bearer('bulk-key'), message('ada@corp.example', size));
    const statuses = [(await send()).statusCode, (await send()).statusCode];
    await app.close();
    expect(statuses).toEqual([202, 429]);
  });

  test('a message that no time would make fit: 403', async () => {
    const { app, post } = httpApp({ access });
    const answer = await post('/v1/messages', bearer('bulk-key'), message('ada@corp.example', 2_000));
    await app.close();
    expect(answer.json()).toMatchObject({ status: 403, code: 'over-quota' });
  });

  test('other keys do not feel it', async () => {
    const { app, post } = httpApp({ access });
    for (let i = 0; i < 3; i += 1) await post('/v1/messages', bearer('bulk-key'), message('ada@corp.example'));
    const mine = await post('/v1/messages', {}, message('ada@corp.example'));
    await app.close();
    expect(mine.statusCode).toBe(202);
  });
});

describe('the access file', () => {
  const hash = sha256('x');
  test.each([
    ['no YAML', '{', 'YAML'],
    ['an unknown word', 'key: []', 'Unrecognized key'],
    ['an unknown scope', `keys: [{ name: a, sha256: ${hash}, scopes: [all] }]`, 'scopes'],
    ['a key in plain', 'keys: [{ name: a, sha256: my-secret-key, scopes: [send] }]', '64 hex digits'],
    [
      'the same key twice',
      `keys: [{ name: a, sha256: ${hash}, scopes: [send] }, { name: b, sha256: ${hash}, scopes: [send] }]`,
      'two keys',
    ],
    ['a limit without its time', `keys: [{ name: a, sha256: ${hash}, scopes: [send], limits: { mails: 1 } }]`, 'per'],
    ['an alias', 'keys: &a []\nx: *a', 'YAML'],
  ])('%s is told', (_name, text, told) => {
    expect(() => parseAccessFile(text)).toThrow(told);
  });

  test('what it says wrong is not repeated: it may be a secret', () => {
    expect(() => parseAccessFile('keys: [{ name: a, sha256: my-secret-key, scopes: [send] }]')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('my-secret-key') }),
    );
  });

  test('an empty file has no keys', () => {
    expect(parseAccessFile('')).toEqual({ keys: [], webhooks: [] });
  });
});
