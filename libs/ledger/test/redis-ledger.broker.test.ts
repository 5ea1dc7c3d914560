import { expect, test } from '@jest/globals';
import { openRedis } from '@mailrail/redis';
import { silentLog } from '@mailrail/telemetry';
import { redisForTests, startOwnRedis, waitFor } from '@mailrail/testing';
import { redisLedger } from '../src/index.ts';
import { ledgerSuite } from './ledger-suite.ts';

ledgerSuite('redis', async () => {
  const { redisUrl, drop } = await redisForTests();
  const ledger = redisLedger({ url: redisUrl, log: silentLog });
  return {
    ledger,
    close: async () => {
      await ledger.close();
      await drop();
    },
  };
});

test('Redis gone: silent within a second and at once afterwards, and heard again when it is back', async () => {
  const redis = await startOwnRedis();
  const ledger = redisLedger({ url: redis.redisUrl, log: silentLog, commandTimeoutMs: 500, circuitOpenMs: 300 });
  try {
    expect(await ledger.claim('one', 'copy')).toBe('mine');
    await redis.stop();
    const startedAt = performance.now();
    expect(await ledger.claim('two', 'copy')).toBe('silent');
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    const again = performance.now();
    expect(await ledger.claim('three', 'copy')).toBe('silent');
    expect(performance.now() - again).toBeLessThan(600);
    await redis.start();
    await waitFor(async () => (await ledger.claim('four', 'copy')) === 'mine', { what: 'the ledger answers again', timeoutMs: 8_000 });
  } finally {
    await ledger.close();
    await redis.close();
  }
}, 30_000);

test('Redis slow and not away: silent now, and noted all the same, once', async () => {
  const redis = await startOwnRedis();
  const ledger = redisLedger({ url: redis.redisUrl, log: silentLog, commandTimeoutMs: 100, circuitOpenMs: 60_000 });
  const admin = openRedis(redis.redisUrl, { queueWhileAway: true, autoPipelining: false, retryMs: () => 100 }).client;
  try {
    const delivered = (key: string) => ledger.complete([{ key, outcome: 'in the mailbox', count: { field: 'delivered', by: 1 } }]);
    expect(await delivered('m:0')).toBe(true);
    await admin.call('CLIENT', 'PAUSE', '600', 'ALL');
    // The first is not answered in time; the others are not waited for.
    expect(await delivered('m:1')).toBe(false);
    expect(await Promise.all([delivered('m:2'), delivered('m:2'), delivered('m:1')])).toEqual([false, false, false]);
    expect(await ledger.countOnce([{ key: 'merged:1', count: { field: 'merged', by: 3 } }])).toBe(false);
    expect(await ledger.claim('claim:1', 'copy', { field: 'accepted', by: 2 })).toBe('silent');
    const later = redisLedger({ url: redis.redisUrl, log: silentLog });
    try {
      await waitFor(
        async () => {
          const counts = await later.counts();
          return counts !== 'silent' && counts.delivered === 3 && counts.merged === 3 && counts.accepted === 2;
        },
        { what: 'all is noted' },
      );
      expect(await later.claim('claim:1', 'another copy')).toBe('other');
      expect(await later.effects(['m:1', 'm:2'])).toMatchObject([{ kind: 'done' }, { kind: 'done' }]);
    } finally {
      await later.close();
    }
  } finally {
    admin.disconnect();
    await ledger.close();
    await redis.close();
  }
}, 30_000);
