import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { redisForTests, type TestRedis } from '@mailrail/testing';
import { keyQuotas, type Quotas } from '../src/http/quota.ts';
import { localRates } from '../src/limits/local-rates.ts';
import { rateLimits } from '../src/limits/rate-limits.ts';
import { type RedisRates, type RedisRatesOptions, redisRates } from '../src/limits/redis-rates.ts';
import type { RateCounter } from '../src/limits/rates.ts';

// One suite for both places of counting: they must say the same.
let redis: TestRedis;
let counted = 0;
const open: RedisRates[] = [];
beforeAll(async () => {
  redis = await redisForTests();
}, 30_000);
afterAll(async () => {
  for (const one of open) one.close();
  await redis.drop();
});

const metrics = createMetrics('gateway');
const unshared = async () => (await metrics.limitsUnshared.get()).values[0]?.value;

const quotasOn = (shared: RateCounter, now: () => number): Quotas => keyQuotas(rateLimits({ shared, metrics, now }), 'http');
const sharedRates = (more: Partial<RedisRatesOptions>): RedisRates => {
  const rates = redisRates({ url: redis.redisUrl, log: silentLog, timeoutMs: 5_000, ...more });
  open.push(rates);
  return rates;
};

const one = { mails: 1, recipients: 1, bytes: 100 };
const quota = { mails: 3, recipients: 10, bytes: 1_000, per: 60_000 };

describe.each([
  ['in memory', (now: () => number) => localRates(now)],
  ['in Redis', (now: () => number) => sharedRates({ prefix: `t${String(counted)}:`, now })],
])('%s', (_name, make) => {
  const fresh = async () => {
    counted += 1;
    const clock = { at: 1_790_000_000_000 };
    const now = () => clock.at;
    const quotas = quotasOn(make(now), now);
    return { clock, quotas };
  };

  test('what fits is taken, what does not hears when it will, and nothing of it is taken', async () => {
    const { clock, quotas } = await fresh();
    expect([await quotas.take('a', quota, one), await quotas.take('a', quota, one)]).toEqual([0, 0]);
    expect(await quotas.take('a', quota, { ...one, recipients: 9 })).toBe(6_000);
    expect(await quotas.take('a', quota, one)).toBe(0);
    expect(await quotas.take('a', quota, one)).toBe(20_000);
    expect(await quotas.take('b', quota, one)).toBe(0);
    clock.at += 19_999;
    expect(await quotas.take('a', quota, one)).toBeGreaterThan(0);
    clock.at += 1;
    expect(await quotas.take('a', quota, one)).toBe(0);
  });

  test('more than the whole quota never fits', async () => {
    const { quotas } = await fresh();
    expect(await quotas.take('a', quota, { ...one, bytes: 1_001 })).toBe(Number.POSITIVE_INFINITY);
  });

  test('what was used all the same counts', async () => {
    const { quotas } = await fresh();
    await quotas.charge('a', quota, { mails: 0, recipients: 0, bytes: 2_000 });
    expect(await quotas.take('a', quota, one)).toBe(66_000);
  });

  test('what is over the quota shows in the metric, by its measure', async () => {
    const { quotas } = await fresh();
    const counted = async () =>
      (await metrics.limited.get()).values.find(({ labels }) => labels.subject === 'key' && labels.measure === 'recipients')?.value ?? 0;
    const before = await counted();
    expect(await quotas.take('a', quota, { ...one, recipients: 9 })).toBe(0);
    expect(await quotas.take('a', quota, { ...one, recipients: 4 })).toBe(18_000);
    expect(await counted()).toBe(before + 1);
  });

  test('a full bucket takes nothing of a size that is not known', async () => {
    const { quotas } = await fresh();
    expect(await quotas.take('a', { bytes: 1_000, per: 60_000 }, { ...one, bytes: 1_000 })).toBe(0);
    expect(await quotas.take('a', { bytes: 1_000, per: 60_000 }, { ...one, bytes: 0 })).toBe(60);
  });

  test('what has no limit is not counted', async () => {
    const { quotas } = await fresh();
    expect(await quotas.take('a', { per: 1_000 }, { mails: 1_000_000, recipients: 1, bytes: 1 })).toBe(0);
  });
});

test('two pods count together', async () => {
  const now = () => 1_790_000_000_000;
  const [a, b] = ['x', 'y'].map(() => quotasOn(sharedRates({ prefix: 'pods:', now }), now));
  expect(await a?.take('c', { mails: 1, per: 60_000 }, one)).toBe(0);
  expect(await b?.take('c', { mails: 1, per: 60_000 }, one)).toBe(60_000);
  expect(await unshared()).toBe(0);
});

test("the clock is Redis' own, and both ways of counting stand side by side", async () => {
  const rates = sharedRates({ prefix: 'clock:' });
  const amounts = [{ measure: 'mails' as const, by: 1, need: 1, limit: 1 }];
  const bucket = { counting: 'bucket' as const, key: 'b', perMs: 60_000, amounts };
  expect(await rates.take(bucket)).toBeUndefined();
  const over = await rates.take(bucket);
  expect(over).toMatchObject({ measure: 'mails' });
  expect(over?.waitMs).toBeGreaterThan(30_000);
  expect(over?.waitMs).toBeLessThanOrEqual(60_000);
  const window = { counting: 'window' as const, key: 'w', perMs: 86_400_000, amounts };
  expect(await rates.take(window)).toBeUndefined();
  expect(await rates.take(window)).toEqual({ measure: 'mails', waitMs: undefined });
});

test('without Redis a pod counts for itself, and says so', async () => {
  const now = () => 1_790_000_000_000;
  const before = (await unshared()) ?? 0;
  const quotas = quotasOn(sharedRates({ url: 'redis://127.0.0.1:1', timeoutMs: 100 }), now);
  expect(await quotas.take('c', { mails: 1, per: 60_000 }, one)).toBe(0);
  expect(await quotas.take('c', { mails: 1, per: 60_000 }, one)).toBe(60_000);
  expect((await unshared()) ?? 0).toBe(before + 2);
});
