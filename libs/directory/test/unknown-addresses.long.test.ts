import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startOwnRedis, waitFor } from '@mailrail/testing';
import { Redis } from 'ioredis';
import { cachedDirectory, type Directory, directoryOf, redisCacheStore } from '../src/index.ts';

const unknown = 50_000;
const negativeMs = 8_000;
const boundMib = 32;
let redis: Awaited<ReturnType<typeof startOwnRedis>>;
let client: Redis;
beforeAll(async () => {
  redis = await startOwnRedis({ settings: [`maxmemory ${boundMib}mb`] });
  client = new Redis(redis.redisUrl);
});
afterAll(async () => {
  client?.disconnect();
  await redis?.close();
});
const usedMib = async () => Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1]) / 1_048_576;
const evicted = async () => Number(/^evicted_keys:(\d+)/m.exec(await client.info('stats'))?.[1]);

/** Somebody tries names: 50,000 addresses nobody has, again and again, through two processes that share a Redis. */
test('50,000 unknown addresses: the directory hears of each once in a negative lifetime, and Redis forgets them', async () => {
  const inner = directoryOf(['ada@corp.example']);
  const last = new Map<string, number>(); // when the directory was asked
  let soonestMs = Number.POSITIVE_INFINITY;
  let asked = 0;
  const source: Directory = {
    ...inner,
    byAddress(addresses) {
      const now = performance.now();
      for (const address of addresses) {
        asked += 1;
        soonestMs = Math.min(soonestMs, now - (last.get(address) ?? Number.NEGATIVE_INFINITY));
        last.set(address, now);
      }
      return inner.byAddress(addresses);
    },
  };
  const open = () =>
    cachedDirectory(source, redisCacheStore({ url: redis.redisUrl, readTimeoutMs: 5_000 }), { negativeMs, processMs: 1_000 });
  const [one, two] = [open(), open()];
  const before = await usedMib();
  try {
    await waitFor(async () => (await one.byAddress(['SMTP:ada@corp.example'])).ok, { what: 'the first answer' });
    const round = async (of: typeof one) => {
      for (let at = 0; at < unknown; at += 3_200) {
        const mails = Array.from({ length: 32 }, (_, n) => at + n * 100).filter((from) => from < unknown);
        const answers = await Promise.all(
          mails.map((from) =>
            of.byAddress(Array.from({ length: Math.min(100, unknown - from) }, (_, n) => `SMTP:x${from + n}@corp.example`)),
          ),
        );
        for (const answer of answers) expect(answer.ok && answer.value.size).toBe(0);
      }
    };
    const started = performance.now();
    await round(one);
    let most = await usedMib();
    expect(asked).toBe(unknown + 1);
    while (performance.now() - started < 3 * negativeMs) {
      await Promise.all([round(one), round(two)]);
      most = Math.max(most, await usedMib());
    }
    expect(soonestMs).toBeGreaterThan(0.85 * negativeMs); // lifetimes differ by 10 %, so that they do not end together
    expect(most).toBeLessThan(boundMib);
    expect(await evicted()).toBe(0);
    await waitFor(async () => (await client.dbsize()) < 10, { timeoutMs: 4 * negativeMs, what: 'the unknown addresses are forgotten' });
    expect((await usedMib()) - before).toBeLessThan(8);
    process.stdout.write(
      `${JSON.stringify({ asked, soonestMs: Math.round(soonestMs), mostMib: Number(most.toFixed(1)), beforeMib: Number(before.toFixed(1)) })}\n`,
    );
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
}, 300_000);
