import { addressKey, oneLine } from '@mailrail/mail';
import { type Log, type Metrics, silentLog } from '@mailrail/telemetry';
import type { CacheStore } from './cache-store.ts';
import { cacheTiers } from './cache-tiers.ts';
import { dnKey } from './dn.ts';
import { gate, withTimeout } from './gate.ts';
import { type Lookups, lookups } from './lookups.ts';
import type { Answer, Directory, DirectoryChange, Entry } from './port.ts';

export interface CacheOptions {
  metrics?: Pick<Metrics, 'cacheLookups'>;
  log?: Log;
  /** Keys begin with this. Default `dir:`. */
  prefix?: string;
  /** How long an entry is good. Default 10 min, a group's member list 5 min. */
  freshMs?: number;
  freshGroupMs?: number;
  /** How long an entry stays for the case that the directory does not answer. Default 24 h. */
  staleMs?: number;
  /** How long "nobody has this address" is good. Default 60 s; it never serves as stale, since unreachable is never unknown. */
  negativeMs?: number;
  /** The tier in the process: default 5 s and 50,000 entries. */
  processMs?: number;
  processEntries?: number;
  /** Questions in one call to the directory, and calls at once. Default 50 and 4. */
  batch?: number;
  concurrency?: number;
  /** After this the directory counts as unreachable. Default 2,000. */
  timeoutMs?: number;
  /** After an error the shared cache is left alone for so long. Default 5,000. */
  circuitMs?: number;
  /** How long a process waits at most for an answer that another one is getting. Default 2,000; 0 never waits. */
  leaseMs?: number;
  now?: () => number;
  random?: () => number;
}

export interface CachedDirectory extends Directory {
  /** Forgets everything, in all processes that share the store (others within `processMs`). @returns false when the store did not answer. */
  flush(): Promise<boolean>;
  /** Forgets what changed, likewise. The directory's own `onChange` calls it. */
  forget(change: DirectoryChange): Promise<boolean>;
}

/**
 * A cache in front of a directory: in the process, then in a store shared by pods, then the directory itself. It keeps entries,
 * never answers to questions about rights. Questions asked in one turn of the event loop, by however many mails, go out
 * together; a question that is being asked is not asked again, by another process neither. Without the store, or while it is away, the directory is asked
 * directly, never more than `concurrency` calls at once; what was known before serves while the directory does not answer.
 */
export function cachedDirectory(directory: Directory, store: CacheStore | undefined, options: CacheOptions = {}): CachedDirectory {
  const { log = silentLog, batch = 50, concurrency = 4, timeoutMs = 2_000, circuitMs = 5_000, now = Date.now } = options;
  const { leaseMs = 2_000 } = options;
  const tiers = cacheTiers(store, { ...options, log, now, sourceVersion: () => directory.version?.() ?? '' });
  const places = gate(concurrency);
  const ask = <Value>(question: () => Promise<Answer<Value>>, limitMs = timeoutMs) => places(() => withTimeout(question, limitMs));
  const count = (tier: string, by: number) => {
    if (by > 0) options.metrics?.cacheLookups.inc({ tier }, by);
  };

  const byAddress: Lookups<Entry[]> = lookups({
    kind: 'a',
    tiers,
    batch,
    leaseMs,
    count,
    ask: async (addresses) => ask(() => directory.byAddress(addresses)),
    keyOf: addressKey,
    entriesOf: (found) => found,
    fromEntries: (entries) => entries,
    nothing: [],
  });
  const byDn: Lookups<Entry | undefined> = lookups<Entry | undefined>({
    kind: 'd',
    tiers,
    batch,
    leaseMs,
    count,
    ask: async (dns) => ask(() => directory.byDn(dns)),
    keyOf: dnKey,
    entriesOf: (found) => (found === undefined ? [] : [found]),
    fromEntries: (entries) => entries[0],
    nothing: undefined,
  });

  /** The directory's own answer, kept nowhere; `undefined` when it does not answer, since then what is known must do. */
  const inPassing = async (dns: readonly string[]): Promise<Map<string, Entry> | undefined> => {
    const asked: Promise<Answer<Map<string, Entry>>>[] = [];
    for (let at = 0; at < dns.length; at += batch) {
      const some = dns.slice(at, at + batch);
      asked.push(ask(() => directory.byDn(some)));
    }
    const found = new Map<string, Entry>();
    for (const answer of await Promise.all(asked)) {
      if (!answer.ok) return undefined;
      for (const [key, entry] of answer.value) found.set(key, entry);
    }
    count('directory', dns.length);
    return found;
  };

  const forget = (change: DirectoryChange): Promise<boolean> => {
    if (change.kind === 'all') return tiers.flush();
    const questions = [
      ...change.addresses.map((address) => ({ kind: 'a' as const, key: addressKey(address) })),
      ...change.dns.map((dn) => ({ kind: 'd' as const, key: dnKey(dn) })),
    ];
    return tiers.forget(change.ids, questions);
  };
  /** A store that was away knows what is no longer so: when it is back, it forgets everything. */
  let owed: NodeJS.Timeout | undefined;
  let closed = false;
  const changed = (change: DirectoryChange) => {
    forget(change).then(
      (done) => {
        if (done) return;
        clearTimeout(owed);
        if (!closed) owed = setTimeout(() => changed({ kind: 'all', reason: 'a change could not be told' }), circuitMs).unref();
      },
      (error: unknown) => log.error('directory-cache.forget', { reason: oneLine(error instanceof Error ? error.message : String(error)) }),
    );
  };
  directory.onChange?.(changed);

  return {
    async byAddress(addresses) {
      const answer = await byAddress(addresses);
      if (!answer.ok) return answer;
      return { ok: true, value: new Map([...answer.value].filter(([, entries]) => entries.length > 0)) };
    },
    async byDn(dns, use) {
      // Members of a very large group would drive everything else out of the process, and fill the store with what is read once.
      const passing = use === 'once' ? await inPassing(dns) : undefined;
      if (passing !== undefined) return { ok: true, value: passing };
      const answer = await byDn(dns);
      if (!answer.ok) return answer;
      return {
        ok: true,
        value: new Map([...answer.value].flatMap(([key, entry]) => (entry === undefined ? [] : [[key, entry] as const]))),
      };
    },
    // A query is the directory's work, and its answer is no entry: not kept, only bounded. It may take longer than a lookup.
    search: (base, filter, limit) => ask(() => directory.search(base, filter, limit), timeoutMs * 5),
    ...(directory.isMember === undefined
      ? {}
      : {
          isMember: (person: string, groups: readonly string[]) =>
            ask(async () => (await directory.isMember?.(person, groups)) ?? { ok: true, value: false }),
        }),
    version: () => directory.version?.() ?? '',
    probe: () => withTimeout(() => directory.probe(), timeoutMs),
    flush: () => tiers.flush(),
    forget,
    async close() {
      closed = true;
      clearTimeout(owed);
      await store?.close();
      await directory.close();
    },
  };
}
