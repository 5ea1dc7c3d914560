import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { startCluster } from '@mailrail/redis/groups';
import { redisForTests, type TcpProxy, type TestRedis, tcpProxy, waitFor } from '@mailrail/testing';
import { Redis } from 'ioredis';
import { type CachedDirectory, type CacheStore, cachedDirectory, type Directory, directoryOf, redisCacheStore } from '../src/index.ts';

const ada = 'SMTP:ada@corp.example';

/** The cache on a real Redis, behind a proxy that can take it away. */
describe('the directory cache in Redis', () => {
  let test_: TestRedis;
  let proxy: TcpProxy;
  let direct: Redis;
  const open: CachedDirectory[] = [];
  let asked = 0;
  let hold: Promise<void> | undefined; // how long the directory takes
  let away = false;

  beforeEach(async () => {
    test_ = await redisForTests();
    const url = new URL(test_.redisUrl);
    proxy = await tcpProxy({ host: url.hostname, port: Number(url.port) });
    direct = new Redis(test_.redisUrl);
    asked = 0;
    hold = undefined;
    away = false;
  });
  afterEach(async () => {
    for (const cache of open.splice(0)) await cache.close();
    direct.disconnect();
    await proxy.close();
    await test_.drop();
  });

  async function cache(options: Parameters<typeof cachedDirectory>[2] = {}): Promise<CachedDirectory> {
    const url = new URL(test_.redisUrl);
    url.port = String(proxy.port);
    const store: CacheStore = redisCacheStore({ url: url.href });
    await waitFor(() => store.get(['x']).then(() => true), { what: 'Redis behind the proxy' });
    const inner = directoryOf(['ada@corp.example', 'ben@corp.example']);
    const counting: Directory = {
      ...inner,
      async byAddress(addresses) {
        asked += addresses.length;
        await hold;
        return away ? { ok: false, reason: 'away' } : inner.byAddress(addresses);
      },
    };
    const opened = cachedDirectory(counting, store, { processMs: 1, circuitMs: 50, ...options });
    open.push(opened);
    return opened;
  }
  const knows = async (of: CachedDirectory, address: string) => {
    const answer = await of.byAddress([address]);
    if (!answer.ok) throw new Error(answer.reason);
    return answer.value.size > 0;
  };

  test('one process asks, the other knows; keys have lifetimes', async () => {
    const [one, two] = [await cache(), await cache()];
    expect([await knows(one, ada), await knows(one, 'SMTP:nobody@corp.example')]).toEqual([true, false]);
    await waitFor(async () => (await direct.keys('dir:*')).length >= 4, { what: 'the entries in Redis' });
    expect([await knows(two, ada), await knows(two, 'SMTP:nobody@corp.example')]).toEqual([true, false]);
    expect(asked).toBe(2);
    const lifetimes = new Map(await Promise.all((await direct.keys('dir:*')).map(async (key) => [key, await direct.pttl(key)] as const)));
    expect([...lifetimes.values()].every((ttl) => ttl > 0)).toBe(true);
    expect(lifetimes.get('dir:a:0:SMTP:nobody@corp.example')).toBeLessThanOrEqual(66_000);
    expect(lifetimes.get(`dir:a:0:${ada}`)).toBeGreaterThan(70_000_000);
  });

  test('many unknown addresses are asked once each and are gone when their time is up', async () => {
    const one = await cache({ negativeMs: 1_500, processMs: 1_000 });
    const addresses = Array.from({ length: 500 }, (_, n) => `SMTP:x${n}@corp.example`);
    for (let i = 0; i < 3; i += 1) await one.byAddress(addresses);
    expect(asked).toBe(500);
    await waitFor(async () => (await direct.dbsize()) >= 500, { what: 'the unknown addresses in Redis' });
    await waitFor(async () => (await direct.dbsize()) < 10, { what: 'the unknown addresses to be forgotten' });
  });

  test('Redis goes away and comes back: nobody notices', async () => {
    const one = await cache();
    expect(await knows(one, ada)).toBe(true);
    await proxy.refuse();
    expect(await knows(one, 'SMTP:ben@corp.example')).toBe(true);
    const before = asked;
    expect(await knows(one, 'SMTP:ben@corp.example')).toBe(true);
    await proxy.heal();
    await waitFor(
      async () => {
        await knows(one, `SMTP:new${asked}@corp.example`);
        return (await direct.keys('dir:a:*:SMTP:new*')).length > 0;
      },
      { what: 'Redis in use again' },
    );
    expect(asked).toBeGreaterThanOrEqual(before);
  });

  test('Redis that swallows everything costs one short wait, not one for each mail', async () => {
    const one = await cache({ circuitMs: 60_000 });
    await knows(one, ada);
    proxy.blackhole();
    const started = performance.now();
    for (let i = 0; i < 20; i += 1) expect(await knows(one, `SMTP:new${i}@corp.example`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(2_000); // 200 ms for the first; 20 of them would be 4 s
    await proxy.heal();
  });

  describe('two processes with the same question (a lease)', () => {
    const unknown = 'SMTP:nobody@corp.example';
    const pair = async () => [await cache(), await cache()] as const;

    test('one asks the directory, the other waits for its answer', async () => {
      const [one, two] = await pair();
      const held = Promise.withResolvers<void>();
      hold = held.promise;
      const first = Promise.all([knows(one, ada), knows(one, unknown)]);
      await waitFor(() => asked === 2, { what: 'the first asking' });
      const second = Promise.all([knows(two, ada), knows(two, unknown), knows(two, 'SMTP:ben@corp.example')]);
      await waitFor(() => asked === 3, { what: 'the other asking what nobody asks' });
      held.resolve();
      expect([await first, await second]).toEqual([
        [true, false],
        [true, false, true],
      ]);
      expect(asked).toBe(3);
      await waitFor(async () => (await direct.keys('dir:l:*')).length === 0, { timeoutMs: 1_500, what: 'no lease left behind' });
    });

    test('many processes, many addresses, at once: each address is asked once', async () => {
      const caches = await Promise.all(Array.from({ length: 5 }, () => cache({ processMs: 60_000, negativeMs: 60_000 })));
      const addresses = Array.from({ length: 200 }, (_, n) => `SMTP:x${n}@corp.example`);
      const answers = await Promise.all(caches.map((one) => one.byAddress(addresses)));
      expect(answers.every((answer) => answer.ok && answer.value.size === 0)).toBe(true);
      expect(asked).toBe(200);
    });

    test('whoever gets no answer lets the next one ask, at once', async () => {
      const [one, two] = await pair();
      const held = Promise.withResolvers<void>();
      hold = held.promise;
      away = true;
      const first = one.byAddress([ada]);
      await waitFor(() => asked === 1, { what: 'the first asking' });
      const second = knows(two, ada);
      held.resolve();
      expect(await first).toMatchObject({ ok: false });
      away = false;
      expect(await second).toBe(true);
      expect(asked).toBe(2);
    });

    test('one that died holds nobody up for longer than the lease', async () => {
      const one = await cache({ leaseMs: 300 });
      await direct.set(`dir:l:0:a:${ada}`, ''); // without an end: the wait is bounded all the same
      const started = performance.now();
      expect(await knows(one, ada)).toBe(true);
      expect(performance.now() - started).toBeGreaterThan(250);
      expect(performance.now() - started).toBeLessThan(2_000);
      expect(asked).toBe(1);
    });
  });

  test('a flush by one is a flush for all', async () => {
    const [one, two] = [await cache(), await cache()];
    await knows(one, ada);
    await waitFor(async () => (await direct.exists(`dir:a:0:${ada}`)) === 1, { what: 'the entry in Redis' });
    await knows(two, ada);
    expect(await one.flush()).toBe(true);
    await waitFor(async () => (await knows(two, ada), asked === 2), { what: 'the other asking anew' });
  });
});

test('in a Redis cluster the keys lie on all nodes, and one cache knows what another has learned', async () => {
  const group = await startCluster();
  let asked = 0;
  const inner = directoryOf(Array.from({ length: 50 }, (_, n) => `person${n}@corp.example`));
  const open = () =>
    cachedDirectory(
      { ...inner, byAddress: (addresses) => ((asked += addresses.length), inner.byAddress(addresses)) },
      redisCacheStore({ url: group.url, readTimeoutMs: 1_000 }),
      { processMs: 1, circuitMs: 1 },
    );
  const [one, two] = [open(), open()];
  const direct = await Promise.all(group.servers.map(async ({ redisUrl }) => new Redis(redisUrl)));
  const addresses = Array.from({ length: 50 }, (_, n) => `SMTP:person${n}@corp.example`);
  const found = async (of: CachedDirectory) => {
    const answer = await of.byAddress(addresses);
    return answer.ok ? answer.value.size : answer.reason;
  };
  try {
    await waitFor(
      async () => {
        await found(one);
        return (await Promise.all(direct.map((client) => client.dbsize()))).every((keys) => keys > 5);
      },
      { what: 'keys on every node' },
    );
    const before = asked;
    await waitFor(async () => (await found(two)) === 50 && (await found(two)) === 50, { what: 'the second cache' });
    expect(asked).toBe(before);
    expect(await one.flush()).toBe(true);
    await waitFor(async () => (await found(two), asked > before), { what: 'the other asking anew' });
  } finally {
    for (const client of direct) client.disconnect();
    await Promise.all([one.close(), two.close()]);
    await group.close();
  }
}, 60_000);
