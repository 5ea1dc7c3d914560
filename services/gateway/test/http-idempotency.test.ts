import { describe, expect, test } from '@jest/globals';
import { httpStores, httpApp } from './http-support.ts';
import { fakeAcceptor, refusal } from './fake-acceptor.ts';
import { keyedRequest } from '../src/http/idempotency.ts';

const message = 'From: ada@corp.example\r\nTo: ben@corp.example\r\n\r\nhello\r\n';
const other = message.replace('hello', 'goodbye');
const key = { 'Idempotency-Key': '"order-7"' };

describe('Idempotency-Key', () => {
  test('the same key with the same request: the same answer, and one message', async () => {
    const { app, acceptor, post } = httpApp();
    const first = await post('/v1/messages', key, message);
    const again = await post('/v1/messages', { 'Idempotency-Key': 'order-7' }, message);
    await app.close();
    expect([first.statusCode, again.statusCode]).toEqual([202, 202]);
    expect(again.json()).toEqual(first.json());
    expect(acceptor.taken).toHaveLength(1);
    expect(first.json().id).toBe(acceptor.taken[0]?.request.rootId);
  });

  test.each([
    ['another message', '', other],
    ['another envelope', '?to=chloe@corp.example', message],
  ])('the same key with %s: 422, and nothing taken', async (_name, query, body) => {
    const { app, acceptor, post } = httpApp();
    await post('/v1/messages', key, message);
    const second = await post(`/v1/messages${query}`, key, body);
    await app.close();
    expect(second.statusCode).toBe(422);
    expect(second.json()).toMatchObject({ code: 'idempotency-key-reused' });
    expect(acceptor.taken).toHaveLength(1);
  });

  test('another key, and no key, is another message', async () => {
    const { app, acceptor, post } = httpApp();
    const ids = [];
    for (const headers of [key, { 'Idempotency-Key': 'order-8' }, {}, {}])
      ids.push((await post('/v1/messages', headers, message)).json().id);
    await app.close();
    expect(new Set(ids).size).toBe(4);
    expect(acceptor.taken).toHaveLength(4);
  });

  test('while the first is in hand: 409, with a time to come back', async () => {
    const { app, acceptor, post } = httpApp();
    let release = (): void => {};
    acceptor.gate = new Promise((resolve) => {
      release = resolve;
    });
    const first = post('/v1/messages', key, message);
    const begun = Promise.withResolvers<void>();
    acceptor.onWrite = () => {
      begun.resolve();
      return undefined;
    };
    await begun.promise;
    const second = await post('/v1/messages', key, message);
    release();
    expect((await first).statusCode).toBe(202);
    await app.close();
    expect(second.statusCode).toBe(409);
    expect(second.json()).toMatchObject({ code: 'in-flight' });
    expect(Number(second.headers['retry-after'])).toBeGreaterThan(0);
  });

  test.each([
    ['the store', 'storage'],
    ['the broker', 'unconfirmed'],
  ] as const)('what failed at %s can be sent again at once, as the same message', async (_name, cause) => {
    const { app, acceptor, post } = httpApp();
    acceptor.answers.finish = refusal(cause);
    const failed = await post('/v1/messages', key, message);
    acceptor.answers.finish = undefined;
    const again = await post('/v1/messages', key, message);
    await app.close();
    expect([failed.statusCode, again.statusCode]).toEqual([503, 202]);
    expect(acceptor.taken).toHaveLength(1);
  });

  test('a request that was refused leaves its key free for a better one', async () => {
    const { app, post } = httpApp();
    const refused = await post('/v1/messages', key, 'To: ben@corp.example\r\n\r\nx\r\n');
    const better = await post('/v1/messages', key, message);
    await app.close();
    expect([refused.statusCode, better.statusCode]).toEqual([422, 202]);
  });

  test('two clients may have the same key', async () => {
    const stores = httpStores();
    const names = await Promise.all(['a', 'b'].map((client) => keyedRequest(`${client}\nsame`, stores.idempotency)));
    expect(names[0]?.rootId).not.toBe(names[1]?.rootId);
  });

  test('died between acceptance and answer: the repeat has the same identity, once the lease of the dead one is over', async () => {
    const { app, acceptor, clock, ledger, post } = httpApp();
    ledger.complete = async () => true; // the answer is never noted: the process is gone
    const first = await post('/v1/messages', key, message);
    expect((await post('/v1/messages', key, message)).statusCode).toBe(409);
    clock.at += 61_000;
    const again = await post('/v1/messages', key, message);
    const cheat = await (async () => {
      clock.at += 61_000;
      return post('/v1/messages', key, other);
    })();
    await app.close();
    expect(again.json()).toEqual(first.json());
    expect(acceptor.taken.map(({ request }) => request.rootId)).toEqual([first.json().id, first.json().id]);
    expect(cheat.statusCode).toBe(422); // known from the note beside the body
  });

  test('the ledger silent: taken, with the identity that follows from the key; another message under the key is refused all the same', async () => {
    const { app, acceptor, ledger, post } = httpApp();
    ledger.silent = true;
    const first = await post('/v1/messages', key, message);
    const again = await post('/v1/messages', key, message);
    const cheat = await post('/v1/messages', key, other);
    await app.close();
    expect([first.statusCode, again.statusCode, cheat.statusCode]).toEqual([202, 202, 422]);
    expect(again.json()).toEqual(first.json());
    expect(new Set(acceptor.taken.map(({ request }) => request.rootId)).size).toBe(1);
  });

  test('the note cannot be written: 503, and nothing taken', async () => {
    const stores = httpStores();
    const acceptor = fakeAcceptor();
    const contents = { put: () => Promise.reject(new Error('disk')) };
    const { app, post } = httpApp({ acceptor, idempotency: { ledger: stores.ledger, contents } });
    const answer = await post('/v1/messages', key, message);
    await app.close();
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ code: 'storage' });
    expect([acceptor.begun, acceptor.aborted, acceptor.taken.length]).toEqual([1, 1, 0]);
  });

  test.each([
    ['', 400],
    ['"', 202],
    [' ', 400],
    ['a'.repeat(256), 400],
    ['schlüssel', 400],
    ['a', 202],
  ])('the key %j: %i', async (value, status) => {
    const { app, post } = httpApp();
    const answer = await post('/v1/messages', { 'Idempotency-Key': value }, message);
    await app.close();
    expect(answer.statusCode).toBe(status);
  });

  test('two keys: 400', async () => {
    const { app, post } = httpApp();
    const answer = await post('/v1/messages', { 'Idempotency-Key': ['a', 'b'] }, message);
    await app.close();
    expect(answer.json()).toMatchObject({ status: 400, code: 'idempotency-key' });
  });
});
