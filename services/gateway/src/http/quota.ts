import { openRedis } from '@mailrail/redis';

/** What a client may use in a time; what is absent is not limited. */
export interface Quota {
  mails?: number | undefined;
  recipients?: number | undefined;
  bytes?: number | undefined;
  perMs: number;
}
export type Use = Readonly<Record<'mails' | 'recipients' | 'bytes', number>>;

/** Counts what clients use, for all pods together. */
export interface Quotas {
  /**
   * Takes a use from the client's quota, all of it or nothing.
   *
   * @returns 0 when taken, else the milliseconds after which it fits; Infinity when it is more than the whole quota.
   */
  take(client: string, quota: Quota, use: Use): Promise<number>;
  /** Takes what was used and not known before; never refuses. */
  charge(client: string, quota: Quota, use: Use): Promise<void>;
  close(): void;
}

const kinds = ['mails', 'recipients', 'bytes'] as const;
const mostClients = 10_000;

/** A bucket for each kind, that runs empty evenly over the time of the quota. In memory: for one pod, and while Redis is away. */
export function memoryQuotas(now: () => number = Date.now): Quotas {
  const buckets = new Map<string, { level: number[]; at: number }>();
  const pour = (client: string, quota: Quota, use: Use, force: boolean): number => {
    const at = now();
    const before = buckets.get(client);
    const elapsed = before === undefined ? quota.perMs : at - before.at;
    const level = kinds.map((kind, index) => {
      const most = quota[kind];
      return most === undefined ? 0 : Math.max(0, (before?.level[index] ?? 0) - (most * elapsed) / quota.perMs);
    });
    const waitMs = force ? 0 : waitOf(level, quota, use);
    if (waitMs > 0) return waitMs;
    buckets.delete(client);
    buckets.set(client, { at, level: level.map((one, index) => one + use[kinds[index] ?? 'mails']) });
    if (buckets.size > mostClients) buckets.delete(buckets.keys().next().value ?? '');
    return 0;
  };
  return {
    take: async (client, quota, use) => pour(client, quota, use, false),
    async charge(client, quota, use) {
      pour(client, quota, use, true);
    },
    close() {},
  };
}

function waitOf(level: readonly number[], quota: Quota, use: Use): number {
  const waits = kinds.map((kind, index) => {
    const most = quota[kind];
    if (most === undefined) return 0;
    if (use[kind] > most) return Number.POSITIVE_INFINITY;
    return Math.ceil((((level[index] ?? 0) + use[kind] - most) * quota.perMs) / most);
  });
  return Math.max(0, ...waits);
}

/** KEYS bucket; ARGV nowMs, perMs, force, then most (-1: no limit) and use of each kind. The same arithmetic as in memory. */
const script = `local now, per, force = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local v = redis.call('HMGET', KEYS[1], 'at', '1', '2', '3')
local elapsed = v[1] and math.max(0, now - tonumber(v[1])) or per
local wait, level = 0, {}
for i = 1, 3 do
  local most, use = tonumber(ARGV[2 + 2 * i]), tonumber(ARGV[3 + 2 * i])
  level[i] = 0
  if most >= 0 then
    level[i] = math.max(0, tonumber(v[i + 1] or '0') - most * elapsed / per)
    if use > most and not force then return -1 end
    wait = math.max(wait, math.ceil((level[i] + use - most) * per / most))
    level[i] = level[i] + use
  end
end
if wait > 0 and not force then return wait end
redis.call('HSET', KEYS[1], 'at', ARGV[1], '1', tostring(level[1]), '2', tostring(level[2]), '3', tostring(level[3]))
redis.call('PEXPIRE', KEYS[1], math.ceil(2 * per))
return 0`;

/** Counted in Redis for all pods; while Redis does not answer each pod counts for itself, so that a limit is never simply off. */
export function redisQuotas(url: string, { prefix = 'mailrail:', timeoutMs = 500, now = Date.now } = {}): Quotas {
  const alone = memoryQuotas(now);
  const { client: redis } = openRedis(url, {
    commandTimeoutMs: timeoutMs,
    queueWhileAway: true, // the first request after a start waits for the connection
    autoPipelining: false,
    retryMs: (times) => Math.min(100 * 2 ** Math.min(times, 5), 2_000),
  });
  redis.on('error', () => {}); // calls tell it, and the ledger on the same Redis has the line in the log
  const ask = async (client: string, quota: Quota, use: Use, force: boolean): Promise<number> => {
    const limits = kinds.flatMap((kind) => [quota[kind] ?? -1, use[kind]]);
    const answer = Number(await redis.eval(script, 1, `${prefix}quota:${client}`, now(), quota.perMs, force ? 1 : 0, ...limits));
    return answer < 0 ? Number.POSITIVE_INFINITY : answer;
  };
  return {
    async take(client, quota, use) {
      try {
        return await ask(client, quota, use, false);
      } catch {
        return alone.take(client, quota, use);
      }
    },
    async charge(client, quota, use) {
      try {
        await ask(client, quota, use, true);
      } catch {
        await alone.charge(client, quota, use);
      }
    },
    close: () => redis.disconnect(),
  };
}
