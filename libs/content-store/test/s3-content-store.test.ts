import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type TcpProxy, tcpProxy, waitFor } from '@mailrail/testing';
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { parseS3Location } from '../src/index.ts';
import { type S3ContentStore, type S3ContentStoreOptions, s3ContentStore } from '../src/s3-content-store.ts';
import { bytes, codeOf, contentStoreSuite, idAt, type OpenStore, sha256, textOf } from './content-store-suite.ts';
import { type S3Server, startS3Server } from './s3-server.ts';

let conditional: S3Server;
let plain: S3Server;
let proxy: TcpProxy;
beforeAll(async () => {
  [conditional, plain] = await Promise.all([startS3Server({ conditional: true }), startS3Server({ conditional: false })]);
  proxy = await tcpProxy(conditional.port);
});
afterAll(async () => {
  await proxy.close();
  await Promise.all([conditional.close(), plain.close()]);
});

const locationOf = ({ bucket, endpoint }: Pick<S3Server, 'bucket' | 'endpoint'>, prefix: string = randomUUID()) =>
  parseS3Location(`s3://${bucket}/${prefix}?endpoint=${encodeURIComponent(endpoint)}&sweep=list`);
function open(server: S3Server, options: Partial<S3ContentStoreOptions> = {}): S3ContentStore {
  return s3ContentStore({ location: locationOf(server), credentials: server.credentials, ...options });
}
/** S3 lets no client choose when an object was written, so a body is aged on its way out of the listing. */
function aging(make: (writtenAt: NonNullable<S3ContentStoreOptions['writtenAt']>) => S3ContentStore): OpenStore {
  const aged = new Map<string, number>();
  const store = make((ref, lastModified) => aged.get(ref) ?? lastModified);
  return { store, age: (ref, writtenAt) => void aged.set(ref, writtenAt), close: () => store.close() };
}

contentStoreSuite('S3', () => aging((writtenAt) => open(conditional, { writtenAt })));
contentStoreSuite('S3 that ignores conditions on writes', () => aging((writtenAt) => open(plain, { writtenAt })));
// MinIO, Ceph, AWS: S3_TEST_URL is s3://bucket/prefix?endpoint=..., with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY beside it.
const given = process.env['S3_TEST_URL'];
if (given !== undefined && given !== '') {
  contentStoreSuite('S3 at S3_TEST_URL', () =>
    aging((writtenAt) => {
      const location = parseS3Location(given);
      return s3ContentStore({ location: { ...location, prefix: `${location.prefix}${randomUUID()}/`, sweep: 'list' }, writtenAt });
    }),
  );
}

const newKey = () => ({ rootId: idAt(Date.now()), form: 'internet' });
const megabyte = Buffer.alloc(1_048_576, 'abcdefghij');
async function putLarge(store: S3ContentStore, key: { rootId: string; form: string }, megabytes: number) {
  const writer = store.writer(key);
  for (let i = 0; i < megabytes; i += 1) await writer.write(megabyte);
  return writer.commit();
}

describe.each([
  ['with', () => conditional],
  ['without', () => plain],
])('%s conditional writes', (_, server) => {
  test('a body of 12 MB goes out in parts, and a repeat finds its figures', async () => {
    const store = open(server());
    const key = newKey();
    const whole = Buffer.concat(Array.from({ length: 12 }, () => megabyte));
    const stored = await putLarge(store, key, 12);
    expect(stored).toMatchObject({ sizeBytes: whole.length, sha256: sha256(whole), existed: false });
    expect(await store.verify(stored.ref)).toEqual({ sizeBytes: whole.length, sha256: sha256(whole) });
    const range = { start: 5_242_000, end: 5_244_000 };
    expect(await textOf(store, stored.ref, range)).toBe(whole.subarray(range.start, range.end).toString());
    // The second one is larger, and small as well: the first one's figures are told, its bytes stay.
    expect(await putLarge(store, key, 13)).toEqual({ ...stored, existed: true });
    expect(await store.put(key, bytes('small'))).toEqual({ ...stored, existed: true });
    expect(await store.size(stored.ref)).toBe(whole.length);
    expect(uploadsIn(server())).toBe(0);
  });

  test('an abort takes the parts back', async () => {
    const store = open(server());
    const writer = store.writer(newKey());
    for (let i = 0; i < 12; i += 1) await writer.write(megabyte);
    await waitFor(() => uploadsIn(server()) === 1, { what: 'an upload' });
    await writer.abort();
    await waitFor(() => uploadsIn(server()) === 0, { what: 'the upload gone' });
  });
});

