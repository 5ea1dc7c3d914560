import { oneLine } from '@mailrail/mail';
import type { Log } from '@mailrail/telemetry';
import type { CacheStore } from './cache-store.ts';
import { dnKey } from './dn.ts';
import { type Lru, lru } from './lru.ts';
import type { Entry } from './port.ts';

/** What a cache knows of one question: the entries, and whether they are still good without asking. */
export interface Known {
  entries: Entry[];
  fresh: boolean;
}

/** `a` by address, `d` by DN: both lead to entries, which are kept once, under `e`. */
export type Kind = 'a' | 'd';

export interface CacheTiers {
  /** In this process. Stale knowledge is given too; a stale "nobody" is no knowledge. */
  inProcess(key: string): Known | undefined;
  /** Which data what is learned now belongs to; what was asked before a flush must not be kept after it. */
  era(): string;
  keepInProcess(key: string, entries: Entry[], era: string): void;
  /** In the shared store, in the order of `keys`; `undefined` for unknown, and for all when the store is away. */
  shared(kind: Kind, keys: readonly string[]): Promise<(Known | undefined)[]>;
  /** Not waited for: a cache that is away costs the next one a question. */
  keepShared(kind: Kind, known: readonly { key: string; entries: Entry[] }[], era: string): void;
  /**
   * Takes the questions that no other process is asking now. @returns the keys that are ours to ask; `undefined` when the store is
   * away or knows no leases, and everybody asks for himself.
   */
  lease(kind: Kind, keys: readonly string[]): Promise<ReadonlySet<string> | undefined>;
  /** Whoever waits for these answers looks at once for the value, or asks himself when there is none. */
  release(kind: Kind, keys: readonly string[]): void;
  flush(): Promise<boolean>;
  /** Forgets entries by identity, and what is known of these questions, the negative answers above all. @returns false likewise. */
  forget(ids: readonly string[], questions: readonly { kind: Kind; key: string }[]): Promise<boolean>;
}

export interface TierOptions {
  log: Log;
  now: () => number;
  /** The directory's own version: entries of another one are none of ours. */
  sourceVersion: () => string;
  random?: () => number;
  prefix?: string;
  freshMs?: number;
  freshGroupMs?: number;
  staleMs?: number;
  negativeMs?: number;
  processMs?: number;
  processEntries?: number; // at most; half of them are surely kept
  circuitMs?: number;
  leaseMs?: number;
}

/** Redis holds values of at most about this size; longer member lists are kept in pieces. */
const maxValueLength = 512_000;

