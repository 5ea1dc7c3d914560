import { Redis } from 'ioredis';
import { brokersForTests } from './brokers.ts';

const mark = 'mailrail:claimed-by-test';

export interface TestRedis {
  redisUrl: string; // with the database's number
  /** Empties the database and gives it back. */
  drop: () => Promise<void>;
}

/**
 * A Redis database of the test's own: one that is empty and that no other test has claimed. Database 0 is never used.
 *
 * @throws Error when none is free.
 */
export async function redisForTests(env: NodeJS.ProcessEnv = process.env): Promise<TestRedis> {
  const url = new URL(brokersForTests(env).redisUrl);
  url.pathname = '';
  const client = new Redis(url.href, { lazyConnect: true });
  await client.connect();
  try {
    const count = await databases(client);
    // From a random one on, so that test files running side by side do not queue for the same.
    const first = Math.floor(Math.random() * count);
    for (let step = 0; step < count; step += 1) {
      const database = (first + step) % count;
      if (database === 0) continue;
      await client.select(database);
      if ((await client.dbsize()) !== 0 || (await client.set(mark, String(process.pid), 'PX', 3_600_000, 'NX')) !== 'OK') continue;
      if ((await client.dbsize()) > 1) {
        await client.del(mark); // somebody wrote in between: his database
        continue;
      }
      return {
        redisUrl: new URL(`/${database}`, url).href,
        drop: async () => {
          const last = new Redis(url.href, { db: database });
          await last.flushdb();
          last.disconnect();
        },
      };
    }
    throw new Error(`all ${count} databases of Redis are in use`);
  } finally {
    client.disconnect();
  }
}

/** How many databases the server has; 16, its default, when it does not tell (managed servers refuse CONFIG). */
async function databases(client: Redis): Promise<number> {
  const answer = await client.config('GET', 'databases').catch(() => undefined);
  const count = Array.isArray(answer) ? Number(answer[1]) : 16;
  return Number.isInteger(count) && count > 0 ? count : 16;
}