function uploadsIn({ directory, bucket }: S3Server): number {
  const names = readdirSync(`${directory}/${bucket}`).filter((name) => name.includes('_S3rver_uploads'));
  return names.flatMap((name) => readdirSync(`${directory}/${bucket}/${name}`)).length;
}

test('of two processes that put one key at once exactly one is first', async () => {
  const location = locationOf(conditional);
  const stores = [1, 2].map(() => s3ContentStore({ location, credentials: conditional.credentials }));
  for (let round = 0; round < 10; round += 1) {
    const key = newKey();
    const all = await Promise.all(stores.map((store, i) => store.put(key, bytes(`body ${i}`))));
    expect(all.filter(({ existed }) => !existed)).toHaveLength(1);
    expect(all[0]?.sha256).toBe(all[1]?.sha256);
  }
});

test('the bucket’s rule sweeps, and then the sweeper does not', async () => {
  const location = { ...locationOf(conditional), sweep: 'lifecycle' as const };
  const store = s3ContentStore({ location, credentials: conditional.credentials, writtenAt: () => 0 });
  const { ref } = await store.put({ rootId: idAt(Date.now() - 86_400_000), form: 'internet' }, bytes('x'));
  expect(await store.sweep(Date.now() - 1_000)).toBe(0);
  expect(await store.size(ref)).toBe(1);
});

test('a sweep of many does its share and goes on at the next call', async () => {
  const store = open(conditional, { sweepObjects: 10, writtenAt: () => 0 });
  const now = Date.now();
  const put = (at: number) => store.put({ rootId: idAt(at), form: 'internet' }, bytes('x'));
  await Promise.all(Array.from({ length: 30 }, (_, i) => put(now - (10 + i) * 3_600_000)));
  const young = await put(now);
  let removed = 0;
  for (let calls = 0; calls < 20 && removed < 30; calls += 1) removed += await store.sweep(now - 3_600_000);
  expect(removed).toBe(30);
  expect(await store.size(young.ref)).toBe(1);
});

test('more large bodies at once than there are places: one waits for its place, and fails when it has waited long', async () => {
  const store = open(conditional, { largeBodies: 1, largeWaitMs: 1_000 });
  const first = store.writer(newKey());
  for (let i = 0; i < 3; i += 1) await first.write(megabyte);
  const second = store.writer(newKey());
  await second.write(megabyte);
  expect(await codeOf(second.commit())).toBe('unavailable');
  const third = store.writer(newKey());
  const waiting = third.write(megabyte);
  await first.abort();
  await waiting;
  expect((await third.commit()).sizeBytes).toBe(megabyte.length);
});

test('an upload that nobody finished goes with the sweep, once it is old', async () => {
  let now = Date.now();
  const store = open(conditional, { now: () => now });
  const writer = store.writer(newKey());
  for (let i = 0; i < 12; i += 1) await writer.write(megabyte);
  await waitFor(() => uploadsIn(conditional) === 1, { what: 'an upload' });
  await store.sweep(now);
  expect(uploadsIn(conditional)).toBe(1);
  now += 2 * 86_400_000;
  await store.sweep(now - 86_400_000);
  expect(uploadsIn(conditional)).toBe(0);
  expect(await codeOf(writer.commit())).toBe('unavailable');
});