/** The tiers of a directory cache that answer without the directory. */
export function cacheTiers(store: CacheStore | undefined, options: TierOptions): CacheTiers {
  const { log, now, sourceVersion, random = Math.random, prefix = 'dir:' } = options;
  const { freshMs = 600_000, freshGroupMs = 300_000, staleMs = 86_400_000, negativeMs = 60_000 } = options;
  const { processMs = 5_000, processEntries = 50_000, circuitMs = 5_000, leaseMs = 2_000 } = options;
  // Of both kinds: the key of a DN begins with an attribute in lower case or an OID, that of an address with a type and a colon.
  const process: Lru<{ entries: Entry[]; until: number }> = lru(processEntries);
  const generationKey = `${prefix}version`;
  let generation: string | undefined; // as the store says; raised by a flush
  let source = sourceVersion();
  let closedUntil = 0; // the circuit to the store

  /** 10 % either way, so that what was learned together is not forgotten together. */
  const jitter = (ms: number) => ms * (0.9 + 0.2 * random());
  const forgetOther = () => {
    if (sourceVersion() === source) return;
    source = sourceVersion();
    process.clear();
  };
  const era = () => {
    forgetOther();
    return `${generation ?? ''}.${source}`;
  };
  const usable = () => store !== undefined && now() >= closedUntil;
  const failed = (error: unknown) => {
    if (now() >= closedUntil)
      log.warn('directory-cache.skipped', { forMs: circuitMs, reason: oneLine(error instanceof Error ? error.message : String(error)) });
    closedUntil = now() + circuitMs;
  };
  const keyOf = (kind: Kind | 'e' | 'm' | 'l', key: string) =>
    `${prefix}${kind}:${generation ?? '0'}${source === '' ? '' : `.${source}`}:${key}`;

  /** Reads keys made by `keys` under the current generation; when the store has a newer one, once more under that. */
  const read = async (from: CacheStore, keys: () => string[]): Promise<(string | null)[]> => {
    for (;;) {
      const assumed = generation;
      const [current, ...values] = await from.get([generationKey, ...keys()]);
      const known = current ?? '0';
      if (known === assumed) return values;
      if (assumed !== undefined) process.clear();
      generation = known;
    }
  };

  return {
    inProcess(key) {
      forgetOther();
      const row = process.get(key);
      if (row === undefined) return undefined;
      const fresh = row.until > now();
      return fresh || row.entries.length > 0 ? { entries: row.entries, fresh } : undefined;
    },
    era,
    keepInProcess(key, entries, learned) {
      if (learned !== era()) return;
      let weight = 0;
      for (const { members } of entries) weight += 1 + Math.ceil(members.length / 20);
      process.set(
        key,
        { entries, until: now() + jitter(entries.length === 0 ? Math.min(processMs, negativeMs) : processMs) },
        Math.max(1, weight),
      );
    },
    async shared(kind, keys) {
      const none = keys.map(() => undefined);
      if (store === undefined || !usable()) return none;
      forgetOther();
      try {
        const lists = (await read(store, () => keys.map((key) => keyOf(kind, key)))).map(parseIds);
        const ids = [...new Set(lists.flatMap((list) => list ?? []))];
        const entries = ids.length === 0 ? new Map<string, Kept>() : await readEntries(store, ids);
        return lists.map((list) => {
          if (list === undefined) return undefined;
          if (list.length === 0) return { entries: [], fresh: true }; // the store itself forgets it in time
          const kept = list.map((id) => entries.get(id)).filter((one) => one !== undefined);
          if (kept.length < list.length) return undefined;
          return { entries: kept.map(({ entry }) => entry), fresh: kept.every(({ freshUntil }) => freshUntil > now()) };
        });
      } catch (error) {
        failed(error);
        return none;
      }
    },
    keepShared(kind, known, learned) {
      if (store === undefined || !usable() || learned !== era()) return;
      const rows = new Map<string, { value: string; ttlMs: number }>();
      for (const { key, entries } of known) {
        const ttlMs = jitter(entries.length === 0 ? negativeMs : staleMs);
        rows.set(keyOf(kind, key), { value: JSON.stringify(entries.map(({ id }) => id)), ttlMs });
        for (const entry of entries) {
          rows.set(keyOf('d', dnKey(entry.dn)), { value: JSON.stringify([entry.id]), ttlMs });
          for (const [name, value] of writeEntry(entry, now() + jitter(entry.members.length > 0 ? freshGroupMs : freshMs)))
            rows.set(name, { value, ttlMs });
        }
      }
      store.set([...rows].map(([key, { value, ttlMs }]) => ({ key, value, ttlMs }))).catch(failed);
    },
    async lease(kind, keys) {
      if (store?.lease === undefined || leaseMs === 0 || !usable()) return undefined;
      try {
        const ours = await store.lease(
          keys.map((key) => keyOf('l', `${kind}:${key}`)),
          leaseMs,
        );
        return new Set(keys.filter((_, at) => ours[at]));
      } catch (error) {
        failed(error);
        return undefined;
      }
    },
    release(kind, keys) {
      if (store?.release === undefined || leaseMs === 0 || !usable() || keys.length === 0) return;
      store.release(keys.map((key) => keyOf('l', `${kind}:${key}`))).catch(failed);
    },
    async flush() {
      process.clear();
      if (store === undefined) return true;
      try {
        generation = String(await store.increment(generationKey));
        return true;
      } catch (error) {
        failed(error);
        return false;
      }
    },
    async forget(ids, questions) {
      process.clear(); // what it has is a few seconds old
      if (store === undefined) return true;
      if (!usable()) return false;
      try {
        await read(store, () => []); // the generation, which another process may have raised
        const keys = [...ids.map((id) => keyOf('e', id)), ...questions.map(({ kind, key }) => keyOf(kind, key))];
        await store.set(keys.map((key) => ({ key, value: 'null', ttlMs: 1 })));
        return true;
      } catch (error) {
        failed(error);
        return false;
      }
    },
  };

  /** An entry as one value, or as one and its member list in pieces that know which writing they belong to. */
  function writeEntry(entry: Entry, freshUntil: number): [key: string, value: string][] {
    const whole = JSON.stringify({ f: freshUntil, e: entry });
    if (whole.length <= maxValueLength) return [[keyOf('e', entry.id), whole]];
    const pieces: string[][] = [];
    let length = maxValueLength;
    for (const member of entry.members) {
      if (length + member.length > maxValueLength) {
        pieces.push([]);
        length = 0;
      }
      pieces.at(-1)?.push(member);
      length += member.length + 3;
    }
    return [
      [keyOf('e', entry.id), JSON.stringify({ f: freshUntil, e: { ...entry, members: [] }, p: pieces.length })],
      ...pieces.map((members, index): [string, string] => [
        keyOf('m', `${entry.id}:${index}`),
        JSON.stringify({ f: freshUntil, m: members }),
      ]),
    ];
  }

  async function readEntries(from: CacheStore, ids: readonly string[]): Promise<Map<string, Kept>> {
    const values = await from.get(ids.map((id) => keyOf('e', id)));
    const found = new Map<string, Kept>();
    for (const [index, id] of ids.entries()) {
      const kept = parseEntry(values[index]);
      if (kept === undefined) continue;
      if (kept.pieces > 0) {
        const pieces = (await from.get(Array.from({ length: kept.pieces }, (_, piece) => keyOf('m', `${id}:${piece}`)))).map(parsePiece);
        if (pieces.some((piece) => piece?.freshUntil !== kept.freshUntil)) continue; // another writing's, or forgotten
        kept.entry.members = pieces.flatMap((piece) => piece?.members ?? []);
      }
      found.set(id, kept);
    }
    return found;
  }
}

