import { oneLine } from '@mailrail/mail';
import { openRedis } from '@mailrail/redis';
import { type Log, silentLog } from '@mailrail/telemetry';

/** Where a directory cache is shared by pods. Every call may fail; it must then reject, and soon. */
export interface CacheStore {
  get(keys: readonly string[]): Promise<(string | null)[]>;
  set(entries: readonly { key: string; value: string; ttlMs: number }[]): Promise<void>;
  /** Adds one to a number and returns it. */
  increment(key: string): Promise<number>;
  /** Takes the keys that nobody holds, for a while. @returns which ones are ours, in the order of `keys`. Optional: without it each process asks for itself. */
  lease?(keys: readonly string[], ttlMs: number): Promise<boolean[]>;
  /** Gives leased keys back, behind whatever was set before. */
  release?(keys: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export interface RedisCacheOptions {
  url: string; // one server, a group under Sentinel or a cluster: `parseRedisUrl` of @mailrail/redis
  log?: Log;
  readTimeoutMs?: number; // default 200
}

/** Most keys in one MGET: more only makes others wait (measured: 100 is where the rate stops to grow). */
const keysPerCall = 100;
/** Most writes on their way at once. */
const maxWrites = 64;

/**
 * The cache in Redis. A command that cannot go out at once fails: whoever asks has a directory to fall back to, and must not
 * wait for a server that is away. It reconnects by itself.
 */
export function redisCacheStore({ url, log = silentLog, readTimeoutMs = 200 }: RedisCacheOptions): CacheStore {
  const { client: redis, cluster } = openRedis(url, {
    connectionName: 'mailrail.directory-cache',
    socketTimeoutMs: 5_000, // a connection that stays dumb is a dead one, and what waits on it fails
    connectTimeoutMs: 2_000,
    queueWhileAway: false,
    autoPipelining: false, // whoever calls has gathered already; a cluster gathers by node all the same
    retryMs: (times) => Math.min(2_000, 50 * 2 ** Math.min(times, 6)) * (1 + 0.2 * Math.random()),
  });
  const inTime = <Value>(answer: Promise<Value>) => withDeadline(answer, readTimeoutMs);
  let writing = 0;
  let down = false;
  redis.on('error', (error: Error) => {
    if (!down) log.warn('directory-cache.down', { reason: oneLine(error.message) });
    down = true;
  });
  redis.on('ready', () => {
    if (down) log.info('directory-cache.up');
    down = false;
  });
  return {
    async get(keys) {
      // One MGET reaches one slot, and these keys lie on all nodes.
      if (cluster) return inTime(Promise.all(keys.map((key) => redis.get(key))));
      if (keys.length <= keysPerCall) return inTime(redis.mget([...keys]));
      const calls: Promise<(string | null)[]>[] = [];
      for (let at = 0; at < keys.length; at += keysPerCall) calls.push(redis.mget(keys.slice(at, at + keysPerCall)));
      return (await inTime(Promise.all(calls))).flat();
    },
    async set(entries) {
      if (writing >= maxWrites) return; // a cache that is behind is not worth the memory
      writing += 1;
      const lifetime = (ttlMs: number) => Math.max(1, Math.round(ttlMs));
      try {
        if (cluster) {
          await Promise.all(entries.map(({ key, value, ttlMs }) => redis.set(key, value, 'PX', lifetime(ttlMs))));
          return;
        }
        const pipeline = redis.pipeline();
        for (const { key, value, ttlMs } of entries) pipeline.set(key, value, 'PX', lifetime(ttlMs));
        const failed = (await pipeline.exec())?.find(([error]) => error !== null)?.[0];
        if (failed !== undefined && failed !== null) throw failed;
      } finally {
        writing -= 1;
      }
    },
    increment: (key) => inTime(redis.incr(key)),
    async lease(keys, ttlMs) {
      const take = (key: string) => redis.set(key, '', 'PX', Math.max(1, Math.round(ttlMs)), 'NX');
      if (cluster) return (await inTime(Promise.all(keys.map(take)))).map((answer) => answer === 'OK');
      const pipeline = redis.pipeline();
      for (const key of keys) pipeline.set(key, '', 'PX', Math.max(1, Math.round(ttlMs)), 'NX');
      const answers = (await inTime(pipeline.exec())) ?? [];
      return keys.map((_, at) => {
        const [error, answer] = answers[at] ?? [new Error('no answer to a lease')];
        if (error !== null) throw error;
        return answer === 'OK';
      });
    },
    async release(keys) {
      if (cluster) await Promise.all(keys.map((key) => redis.del(key)));
      else await redis.del(...keys);
    },
    close: async () => redis.disconnect(),
  };
}

/** An answer within the time. A process that was busy looks once more at what has come before it calls that late. */
async function withDeadline<Value>(answer: Promise<Value>, timeoutMs: number): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const give = () => late.reject(new Error(`no answer within ${timeoutMs} ms`));
  const timer = setTimeout(() => setImmediate(() => setImmediate(give)), timeoutMs);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
