import { openRedis } from '@mailrail/redis';
import type { Log } from '@mailrail/telemetry';
import { countings } from './countings.ts';
import type { Over, Take } from './rates.ts';

export interface RedisRatesOptions {
  url: string; // `parseRedisUrl` of @mailrail/redis
  log: Log;
  prefix?: string; // default `mailrail:rate:`
  timeoutMs?: number; // a call without an answer fails after this; default 200
  now?: () => number; // milliseconds since the epoch; default Redis' own clock
}

export interface RedisRates {
  /** @throws Error when Redis does not answer in time: who asks then counts for himself. */
  take(take: Take): Promise<Over | undefined>;
  close(): void;
}

/** ARGV nowMs, or nothing for Redis' own clock, so that gateways need not agree on the time; perMs; then the amounts. */
const head = `local nowMs, perMs = tonumber(ARGV[1]), tonumber(ARGV[2])
if not nowMs then
  local t = redis.call('TIME')
  nowMs = t[1] * 1000 + math.floor(t[2] / 1000)
end
`;

/** Counts shared by all gateways of a line. It connects when the first client is counted: where nothing is limited, never. */
export function redisRates({ url, log, prefix = 'mailrail:rate:', timeoutMs = 200, now }: RedisRatesOptions): RedisRates {
  let opened: ReturnType<typeof open> | undefined;

  function open() {
    const { client } = openRedis(url, {
      connectionName: 'mailrail.gateway-rates',
      commandTimeoutMs: timeoutMs,
      socketTimeoutMs: 5_000, // a connection that stays dumb is a dead one
      queueWhileAway: false,
      autoPipelining: true,
      retryMs: (times) => Math.min(2_000, 50 * 2 ** Math.min(times, 6)) * (1 + 0.2 * Math.random()),
    });
    let told = false;
    const ready = new Promise<void>((resolve) => {
      client.once('ready', resolve);
      setTimeout(resolve, timeoutMs).unref();
    });
    client.on('error', (error: Error) => {
      if (!told) log.warn('gateway.rates-unshared', { reason: error.message });
      told = true;
    });
    client.on('ready', () => {
      if (told) log.info('gateway.rates-shared');
      told = false;
    });
    for (const [name, { lua }] of Object.entries(countings)) client.defineCommand(`take${name}`, { lua: head + lua, numberOfKeys: 1 });
    return { client, ready };
  }

  return {
    async take({ counting, key, perMs, amounts }) {
      opened ??= open();
      const { client, ready } = opened;
      await ready; // the first clients come while it connects
      // ioredis adds the command to the client without telling the type.
      const command: unknown = Reflect.get(client, `take${counting}`);
      if (typeof command !== 'function') throw new Error('the script is not defined');
      const args = amounts.flatMap(({ measure, by, need, limit }) => [measure, by, need, limit]);
      const answer: unknown = await Reflect.apply(command, client, [`${prefix}${key}`, now?.() ?? '', perMs, ...args]);
      const [over, waitMs]: readonly unknown[] = Array.isArray(answer) ? answer : [];
      const measure = amounts.find((amount) => amount.measure === over)?.measure;
      if (measure === undefined) return undefined;
      if (typeof waitMs !== 'number') return { measure, waitMs: undefined };
      return { measure, waitMs: waitMs < 0 ? Number.POSITIVE_INFINITY : waitMs };
    },
    close: () => opened?.client.disconnect(),
  };
}
