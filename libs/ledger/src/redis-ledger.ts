import type { Log, Metrics } from '@mailrail/telemetry';
import { Redis } from 'ioredis';
import type { Count, CountField, Ledger } from './port.ts';

export interface RedisLedgerOptions {
  url: string;
  log: Log;
  metrics?: Pick<Metrics, 'ledgerSilent'>;
  /** Distinguishes lines on one Redis. */
  prefix?: string; // default `mailrail:`
  /** How long claims and effects are remembered (R3): longer than any repeat can come. */
  dedupeWindowMs?: number; // default 6 h
  /** A call without an answer for so long is silent. */
  commandTimeoutMs?: number; // default 1,000
  /** After a silent call the ledger is not asked for so long. */
  circuitOpenMs?: number; // default 2,000
  now?: () => number;
}

/**
 * Scripts, so that deciding and counting are one step. Every key carries the line's prefix; `counts` is one hash.
 * A count is guarded by its own key, since the same fact may be reported by two stages (accepted).
 */
const scripts = {
  // KEYS claim, guard, counts; ARGV copyId, ttl, field, by
  claim: `local set = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])
if not set then return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0 end
if ARGV[3] ~= '' and redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[2]) then redis.call('HINCRBY', KEYS[3], ARGV[3], ARGV[4]) end
return 1`,
  // KEYS effect; ARGV copyId, untilMs, nowMs, ttl
  offer: `local v = redis.call('GET', KEYS[1])
if v then
  if string.sub(v, 1, 1) == 'd' then return v end
  local untilMs, copy = string.match(v, '^o(%d+):(.*)$')
  if copy ~= ARGV[1] and tonumber(untilMs) > tonumber(ARGV[3]) then return v end
end
redis.call('SET', KEYS[1], 'o' .. ARGV[2] .. ':' .. ARGV[1], 'PX', ARGV[4])
return 'ok'`,
  // KEYS effect; ARGV copyId
  withdraw: `local v = redis.call('GET', KEYS[1])
if v and string.sub(v, 1, 1) == 'o' and string.match(v, ':(.*)$') == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1`,
  // KEYS counts, then effect, guard per entry; ARGV ttl, then outcome, field, by per entry
  complete: `local n = 0
for i = 2, #KEYS, 2 do
  local a = 2 + (i - 2) / 2 * 3
  local v = redis.call('GET', KEYS[i])
  if not v or string.sub(v, 1, 1) ~= 'd' then
    redis.call('SET', KEYS[i], 'd' .. ARGV[a], 'PX', ARGV[1])
    if ARGV[a + 1] ~= '' and redis.call('SET', KEYS[i + 1], 1, 'NX', 'PX', ARGV[1]) then
      redis.call('HINCRBY', KEYS[1], ARGV[a + 1], ARGV[a + 2])
    end
    n = n + 1
  end
end
return n`,
  // KEYS counts, then guard per entry; ARGV ttl, then field, by per entry
  countonce: `for i = 2, #KEYS do
  local a = 2 + (i - 2) * 2
  if redis.call('SET', KEYS[i], 1, 'NX', 'PX', ARGV[1]) then redis.call('HINCRBY', KEYS[1], ARGV[a], ARGV[a + 1]) end
end
return 1`,
} as const;

