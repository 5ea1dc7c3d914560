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

  const mine = 'billing@corp.example';
  test.each<[string, string[], number]>([
    // What passes: all addresses are the key's, and nobody could read another.
    ['a name', [`Billing <${mine}>`], 202],
    ['a name in quotes', [`"Billing, \\"the\\" office" <${mine}>`], 202],
    ['a name in an encoded word', [`=?utf-8?q?B=C3=BCro?= <${mine}>`], 202],
    ['an encoded word that would be an address', [`=?utf-8?q?ada=40corp=2Eexample?= <${mine}>`], 202],
    ['a name in quotes that would be an address', [`"ada@corp.example" <${mine}>`], 202],
    ['a name in another script', [`Büro <${mine}>`], 202],
    ['a comment behind', [`${mine} (of ada@corp.example (and others))`], 202],
    ['a local part in quotes', ['"any one"@shop.example'], 202],
    ['an @ in such a local part', ['"any@one"@shop.example'], 202],
    ['several addresses', [`${mine}, Shop <any@shop.example>`], 202],
    ['a group', [`Us: ${mine}, any@shop.example;`], 202],
    ['several fields', [mine, 'any@shop.example'], 202],
    ['a folded field', [`Billing\r\n <${mine}>`], 202],
    // Nobody at all.
    ['no field', [], 403],
    ['nothing in it', [''], 403],
    ['a comment alone', ['(ada@corp.example)'], 403],
    ['a comment that names the key’s own', [`(${mine})`], 403],
    ['a group without members', ['undisclosed-recipients:;'], 403],
    ['a group named for the key', [`${mine}:;`], 403],
    ['commas', [', ,'], 403],
    ['an empty address', ['Billing <>'], 403],
    ['a name alone', ['Billing'], 403],
    ['an encoded word alone', ['=?utf-8?q?billing=40corp=2Eexample?='], 403],
    ['an address without a domain', ['postmaster'], 403],
    // Somebody else beside.
    ['a field with nobody behind a good one', [mine, '(nobody)'], 403],
    ['another’s field behind a good one', [mine, 'ada@corp.example'], 403],
    ['another’s field before a good one', ['ada@corp.example', mine], 403],
    ['another behind a good one', [`${mine}, ada@corp.example`], 403],
    ['another in a group', [`Us: ${mine}, ada@corp.example;`], 403],
    ['another behind a group', [`Us: ${mine};, ada@corp.example`], 403],
    ['a name alone before a good one', [`Ada, ${mine}`], 403],
    ['another as a name without quotes', [`ada@corp.example <${mine}>`], 403],
    ['another behind the brackets', [`<${mine}> ada@corp.example`], 403],
    ['another behind a blank', [`${mine} ada@corp.example`], 403],
    ['two in brackets', [`<${mine}> <ada@corp.example>`], 403],
    ['another as the name of a group', [`ada@corp.example: ${mine};`], 403],
    ['a route', [`<@ada.example:${mine}>`], 403],
    ['quotes that do not end', [`"ada@corp.example, <${mine}>`], 403],
    ['a comment that does not end', [`ada@corp.example (, ${mine}`], 403],
    ['a comment that was never begun', [`${mine} ) ada`], 403],
    ['a backslash that quotes nothing', [`Ada \\<${mine}>`], 403],
    ['an encoded word in the address', ['=?utf-8?q?ada=40corp=2Eexample=3E?=@shop.example'], 403],
  ])('From with %s', async (_name, fields, gives) => {
    const { app, acceptor, post } = httpApp({ access });
    const body = `${fields.map((field) => `From: ${field}\r\n`).join('')}Subject: x\r\n\r\nx\r\n`;
    const response = await post(`/v1/messages?from=${mine}&to=ben@corp.example`, bearer('billing-key'), body);
    await app.close();
    expect(response.statusCode).toBe(gives);
    expect(acceptor.begun).toBe(gives === 202 ? 1 : 0);
    if (gives === 403) expect(response.json()).toMatchObject({ code: 'sender-denied', errors: [{ pointer: '/header/From' }] });
  });
  test('Sender is looked at in the same way, and its place is told', async () => {
    const { app, post } = httpApp({ access });
    const body = `From: ${mine}\r\nSender: (nobody)\r\n\r\nx\r\n`;
    const response = await post(`/v1/messages?from=${mine}&to=ben@corp.example`, bearer('billing-key'), body);
    await app.close();
    expect(response.json()).toMatchObject({ code: 'sender-denied', errors: [{ pointer: '/header/Sender' }] });
  });
  test('an encoded word in the address of a composed message', async () => {
    const { app, post } = httpApp({ access });
    const body = JSON.stringify({ from: '=?utf-8?q?ada=40corp=2Eexample=3E?=@shop.example', to: 'ben@corp.example' });
    const response = await post('/v1/messages:compose', { ...bearer('billing-key'), 'content-type': 'application/json' }, body);
    await app.close();
    expect(response.json()).toMatchObject({ code: 'sender-denied', errors: [{ pointer: '/from' }] });
  });
  test('a key without senders may leave From out', async () => {
    const { app, post } = httpApp({ access });
    const response = await post(`/v1/messages?from=${mine}&to=ben@corp.example`, bearer('bulk-key'), 'Subject: x\r\n\r\nx\r\n');
    await app.close();
    expect(response.statusCode).toBe(202);
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
