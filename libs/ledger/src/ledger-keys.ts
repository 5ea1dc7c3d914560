import type { Count } from './port.ts';

/**
 * Names of the ledger's keys. In a Redis cluster a script may touch one slot only, so each key says its shard as a hash tag,
 * `mailrail:{1f}:m:<rootId>:...`: keys about one mail share a shard, and each shard has counts of its own, which are added up when
 * they are asked for. A single Redis has one shard, and no tags.
 */
export interface LedgerKeys {
  /** '' where there is one shard. */
  readonly shardOf: (key: string) => string;
  readonly of: (key: string) => string;
  /** Says that a count was made; the same for two stages that report the same fact. */
  readonly guard: (key: string, count: Count) => string;
  readonly shardOfGuard: (key: string, count: Count) => string;
  readonly counts: (shard: string) => string;
  readonly shards: readonly string[];
}

/** Few enough to add up in one go, enough to lie evenly on as many masters as a ledger can need. */
const shardCount = 64;
const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{10}([0-9a-f]{2})/;

export function ledgerKeys(prefix: string, cluster: boolean): LedgerKeys {
  const shardOf = (key: string): string => (cluster ? `{${shardNumber(key).toString(16)}}:` : '');
  const guardName = (key: string, count: Count) => count.once ?? key;
  return {
    shardOf,
    of: (key) => `${prefix}${shardOf(key)}${key}`,
    guard: (key, count) => `${prefix}${shardOf(guardName(key, count))}c:${count.field}:${guardName(key, count)}`,
    shardOfGuard: (key, count) => shardOf(guardName(key, count)),
    counts: (shard) => `${prefix}${shard}counts`,
    shards: cluster ? Array.from({ length: shardCount }, (_, shard) => `{${shard.toString(16)}}:`) : [''],
  };
}

/** By the first identity in a key, whose last byte is as good as random in every version of UUID in use here (RFC 9562 §5.5, §5.7). */
function shardNumber(key: string): number {
  const found = uuid.exec(key);
  if (found?.[1] !== undefined) return Number.parseInt(found[1], 16) % shardCount;
  let hash = 0;
  for (let at = 0; at < key.length; at += 1) hash = (hash * 31 + key.charCodeAt(at)) % 65_521;
  return hash % shardCount;
}

/** Sorts things by their shard, in the order they came. */
export function byShard<Thing>(things: readonly Thing[], shardOf: (thing: Thing) => string): Map<string, Thing[]> {
  const sorted = new Map<string, Thing[]>();
  for (const thing of things) {
    const shard = shardOf(thing);
    const others = sorted.get(shard);
    if (others === undefined) sorted.set(shard, [thing]);
    else others.push(thing);
  }
  return sorted;
}
