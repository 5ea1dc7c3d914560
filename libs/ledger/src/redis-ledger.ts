import { openRedis } from '@mailrail/redis';
import type { Log, Metrics } from '@mailrail/telemetry';
import { type Counts, isCountField } from './counts.ts';
import { byShard, ledgerKeys } from './ledger-keys.ts';
import type { Count, Effect, Ledger } from './port.ts';

export interface RedisLedgerOptions {
  url: string; // one server, a group under Sentinel or a cluster: `parseRedisUrl` of @mailrail/redis
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
 * Scripts, so that deciding and counting are one step. Every key carries the line's prefix; `counts` is one hash, or one for each
 * shard of a cluster. A count is guarded by its own key, since the same fact may be reported by two stages (accepted).
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

/** Calls under way that nobody waits for; past it they are dropped, and the counts stay short of them. */
const mostUnheard = 2_000;

/** Keys of the scripts that always take the same number; a cluster finds the node of a call by its first key. */
const keyCounts: Partial<Record<keyof typeof scripts, number>> = { claim: 3, offer: 1, withdraw: 1 };

/** The ledger on Redis. Calls of one turn of the event loop go out together (pipelined). */
export function redisLedger(options: RedisLedgerOptions): Ledger {
  const { prefix = 'mailrail:', dedupeWindowMs = 6 * 3_600_000, commandTimeoutMs = 1_000, circuitOpenMs = 2_000, now = Date.now } = options;
  const { client: redis, cluster } = openRedis(options.url, {
    commandTimeoutMs: commandTimeoutMs * 5, // only to free what nobody waits for any more; `inTime` decides
    queueWhileAway: true,
    autoPipelining: true,
    neverPipelined: ['complete', 'countonce'],
    retryMs: (times) => Math.min(100 * 2 ** Math.min(times, 5), 2_000),
  });
  const keys = ledgerKeys(prefix, cluster);
  const openUntil = new Map<string, number>(); // by shard: in a cluster one node may be away and the others not
  let told = false;
  redis.on('error', (error: Error) => {
    if (!told) options.log.warn('ledger.unreachable', { reason: error.message });
    told = true;
  });
  redis.on('ready', () => {
    if (told) options.log.info('ledger.reachable');
    told = false;
    openUntil.clear();
  });

  let unheard = 0;
  /** Sends what nobody waits for. Redis may be slow and not away: what happened is then noted late, and the counts come right. */
  const sendUnheard = (call: () => Promise<unknown>): void => {
    if (redis.status !== 'ready' || unheard >= mostUnheard) return;
    unheard += 1;
    call()
      .catch(() => {}) // silence was told already
      .finally(() => {
        unheard -= 1;
      });
  };

  /**
   * Runs a call; anything but an answer in time is silence, and for a moment nobody waits for the next one.
   *
   * @param anyway send it even when nobody waits for the answer: it notes something that has happened, as good late as now.
   */
  const ask = async <Value>(shard: string, call: () => Promise<Value>, anyway = false): Promise<Value | 'silent'> => {
    if ((openUntil.get(shard) ?? 0) > now()) {
      options.metrics?.ledgerSilent.inc();
      if (anyway) sendUnheard(call);
      return 'silent';
    }
    try {
      return await inTime(call(), commandTimeoutMs);
    } catch (error) {
      openUntil.set(shard, now() + circuitOpenMs);
      options.metrics?.ledgerSilent.inc();
      options.log.warn('ledger.silent', { reason: error instanceof Error ? error.message : String(error) });
      return 'silent';
    }
  };
  for (const [name, lua] of Object.entries(scripts)) {
    const numberOfKeys = Object.entries(keyCounts).find(([one]) => one === name)?.[1];
    redis.defineCommand(name, { lua, ...(numberOfKeys === undefined ? {} : { numberOfKeys }) });
  }
  /** A script defined above, by name: ioredis adds them to the client without telling the type. */
  const script = (name: keyof typeof scripts, names: readonly string[], args: readonly (string | number)[]): Promise<unknown> => {
    const command: unknown = Reflect.get(redis, name);
    if (typeof command !== 'function') return Promise.reject(new Error(`script ${name} is not defined`));
    const count = keyCounts[name] === undefined ? [names.length] : [];
    return Promise.resolve(Reflect.apply(command, redis, [...count, ...names, ...args]));
  };

  const effectsOf = async (wanted: readonly string[]): Promise<(Effect | undefined)[] | 'silent'> => {
    const [first = ''] = wanted;
    const shard = keys.shardOf(first);
    const answer = await ask(shard, () => redis.mget(wanted.map(keys.of)));
    return answer === 'silent' ? 'silent' : answer.map((value) => effectOf(value, now()));
  };

  const countAll = async (entries: readonly { key: string; count: Count }[]): Promise<boolean> => {
    const answers = await Promise.all(
      [...byShard(entries, ({ key, count }) => keys.shardOfGuard(key, count))].map(([shard, some]) => {
        const names = [keys.counts(shard), ...some.map(({ key, count }) => keys.guard(key, count))];
        const args = [dedupeWindowMs, ...some.flatMap(({ count }) => [count.field, count.by])];
        return ask(shard, () => script('countonce', names, args), true);
      }),
    );
    return answers.every((answer) => answer !== 'silent');
  };

  type Completion = Parameters<Ledger['complete']>[0][number];
  const completeAll = async (entries: readonly Completion[]): Promise<boolean> => {
    const answers = await Promise.all(
      [...byShard(entries, ({ key }) => keys.shardOf(key))].map(([shard, some]) => {
        const counts = keys.counts(shard);
        const names = [counts];
        const args: (string | number)[] = [dedupeWindowMs];
        for (const { key, outcome, count } of some) {
          names.push(keys.of(key), count === undefined ? counts : keys.guard(key, count));
          args.push(outcome, count?.field ?? '', count?.by ?? 0);
        }
        return ask(shard, () => script('complete', names, args), true);
      }),
    );
    return answers.every((answer) => answer !== 'silent');
  };
  const isApart = (key: string, count: Count) => keys.shardOfGuard(key, count) !== keys.shardOf(key);

  const effects: Ledger['effects'] = async (wanted) => {
    if (wanted.length === 0) return [];
    const shards = [...byShard(wanted, keys.shardOf).values()];
    if (shards.length === 1) return effectsOf(wanted);
    const found = new Map<string, Effect | undefined>();
    const answers = await Promise.all(shards.map(effectsOf));
    for (const [at, some] of shards.entries()) {
      const answer = answers[at];
      if (answer === undefined || answer === 'silent') return 'silent';
      for (const [index, key] of some.entries()) found.set(key, answer[index]);
    }
    return wanted.map((key) => found.get(key));
  };

  return {
    async claim(key, copyId, count) {
      const shard = keys.shardOf(key);
      const counts = keys.counts(shard);
      const apart = count !== undefined && isApart(key, count) ? [{ key, count }] : [];
      const here = apart.length > 0 ? undefined : count;
      const answer = await ask(
        shard,
        () =>
          script(
            'claim',
            [keys.of(key), here === undefined ? counts : keys.guard(key, here), counts],
            [copyId, dedupeWindowMs, here?.field ?? '', here?.by ?? 0],
          ),
        true, // a silent claim goes on as ours: it is noted as that, and counted
      );
      if (answer === 'silent') return 'silent';
      if (answer !== 1) return 'other';
      // After a crash in between the same copy comes again, finds its claim and counts.
      return (await countAll(apart)) ? 'mine' : 'silent';
    },
    effects,
    async offer(key, copyId, untilMs) {
      const answer = await ask(keys.shardOf(key), () =>
        script('offer', [keys.of(key)], [copyId, Math.round(untilMs), now(), dedupeWindowMs]),
      );
      if (answer === 'silent') return { kind: 'silent' };
      const text = String(answer);
      if (text === 'ok') return { kind: 'offered' };
      if (text.startsWith('d')) return { kind: 'done', outcome: text.slice(1) };
      return { kind: 'held', untilMs: Number(text.slice(1, text.indexOf(':'))) };
    },
    async withdraw(key, copyId) {
      await ask(keys.shardOf(key), () => script('withdraw', [keys.of(key)], [copyId]));
    },
    async complete(entries) {
      if (entries.length === 0) return true;
      const apart = entries.filter(({ key, count }) => count !== undefined && isApart(key, count));
      if (apart.length === 0) return completeAll(entries);
      // Counted first: a crash in between leaves a count that the repeat finds made, never an effect that nobody counted.
      const before = await effects(apart.map(({ key }) => key));
      if (before === 'silent') return false;
      const fresh = apart.filter((_, at) => before[at]?.kind !== 'done');
      if (!(await countAll(fresh.flatMap(({ key, count }) => (count === undefined ? [] : [{ key, count }]))))) return false;
      return completeAll(entries.map((one) => (apart.includes(one) ? { key: one.key, outcome: one.outcome } : one)));
    },
    async countOnce(entries) {
      return entries.length === 0 || countAll(entries);
    },
    async counts() {
      const answers = await Promise.all(keys.shards.map((shard) => ask(shard, () => redis.hgetall(keys.counts(shard)))));
      const known: Counts = {};
      for (const answer of answers) {
        if (answer === 'silent') return 'silent';
        for (const [field, value] of Object.entries(answer)) if (isCountField(field)) known[field] = (known[field] ?? 0) + Number(value);
      }
      return known;
    },
    crash: {
      async begin(key) {
        const name = keys.of(`crash:${key}`);
        return ask(keys.shardOf(key), async () => {
          const times = await redis.incr(name);
          await redis.pexpire(name, dedupeWindowMs);
          return times;
        });
      },
      async end(key) {
        await ask(keys.shardOf(key), () => redis.del(keys.of(`crash:${key}`)));
      },
    },
    destinations: {
      async get(name) {
        const answer = await ask(keys.shardOf(name), () => redis.hgetall(keys.of(`dest:${name}`)));
        if (answer === 'silent') return 'silent';
        const { backoffUntil = '0', reason = '', failures = '0', slots = '0' } = answer;
        return { slots: Number(slots), backoffUntil: Number(backoffUntil), reason, failures: Number(failures) };
      },
      async fail(name, reason, backoffMs) {
        const key = keys.of(`dest:${name}`);
        await ask(keys.shardOf(name), async () => {
          await Promise.all([
            redis.hincrby(key, 'failures', 1),
            redis.hset(key, { reason: reason.slice(0, 300), backoffUntil: Math.round(now() + backoffMs) }),
            redis.pexpire(key, 86_400_000),
          ]);
        });
      },
      async succeed(name) {
        await ask(keys.shardOf(name), () => redis.del(keys.of(`dest:${name}`)));
      },
      async probe(name, periodMs) {
        const answer = await ask(keys.shardOf(name), () =>
          redis.set(keys.of(`probe:${name}`), '1', 'PX', Math.max(1, Math.round(periodMs)), 'NX'),
        );
        return answer === 'silent' || answer === 'OK';
      },
    },
    async close() {
      redis.disconnect();
    },
  };
}

function effectOf(value: string | null | undefined, at: number): Effect | undefined {
  if (value === null || value === undefined) return undefined;
  if (value.startsWith('d')) return { kind: 'done', outcome: value.slice(1) };
  const untilMs = Number(value.slice(1, value.indexOf(':')));
  return untilMs > at ? { kind: 'offered', untilMs, copyId: value.slice(value.indexOf(':') + 1) } : undefined;
}

/** In a cluster a call may wait for a node, for slots and for redirections, each with a limit of its own: this is the one on all. */
async function inTime<Value>(answer: Promise<Value>, timeoutMs: number): Promise<Value> {
  const late = Promise.withResolvers<never>();
  // Behind a turn of the event loop: an answer that lay in the socket while this process was busy is an answer in time.
  const timer = setTimeout(() => setImmediate(() => late.reject(new Error(`no answer within ${timeoutMs} ms`))), timeoutMs);
  try {
    return await Promise.race([answer, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
