import { createHash, randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import { progressOf } from '@mailrail/contracts';
import { recipientId } from '@mailrail/mail';
import { parseAccessFile } from '../src/http/access-file.ts';
import { httpApp } from './http-support.ts';

const sha256 = (key: string) => createHash('sha256').update(key).digest('hex');
const access = parseAccessFile(`
keys:
  - { name: writer, sha256: ${sha256('writer-key')}, scopes: [send, read] }
  - { name: other, sha256: ${sha256('other-key')}, scopes: [send, read] }
  - { name: blind, sha256: ${sha256('blind-key')}, scopes: [send] }
`);
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const message =
  'From: ada@corp.example\r\nTo: ben@corp.example, team@corp.example, x@elsewhere.example, dmitri@corp.example\r\n\r\nhello\r\n';

test('from accepted to its end, recipient by recipient', async () => {
  const { app, ledger, post, request } = httpApp({ access });
  const { id } = (await post('/v1/messages', bearer('writer-key'), message)).json();
  const ask = async () => (await request('GET', `/v1/messages/${String(id)}`, bearer('writer-key'))).json();
  expect(await ask()).toEqual({
    id,
    acceptedAt: expect.stringMatching(/^\d{4}-.*Z$/),
    sizeBytes: expect.any(Number),
    recipients: 4,
    state: 'under-way',
    to: ['ben@corp.example', 'team@corp.example', 'x@elsewhere.example', 'dmitri@corp.example'].map((address) => ({
      address,
      state: 'accepted',
    })),
  });
  const mail = { rootId: id, origin: { dialect: 'http', gateway: 'http', at: 0, authenticated: true, trust: 'inside' as const } };
  const is = (address: string) => [{ id: recipientId(id, `SMTP:${address}`) }];
  await ledger.complete([
    ...progressOf(mail, is('ben@corp.example'), { state: 'delivered' }),
    ...progressOf(mail, is('team@corp.example'), { state: 'failed', status: '5.7.1', detail: 'not for you' }),
    ...progressOf(mail, is('x@elsewhere.example'), { state: 'handed-over', status: '2.0.0', detail: 'mx.elsewhere.example: 250 ok' }),
  ]);
  expect(await ask()).toMatchObject({
    state: 'under-way',
    to: [
      { state: 'delivered' },
      { state: 'failed', status: '5.7.1', detail: 'not for you' },
      { state: 'handed-over', detail: 'mx.elsewhere.example: 250 ok' },
      { state: 'accepted' },
    ],
  });
  await ledger.complete(progressOf(mail, is('dmitri@corp.example'), { state: 'delivered' }));
  expect(await ask()).toMatchObject({ state: 'ended' });
  await app.close();
});

test('mail that came another way leaves no trace here', () => {
  const mail = { rootId: randomUUID(), origin: { dialect: 'smtp', gateway: 'mx', at: 0, authenticated: false, trust: 'outside' as const } };
  expect(progressOf(mail, [{ id: randomUUID() }], { state: 'delivered' })).toEqual([]);
});

test('of very many recipients the first hundred are told of', async () => {
  const { app, post, request } = httpApp();
  const to = Array.from({ length: 150 }, (_, i) => `to=r${i}@corp.example`).join('&');
  const { id } = (await post(`/v1/messages?from=&${to}`, {}, message)).json();
  const status = (await request('GET', `/v1/messages/${String(id)}`)).json();
  await app.close();
  expect(status).toMatchObject({ recipients: 150, state: 'under-way' });
  expect(status.to).toHaveLength(100);
});

test.each([
  ['its own', 'writer-key', undefined, 200],
  ['of everybody, with the key of the environment', 'a-key-of-some-length', undefined, 200],
  ['of another', 'other-key', undefined, 404],
  ['without the scope', 'blind-key', undefined, 403],
  ['of nobody', 'writer-key', randomUUID(), 404],
  ['by no identity', 'writer-key', 'x', 404],
])('a message %s: %s', async (_name, key, other, status) => {
  const { app, post, request } = httpApp({ access });
  const { id } = (await post('/v1/messages', bearer('writer-key'), message)).json();
  const answer = await request('GET', `/v1/messages/${other ?? String(id)}`, bearer(key));
  await app.close();
  expect(answer.statusCode).toBe(status);
});

test('the ledger silent: 503, not "unknown"', async () => {
  const { app, ledger, post, request } = httpApp();
  const { id } = (await post('/v1/messages', {}, message)).json();
  ledger.silent = true;
  const answer = await request('GET', `/v1/messages/${String(id)}`);
  await app.close();
  expect(answer.json()).toMatchObject({ status: 503, code: 'status-unavailable' });
});

test('another method: 405', async () => {
  const { app, request } = httpApp();
  const answer = await request('POST', `/v1/messages/${randomUUID()}`, {}, message);
  await app.close();
  expect(answer.statusCode).toBe(405);
  expect(answer.headers['allow']).toBe('GET, HEAD');
});
