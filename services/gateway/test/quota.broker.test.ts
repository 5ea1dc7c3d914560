import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { redisForTests, type TestRedis } from '@mailrail/testing';
import { memoryQuotas, type Quotas, redisQuotas } from '../src/http/quota.ts';

// One suite for both ways of counting: they must say the same.
let redis: TestRedis;
let counted = 0;
const open: Quotas[] = [];
beforeAll(async () => {
  redis = await redisForTests();
}, 30_000);
afterAll(async () => {
  for (const one of open) one.close();
  await redis.drop();
});

const one = { mails: 1, recipients: 1, bytes: 100 };
const quota = { mails: 3, recipients: 10, bytes: 1_000, perMs: 60_000 };

describe.each([
  ['in memory', (now: () => number) => memoryQuotas(now)],
  ['in Redis', (now: () => number) => redisQuotas(redis.redisUrl, { prefix: `t${String(counted)}:`, now, timeoutMs: 5_000 })],
])('%s', (_name, make) => {
  const fresh = async () => {
    counted += 1;
    const clock = { at: 1_790_000_000_000 };
    const quotas = make(() => clock.at);
    open.push(quotas);
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

  test('what has no limit is not counted', async () => {
    const { quotas } = await fresh();
    expect(await quotas.take('a', { perMs: 1_000 }, { mails: 1_000_000, recipients: 1, bytes: 1 })).toBe(0);
  });
});

test('two pods count together', async () => {
  const pods = ['x', 'y'].map(() => redisQuotas(redis.redisUrl, { prefix: 'pods:', timeoutMs: 5_000, now: () => 1_790_000_000_000 }));
  open.push(...pods);
  const [a, b] = pods;
  expect(await a?.take('c', { mails: 1, perMs: 60_000 }, one)).toBe(0);
  expect(await b?.take('c', { mails: 1, perMs: 60_000 }, one)).toBe(60_000);
});

test('without Redis a pod counts for itself', async () => {
  const quotas = redisQuotas('redis://127.0.0.1:1', { timeoutMs: 100, now: () => 1_790_000_000_000 });
  open.push(quotas);
  expect(await quotas.take('c', { mails: 1, perMs: 60_000 }, one)).toBe(0);
  expect(await quotas.take('c', { mails: 1, perMs: 60_000 }, one)).toBe(60_000);
});
