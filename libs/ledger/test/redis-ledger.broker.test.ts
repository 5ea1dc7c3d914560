import { expect, test } from '@jest/globals';
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
