import { Redis } from 'ioredis';
import type { Endpoints } from '../endpoints.ts';
import { reasonOf } from '../error-code.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Redis of the running line: does it answer, does it keep what it is told, what does it throw away first. */
export async function lookAtRedis(line: Endpoints | undefined): Promise<Finding[]> {
  if (line === undefined) return [];
  const client = new Redis(line.redis, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0, connectTimeout: 3_000 });
  client.on('error', () => {}); // told by connect()
  try {
    await client.connect();
    const info = new Map([...(await client.info()).matchAll(/^([a-z_]+):(.*?)\r?$/gm)].map(([, name = '', value = '']) => [name, value]));
    return redisFindings(info);
  } catch (error) {
    return [fail('Redis', `does not answer: ${reasonOf(error)}`, 'mail goes on, duplicates are possible; see DIR/redis/redis.log')];
  } finally {
    client.disconnect();
  }
}

/** @param info fields of INFO. */
export function redisFindings(info: ReadonlyMap<string, string>): Finding[] {
  const aof = info.get('aof_enabled') === '1';
  const failed = info.get('aof_last_write_status') === 'err';
  const policy = info.get('maxmemory_policy') ?? '';
  const evicted = Number(info.get('evicted_keys') ?? 0);
  const durability = aof
    ? ok('Redis AOF', 'on')
    : warn('Redis AOF', 'off', 'after a crash of Redis duplicates are possible: CONFIG SET appendonly yes');
  return [
    ok('Redis', info.get('redis_version') ?? 'unknown version'),
    failed ? fail('Redis AOF', 'the last write failed', 'is the disk full? The ledger is in memory alone now') : durability,
    policy === 'volatile-ttl' || policy === 'noeviction'
      ? ok('Redis eviction', policy)
      : warn('Redis eviction', policy, 'CONFIG SET maxmemory-policy volatile-ttl: what ends first goes first'),
    ...(evicted > 0 ? [warn('Redis memory', `${evicted} keys evicted`, 'duplicates are possible; give it more memory (maxmemory)')] : []),
  ];
}
