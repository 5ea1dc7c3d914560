import { openRedis } from '@mailrail/redis';
import type { Log } from '@mailrail/telemetry';
import type { Measure, Take } from './rates.ts';

export interface RedisRatesOptions {
  url: string; // `parseRedisUrl` of @mailrail/redis
  log: Log;
  prefix?: string; // default `mailrail:rate:`
  timeoutMs?: number; // a call without an answer fails after this; default 200
}

export interface RedisRates {
  /** @throws Error when Redis does not answer in time: who asks then counts for himself. */
  take(take: Take): Promise<Measure | undefined>;
  close(): void;
}

/**
 * One hash a client: `at` is the number of the window, a field for each measure, `<` before those of the window before. The clock
 * is Redis' own, so gateways need not agree on the time. KEYS hash; ARGV windowMs, then measure, by, need, limit for each amount.
 */
const script = `local t = redis.call('TIME')
local nowMs = t[1] * 1000 + math.floor(t[2] / 1000)
local windowMs = tonumber(ARGV[1])
local at = math.floor(nowMs / windowMs)
local was = tonumber(redis.call('HGET', KEYS[1], 'at'))
if was ~= at then
  local all = was == at - 1 and redis.call('HGETALL', KEYS[1]) or {}
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'at', at)
  for i = 1, #all, 2 do
    if all[i] ~= 'at' and string.sub(all[i], 1, 1) ~= '<' then redis.call('HSET', KEYS[1], '<' .. all[i], all[i + 1]) end
  end
  redis.call('PEXPIRE', KEYS[1], 2 * windowMs)
end
local share = 1 - (nowMs % windowMs) / windowMs
for i = 2, #ARGV, 4 do
  local need = tonumber(ARGV[i + 2])
  if need > 0 then
    local used = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or 0) + tonumber(redis.call('HGET', KEYS[1], '<' .. ARGV[i]) or 0) * share
    if used + need > tonumber(ARGV[i + 3]) then return ARGV[i] end
  end
end
for i = 2, #ARGV, 4 do
  if ARGV[i + 1] ~= '0' then redis.call('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return ''`;

/** Counts shared by all gateways of a line. It connects when the first client is counted: where nothing is limited, never. */
export function redisRates({ url, log, prefix = 'mailrail:rate:', timeoutMs = 200 }: RedisRatesOptions): RedisRates {
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
    client.defineCommand('takerate', { lua: script, numberOfKeys: 1 });
    return { client, ready };
  }

  return {
    async take({ key, windowMs, amounts }) {
      opened ??= open();
      const { client, ready } = opened;
      await ready; // the first clients come while it connects
      // ioredis adds the command to the client without telling the type.
      const command: unknown = Reflect.get(client, 'takerate');
      if (typeof command !== 'function') throw new Error('the script is not defined');
      const args = amounts.flatMap(({ measure, by, need, limit }) => [measure, by, need, limit]);
      const over: unknown = await Reflect.apply(command, client, [`${prefix}${key}:${windowMs}`, windowMs, ...args]);
      return amounts.find(({ measure }) => measure === over)?.measure;
    },
    close: () => opened?.client.disconnect(),
  };
}
