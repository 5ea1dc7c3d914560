import type { Log, Metrics } from '@mailrail/telemetry';
import { redisCacheStore } from './cache-store.ts';
import { type CachedDirectory, cachedDirectory } from './cached-directory.ts';
import { openDirectory } from './ldap/open-directory.ts';

export interface OpenCachedDirectoryOptions {
  url: string; // as `openDirectory` takes it
  env: Readonly<Record<string, string | undefined>>; // where `LDAP_*` is found
  redisUrl: string | undefined; // where entries are shared; in the process alone without it
  pollMs?: number | undefined; // default as `openDirectory` has it
  timeoutMs: number; // after this a lookup counts as unanswered
  log: Log;
  metrics: Pick<Metrics, 'cacheLookups'>;
}

/**
 * The directory as services ask it: whatever the URL names, behind the cache all of them share.
 *
 * @throws ConfigError, namely DirectoryConfigError or LdifFileError as `openDirectory` does: what ends a service with its message.
 */
export async function openCachedDirectory(options: OpenCachedDirectoryOptions): Promise<CachedDirectory> {
  const { url, env, redisUrl, pollMs, timeoutMs, log, metrics } = options;
  const source = await openDirectory(url, { env, log, timeoutMs, ...(pollMs === undefined ? {} : { pollMs }) });
  const store = redisUrl === undefined ? undefined : redisCacheStore({ url: redisUrl, log });
  return cachedDirectory(source, store, { log, metrics, timeoutMs });
}