describe('what goes wrong', () => {
  const behindProxy = (options: Partial<S3ContentStoreOptions> = {}) =>
    open({ ...conditional, endpoint: `http://127.0.0.1:${proxy.port}` }, options);

  test('a server that is not there is unavailable, whatever is asked', async () => {
    const store = open({ ...conditional, endpoint: 'http://127.0.0.1:1' });
    const { ref } = await open(conditional).put(newKey(), bytes('x'));
    const calls = [
      store.put(newKey(), bytes('x')),
      store.size(ref),
      store.head(ref, 1),
      store.verify(ref),
      store.hold(ref),
      store.release(ref),
      store.sweep(1),
      store.probe(),
      textOf(store, ref),
      putLarge(store, newKey(), 6),
    ];
    expect(await Promise.all(calls.map(codeOf))).toEqual(calls.map(() => 'unavailable'));
    await expect(store.size(ref)).rejects.toThrow('reading a body: ECONNREFUSED');
  });

  test('a network that swallows everything: over after the limit, and well again', async () => {
    const store = behindProxy({ callLimitMs: 400 });
    const { ref } = await store.put(newKey(), bytes('x'));
    proxy.blackhole();
    const startedAt = performance.now();
    expect(await codeOf(store.put(newKey(), bytes('y')))).toBe('unavailable');
    expect(await codeOf(store.size(ref))).toBe('unavailable');
    expect(performance.now() - startedAt).toBeLessThan(4_000);
    await proxy.heal();
    expect(await textOf(store, ref)).toBe('x');
  });

  test('a bucket that is not there is no answer about bodies', async () => {
    const store = open({ ...conditional, bucket: 'nobucket' });
    const gone = `${idAt(Date.now())}.internet`;
    expect(await codeOf(store.put(newKey(), bytes('x')))).toBe('unavailable');
    expect(await codeOf(store.size(gone))).toBe('unavailable');
    expect(await codeOf(textOf(store, gone))).toBe('unavailable');
    expect(await codeOf(store.hold(gone))).toBe('unavailable');
    expect(await codeOf(store.probe())).toBe('unavailable');
  });

  test('wrong credentials are unavailable, and no secret is in the reason', async () => {
    const store = open(conditional, { credentials: { accessKeyId: 'nobody', secretAccessKey: 'very-wrong' } });
    const failed = await store.put(newKey(), bytes('x')).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'unavailable', message: 'storing a body: InvalidAccessKeyId' });
  });

  test('a body that breaks off while it is read is unavailable, never short', async () => {
    const store = behindProxy();
    const stored = await putLarge(store, newKey(), 20);
    const stream = store.read(stored.ref);
    const read = (async () => {
      let size = 0;
      for await (const chunk of stream) {
        size += chunk.length;
        if (size > 1_000_000 && proxy.connections > 0) proxy.cut();
        await setImmediate();
      }
      return size;
    })();
    expect(await codeOf(read)).toBe('unavailable');
  });

  test('a server in trouble is asked again a few times', async () => {
    let asked = 0;
    const server: Server = createServer((request, response) => {
      asked += 1;
      request.resume();
      if (asked % 3 !== 0) response.writeHead(503).end('<Error><Code>SlowDown</Code></Error>');
      else if (request.method === 'PUT') response.writeHead(412).end();
      else response.writeHead(200, { 'content-length': 5, 'x-amz-meta-sha256': 'a'.repeat(64) }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const store = open({ ...conditional, endpoint: `http://127.0.0.1:${port}` });
    expect(await store.put(newKey(), bytes('other'))).toMatchObject({ existed: true, sizeBytes: 5, sha256: 'a'.repeat(64) });
    store.close();
    await new Promise((resolve) => server.close(resolve));
  });

  test('an answer that got lost: the second attempt meets our own body, which is ours', async () => {
    let puts = 0;
    let digest = '';
    const server: Server = createServer((request, response) => {
      request.resume();
      request.once('end', () => {
        if (request.method === 'HEAD') return response.writeHead(200, { 'content-length': 1, 'x-amz-meta-sha256': digest }).end();
        puts += 1;
        digest = String(request.headers['x-amz-meta-sha256'] ?? digest);
        if (puts === 2) return request.socket.destroy(); // stored, and the answer lost
        return response.writeHead(412).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const store = open({ ...conditional, endpoint: `http://127.0.0.1:${port}` });
    expect(await store.put(newKey(), bytes('x'))).toMatchObject({ existed: false, sizeBytes: 1, sha256: sha256('x') });
    expect(await store.put(newKey(), bytes('x'))).toMatchObject({ existed: true }); // nothing was lost this time
    store.close();
    await new Promise((resolve) => server.close(resolve));
  });
});
