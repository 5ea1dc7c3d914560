import { oneLine } from '@mailrail/mail';
import { type Log, silentLog } from '@mailrail/telemetry';
import { Redis } from 'ioredis';

/** Where a directory cache is shared by pods. Every call may fail; it must then reject, and soon. */
export interface CacheStore {
  get(keys: readonly string[]): Promise<(string | null)[]>;
  set(entries: readonly { key: string; value: string; ttlMs: number }[]): Promise<void>;
  /** Adds one to a number and returns it. */
  increment(key: string): Promise<number>;
  close(): Promise<void>;
}

export interface RedisCacheOptions {
  url: string;
  log?: Log;
  commandTimeoutMs?: number; // default 200
}

/** Most keys in one MGET: more only makes others wait (measured: 100 is where the rate stops to grow). */
const keysPerCall = 100;

/**
 * The cache in Redis. A command that cannot go out at once fails: whoever asks has a directory to fall back to, and must not
 * wait for a server that is away. It reconnects by itself.
 */
export function redisCacheStore({ url, log = silentLog, commandTimeoutMs = 200 }: RedisCacheOptions): CacheStore {
  const redis = new Redis(url, {
    connectionName: 'mailrail.directory-cache',
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2_000,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(2_000, 50 * 2 ** Math.min(times, 6)) * (1 + 0.2 * Math.random()),
  });
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
      if (keys.length <= keysPerCall) return redis.mget([...keys]);
      const calls: Promise<(string | null)[]>[] = [];
      for (let at = 0; at < keys.length; at += keysPerCall) calls.push(redis.mget(keys.slice(at, at + keysPerCall)));
      return (await Promise.all(calls)).flat();
    },
    async set(entries) {
      await Promise.all(entries.map(({ key, value, ttlMs }) => redis.set(key, value, 'PX', Math.max(1, Math.round(ttlMs)))));
    },
    increment: (key) => redis.incr(key),
    close: async () => redis.disconnect(),
  };
}