interface Kept {
  entry: Entry;
  freshUntil: number;
  pieces: number;
}

// What is in the store was written above; something else under our keys is as good as nothing.
function parse(value: string | null | undefined): unknown {
  if (typeof value !== 'string') return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}
function parseIds(value: string | null): string[] | undefined {
  const ids = parse(value);
  return Array.isArray(ids) && ids.every((id) => typeof id === 'string') ? ids : undefined;
}
function parseEntry(value: string | null | undefined): Kept | undefined {
  const kept = parse(value);
  if (typeof kept !== 'object' || kept === null || !('f' in kept) || !('e' in kept)) return undefined;
  const { f: freshUntil, e: entry } = kept;
  const pieces = 'p' in kept && typeof kept.p === 'number' ? kept.p : 0;
  if (typeof freshUntil !== 'number' || !isEntry(entry)) return undefined;
  return { entry, freshUntil, pieces };
}
function parsePiece(value: string | null): { freshUntil: number; members: string[] } | undefined {
  const piece = parse(value);
  if (typeof piece !== 'object' || piece === null || !('f' in piece) || !('m' in piece)) return undefined;
  if (typeof piece.f !== 'number' || !Array.isArray(piece.m) || !piece.m.every((member) => typeof member === 'string')) return undefined;
  return { freshUntil: piece.f, members: piece.m };
}
/** Enough to tell an entry of this version from anything else; its fields come from `entryOf`. */
function isEntry(value: unknown): value is Entry {
  return (
    typeof value === 'object' &&
    value !== null &&
    'id' in value &&
    'dn' in value &&
    'kind' in value &&
    'addresses' in value &&
    'members' in value &&
    'restrictions' in value
  );
}
