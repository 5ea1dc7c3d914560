import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { redisForTests } from '@mailrail/testing';

type Rate = { perSecond: number };

/** One process, ten recipients a mail: known in the process, and known in Redis only, as for a pod that just started. */
test('5,000 recipients a second with a warm cache', async () => {
  const redis = await redisForTests();
  try {
    const script = path.join(import.meta.dirname, 'warm-rate.ts');
    const { stdout } = await promisify(execFile)(process.execPath, [script, '10000', '10', '5', redis.redisUrl]);
    process.stdout.write(stdout);
    const rounds = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { process: Rate; redis: Rate }); // as the script writes it
    for (const tier of ['process', 'redis'] as const) {
      const rates = rounds.map((round) => round[tier].perSecond).toSorted((a, b) => a - b);
      expect(rates[Math.floor(rates.length / 2)]).toBeGreaterThan(5_000);
    }
  } finally {
    await redis.drop();
  }
}, 60_000);
