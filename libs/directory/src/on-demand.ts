import { type Log, type Metrics, silentLog } from '@mailrail/telemetry';
import { redisCacheStore } from './cache-store.ts';
import { cachedDirectory } from './cached-directory.ts';
import { openDirectory } from './ldap/open-directory.ts';
import type { Directory } from './port.ts';

export interface OnDemandOptions {
  /** Servers or a file, as `openDirectory` takes them. */
  url: string;
  redisUrl: string;
  env: Readonly<Record<string, string | undefined>>;
  log?: Log;
  metrics?: Pick<Metrics, 'cacheLookups'>;
  timeoutMs?: number; // after this a lookup counts as unanswered; default 2,000
}

export type OwnersOnDemand = Pick<Directory, 'byAddress' | 'close'>;

/**
 * A directory for a stage that seldom needs one: opened, with the cache that all stages share, when the first question comes. What cannot
 * be opened does not answer, and is tried again with the next question.
 */
export function directoryOnDemand(options: OnDemandOptions): OwnersOnDemand {
  const { log = silentLog, timeoutMs = 2_000 } = options;
  let opened: Promise<Directory> | undefined;
  const open = async (): Promise<Directory> => {
    const source = await openDirectory(options.url, { env: options.env, log, timeoutMs });
    const store = redisCacheStore({ url: options.redisUrl, log });
    return cachedDirectory(source, store, { log, timeoutMs, ...(options.metrics === undefined ? {} : { metrics: options.metrics }) });
  };
  return {
    async byAddress(addresses) {
      opened ??= open();
      try {
        const directory = await opened;
        return await directory.byAddress(addresses);
      } catch (error) {
        opened = undefined;
        return { ok: false, reason: error instanceof Error ? error.message : String(error) };
      }
    },
    async close() {
      const directory = await opened?.catch(() => undefined);
      await directory?.close();
    },
  };
}