/** The ledger on Redis. Calls of one turn of the event loop go out together (pipelined). */
export function redisLedger(options: RedisLedgerOptions): Ledger {
  const { prefix = 'mailrail:', dedupeWindowMs = 6 * 3_600_000, commandTimeoutMs = 1_000, circuitOpenMs = 2_000, now = Date.now } = options;
  const redis = new Redis(options.url, {
    enableAutoPipelining: true,
    commandTimeout: commandTimeoutMs,
    connectTimeout: 2_000,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: true,
    retryStrategy: (times) => Math.min(100 * 2 ** Math.min(times, 5), 2_000),
  });
  let openUntil = 0;
  let told = false;
  redis.on('error', (error: Error) => {
    if (!told) options.log.warn('ledger.unreachable', { reason: error.message });
    told = true;
  });
  redis.on('ready', () => {
    if (told) options.log.info('ledger.reachable');
    told = false;
    openUntil = 0;
  });

  const counts = `${prefix}counts`;
  const guard = (key: string, count: Count) => `${prefix}c:${count.field}:${count.once ?? key}`;

  /** Runs a call; anything but an answer in time is silence, and for a moment nobody waits for the next one. */
  const ask = async <Value>(call: () => Promise<Value>): Promise<Value | 'silent'> => {
    if (openUntil > now()) {
      options.metrics?.ledgerSilent.inc();
      return 'silent';
    }
    try {
      return await call();
    } catch (error) {
      openUntil = now() + circuitOpenMs;
      options.metrics?.ledgerSilent.inc();
      options.log.warn('ledger.silent', { reason: error instanceof Error ? error.message : String(error) });
      return 'silent';
    }
  };
  for (const [name, lua] of Object.entries(scripts)) redis.defineCommand(name, { lua });
  /** A script defined above, by name: ioredis adds them to the client without telling the type. */
  const script = (name: keyof typeof scripts, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> => {
    const command: unknown = Reflect.get(redis, name);
    if (typeof command !== 'function') return Promise.reject(new Error(`script ${name} is not defined`));
    return Promise.resolve(Reflect.apply(command, redis, [keys.length, ...keys, ...args]));
  };

  return {
    async claim(key, copyId, count) {
      const answer = await ask(() =>
        script(
          'claim',
          [`${prefix}${key}`, count === undefined ? counts : guard(key, count), counts],
          [copyId, dedupeWindowMs, count?.field ?? '', count?.by ?? 0],
        ),
      );
      return answer === 'silent' ? 'silent' : answer === 1 ? 'mine' : 'other';
    },
    async effects(keys) {
      if (keys.length === 0) return [];
      const answer = await ask(() => redis.mget(keys.map((key) => `${prefix}${key}`)));
      if (answer === 'silent') return 'silent';
      return answer.map((value) => {
        if (value === null) return undefined;
        if (value.startsWith('d')) return { kind: 'done', outcome: value.slice(1) };
        const untilMs = Number(value.slice(1, value.indexOf(':')));
        return untilMs > now() ? { kind: 'offered', untilMs, copyId: value.slice(value.indexOf(':') + 1) } : undefined;
      });
    },
    async offer(key, copyId, untilMs) {
      const answer = await ask(() => script('offer', [`${prefix}${key}`], [copyId, Math.round(untilMs), now(), dedupeWindowMs]));
      if (answer === 'silent') return { kind: 'silent' };
      const text = String(answer);
      if (text === 'ok') return { kind: 'offered' };
      if (text.startsWith('d')) return { kind: 'done', outcome: text.slice(1) };
      return { kind: 'held', untilMs: Number(text.slice(1, text.indexOf(':'))) };
    },
    async withdraw(key, copyId) {
      await ask(() => script('withdraw', [`${prefix}${key}`], [copyId]));
    },
    async complete(entries) {
      if (entries.length === 0) return true;
      const keys = [counts];
      const args: (string | number)[] = [dedupeWindowMs];
      for (const { key, outcome, count } of entries) {
        keys.push(`${prefix}${key}`, count === undefined ? counts : guard(key, count));
        args.push(outcome, count?.field ?? '', count?.by ?? 0);
      }
      return (await ask(() => script('complete', keys, args))) !== 'silent';
    },
    async countOnce(entries) {
      if (entries.length === 0) return true;
      const keys = [counts, ...entries.map(({ key, count }) => guard(key, count))];
      const args = [dedupeWindowMs, ...entries.flatMap(({ count }) => [count.field, count.by])];
      return (await ask(() => script('countonce', keys, args))) !== 'silent';
    },
    async counts() {
      const answer = await ask(() => redis.hgetall(counts));
      if (answer === 'silent') return 'silent';
      const known: Partial<Record<CountField, number>> = {};
      for (const [field, value] of Object.entries(answer)) if (isCountField(field)) known[field] = Number(value);
      return known;
    },
    crash: {
      async begin(key) {
        return ask(async () => {
          const times = await redis.incr(`${prefix}crash:${key}`);
          await redis.pexpire(`${prefix}crash:${key}`, dedupeWindowMs);
          return times;
        });
      },
      async end(key) {
        await ask(() => redis.del(`${prefix}crash:${key}`));
      },
    },
    destinations: {
      async get(name) {
        const answer = await ask(() => redis.hgetall(`${prefix}dest:${name}`));
        if (answer === 'silent') return 'silent';
        const { backoffUntil = '0', reason = '', failures = '0', slots = '0' } = answer;
        return { slots: Number(slots), backoffUntil: Number(backoffUntil), reason, failures: Number(failures) };
      },
      async fail(name, reason, backoffMs) {
        const key = `${prefix}dest:${name}`;
        await ask(async () => {
          await Promise.all([
            redis.hincrby(key, 'failures', 1),
            redis.hset(key, { reason: reason.slice(0, 300), backoffUntil: Math.round(now() + backoffMs) }),
            redis.pexpire(key, 86_400_000),
          ]);
        });
      },
      async succeed(name) {
        await ask(() => redis.del(`${prefix}dest:${name}`));
      },
      async probe(name, periodMs) {
        const answer = await ask(() => redis.set(`${prefix}probe:${name}`, '1', 'PX', Math.max(1, Math.round(periodMs)), 'NX'));
        return answer === 'silent' || answer === 'OK';
      },
    },
    async close() {
      redis.disconnect();
    },
  };
}

const countFields: readonly CountField[] = [
  'accepted',
  'members',
  'reports',
  'delivered',
  'handedOver',
  'failed',
  'cancelled',
  'expanded',
  'merged',
  'suppressed',
  'badmail',
];
function isCountField(text: string): text is CountField {
  return countFields.some((field) => field === text);
}
