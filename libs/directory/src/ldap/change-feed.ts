import type { Log } from '@mailrail/telemetry';
import { type Filter, GreaterThanEqualsFilter } from 'ldapts';
import { dnKey } from '../dn.ts';
import type { DirectoryChange } from '../port.ts';
import type { RawEntry } from './answers.ts';
import type { LdapConnection } from './connection.ts';
import { dirSyncFeed } from './dir-sync.ts';
import type { DirectoryPart } from './directory-part.ts';
import { failureOf, LdapFailure, resultCode } from './failure.ts';
import { everything } from './filters.ts';
import { ldapEntry } from './ldap-entry.ts';
import { rootDseAttributes, rootDseOf } from './root-dse.ts';
import { isBelow, type ServerFacts } from './server-facts.ts';

export interface FeedOptions {
  pollMs: number;
  timeoutMs: number;
  log: Log;
  warn: (warnings: readonly string[]) => void;
  tell: (change: DirectoryChange) => void;
  now?: () => number;
}

/** More changes at once than these are told as "everything may have changed". */
const maxChanges = 2_000;
const pageSize = 500;
/** At the start it is asked what changed before, since a cache may be older than this process. */
const lookBackMs = 15 * 60_000;
/** Changes that come from another server carry its time, and may come late. */
const overlapMs = 120_000;
/** Where these are renamed, the DNs of everything below change with them, and no number says so. */
const containers = new Set(['organizationalunit', 'container', 'organization', 'dcobject']);

export interface Changes {
  all: string | undefined; // why nothing finer can be said
  entries: RawEntry[];
}

/**
 * Asks the servers again and again what changed: by `uSNChanged` on Active Directory, a number that counts on each domain
 * controller alone, or by DirSync, and by `entryCSN` on OpenLDAP. Deleted entries are told by Active Directory's tombstones (whoever may see
 * them), and on OpenLDAP by a `contextCSN` that no entry has.
 */
export function followChanges(parts: readonly DirectoryPart[], options: FeedOptions): { start(): void; stop(): void } {
  const { pollMs, log, tell } = options;
  const followed = parts.map((part) => partFeed(part, options));
  let timer: NodeJS.Timeout | undefined;
  let state: 'new' | 'runs' | 'stopped' = 'new';
  let silent = false; // the last poll had no answer

  const poll = async () => {
    for (const feed of followed) {
      try {
        const change = await feed();
        if (silent) log.info('directory.changes-known');
        silent = false;
        if (change !== undefined && state === 'runs') tell(change);
      } catch (error) {
        if (!silent) log.warn('directory.changes-unknown', { reason: failureOf(error).message });
        silent = true;
      }
    }
  };
  const next = () => {
    if (state !== 'runs') return;
    timer = setTimeout(() => {
      poll().then(next, next);
    }, pollMs);
    timer.unref();
  };
  return {
    start() {
      if (state !== 'new') return;
      state = 'runs';
      poll().then(next, next);
    },
    stop() {
      state = 'stopped';
      clearTimeout(timer);
    },
  };
}

/** @returns a function that tells what changed since it was called last, and once more what it told then. */
function partFeed(part: DirectoryPart, { timeoutMs, log, warn, now = Date.now }: FeedOptions): () => Promise<DirectoryChange | undefined> {
  const byUsn = usnFeed(now);
  const byCsn = csnFeed(now);
  const byDirSync = dirSyncFeed(byUsn, (reason) => log.warn('directory.dirsync-refused', { reason }));
  // Who read an entry just before it changed may keep it just after it was told to have changed.
  let toldBefore: DirectoryChange | undefined;
  return async () => {
    const { facts, changes } = await part.expansions.use(
      async (connection, leftMs) => {
        const known = part.factsOf(connection);
        const feed = { uSNChanged: byUsn, DirSync: byDirSync, entryCSN: byCsn, none: nothing }[known.profile.changes];
        return { facts: known, changes: await feed(connection, known, leftMs) };
      },
      { timeoutMs, exclusive: true },
    );
    const change = changeOf(changes, facts, warn);
    const told = both(change, toldBefore);
    toldBefore = change;
    if (change?.kind === 'all') log.info('directory.all-changed', { reason: change.reason });
    else if (change !== undefined) log.debug('directory.changed', { entries: change.ids.length });
    return told;
  };
}

/** Tells what changed since it was called last. @throws LdapFailure */
export type Feed = (connection: LdapConnection, facts: ServerFacts, timeoutMs: number) => Promise<Changes>;
const nothing: Feed = async () => ({ all: undefined, entries: [] });

function usnFeed(now: () => number): Feed {
  const marks = new Map<string, bigint>(); // the last number seen, by server
  let last: string | undefined;
  let lookedBack = false;
  return async (connection, facts, timeoutMs) => {
    const root = await connection.search({ base: '', scope: 'base', filter: everything, attributes: rootDseAttributes }, timeoutMs);
    const { identity = connection.server.name, highestUsn, defaultNamingContext } = rootDseOf(root.entries[0]);
    if (highestUsn === undefined) throw new LdapFailure('refused', 'the server does not say the number of its latest change');
    const mark = marks.get(identity);
    const changes: Changes = { all: undefined, entries: [] };
    if (mark !== undefined && highestUsn < mark) changes.all = 'the server was restored from a copy';
    else if (mark === undefined && last !== undefined) changes.all = 'another server is asked now';
    else if (mark === undefined && lookedBack) changes.all = 'it cannot be told what changed before the start';
    else if (mark !== highestUsn) {
      lookedBack = true; // times have no index on most servers: what takes too long once is not tried again
      const filter =
        mark === undefined
          ? new GreaterThanEqualsFilter({ attribute: 'whenChanged', value: generalizedTime(now() - lookBackMs, '.0Z') })
          : new GreaterThanEqualsFilter({ attribute: 'uSNChanged', value: String(mark + 1n) });
      const bases = connection.server.catalog || defaultNamingContext === undefined ? facts.bases : [defaultNamingContext];
      const found = await changedEntries(connection, facts, { bases, filter, withDeleted: true }, timeoutMs);
      if (found === undefined) changes.all = 'too many changes to tell one by one';
      else changes.entries = found;
    }
    marks.set(identity, highestUsn);
    last = identity;
    return changes;
  };
}

function csnFeed(now: () => number): Feed {
  let mark = now() - lookBackMs + overlapMs; // time of the latest change seen
  const seen = new Map<string, string>(); // changes told already: DN -> entryCSN
  const contexts = new Map<string, Set<string>>(); // the contextCSNs of each base
  return async (connection, facts, timeoutMs) => {
    const changes: Changes = { all: undefined, entries: [] };
    const filter = new GreaterThanEqualsFilter({
      attribute: 'entryCSN',
      value: `${generalizedTime(mark - overlapMs, '.000000Z')}#000000#000#000000`,
    });
    const bases = [...new Set(facts.bases.map((base) => facts.contexts.find((context) => isBelow(dnKey(base), dnKey(context))) ?? base))];
    const states = await Promise.all(bases.map((base) => contextCsns(connection, base, timeoutMs)));
    // The number of the whole says at once that nothing changed; a server that has none is asked for entries each time.
    if (bases.every((base, index) => isSame(states[index], contexts.get(base)))) return changes;
    const found = await changedEntries(connection, facts, { bases, filter, withDeleted: false }, timeoutMs);
    if (found === undefined) {
      changes.all = 'too many changes to tell one by one';
      mark = Math.max(mark, ...states.flatMap((state) => [...state].map((csn) => timeOf(csn) ?? mark))); // by the servers' clock
    }
    const numbers = new Set(seen.values());
    for (const entry of found ?? []) {
      const csn = String(entry.attributes.get('entrycsn')?.[0] ?? '');
      numbers.add(csn);
      mark = Math.max(mark, timeOf(csn) ?? mark);
      if (seen.get(dnKey(entry.dn)) === csn) continue;
      seen.set(dnKey(entry.dn), csn);
      changes.entries.push(entry);
    }
    for (const [dn, csn] of seen) if ((timeOf(csn) ?? 0) < mark - overlapMs) seen.delete(dn);
    bases.forEach((base, index) => {
      const state = states[index] ?? new Set();
      const before = contexts.get(base);
      // A change that left no entry with its number was a deletion.
      if (before !== undefined && [...state].some((csn) => !before.has(csn) && !numbers.has(csn))) changes.all ??= 'an entry was deleted';
      contexts.set(base, state);
    });
    return changes;
  };
}

function isSame(state: ReadonlySet<string> | undefined, before: ReadonlySet<string> | undefined): boolean {
  return (
    state !== undefined &&
    before !== undefined &&
    state.size > 0 &&
    state.size === before.size &&
    [...state].every((csn) => before.has(csn))
  );
}

async function contextCsns({ search }: LdapConnection, base: string, timeoutMs: number): Promise<Set<string>> {
  try {
    const { entries } = await search({ base, scope: 'base', filter: everything, attributes: ['contextCSN'] }, timeoutMs);
    return new Set((entries[0]?.attributes.get('contextcsn') ?? []).map(String));
  } catch (error) {
    if (error instanceof LdapFailure && error.code === resultCode.noSuchObject) return new Set();
    throw error;
  }
}

/** @returns `undefined` when there are more than can be told one by one. */
async function changedEntries(
  { search }: LdapConnection,
  { profile, addresses }: ServerFacts,
  { bases, filter, withDeleted }: { bases: readonly string[]; filter: Filter; withDeleted: boolean },
  timeoutMs: number,
): Promise<RawEntry[] | undefined> {
  const attributes = [
    'objectClass',
    ...profile.id,
    ...addresses.typed,
    ...addresses.bare,
    ...addresses.legacy,
    ...(profile.changes === 'none' || profile.changes === 'DirSync' ? [] : [profile.changes]),
  ];
  const deadline = performance.now() + timeoutMs;
  const found: RawEntry[] = [];
  for (const base of bases) {
    let cookie: Buffer | undefined;
    do {
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new LdapFailure('late', `no complete answer within ${Math.round(timeoutMs)} ms`);
      const answer = await search({ base, scope: 'sub', filter, attributes, page: { size: pageSize, cookie }, withDeleted }, leftMs);
      found.push(...answer.entries);
      if (found.length > maxChanges) return undefined;
      cookie = answer.cookie;
    } while (cookie !== undefined);
  }
  return found;
}

function changeOf({ all, entries }: Changes, { profile }: ServerFacts, warn: FeedOptions['warn']): DirectoryChange | undefined {
  if (all !== undefined) return { kind: 'all', reason: all };
  if (entries.length === 0) return undefined;
  const change = { kind: 'entries' as const, ids: [] as string[], addresses: [] as string[], dns: [] as string[] };
  for (const raw of entries) {
    const classes = (raw.attributes.get('objectclass') ?? []).map((name) => String(name).toLowerCase());
    if (classes.some((name) => containers.has(name))) return { kind: 'all', reason: 'a container changed' };
    const { entry, warnings } = ldapEntry(raw, profile);
    warn(warnings);
    change.ids.push(entry.id);
    change.dns.push(entry.dn);
    change.addresses.push(...entry.addresses, ...(entry.legacyDn === undefined ? [] : [`EX:${entry.legacyDn}`, `X500:${entry.legacyDn}`]));
  }
  return change;
}

function both(change: DirectoryChange | undefined, before: DirectoryChange | undefined): DirectoryChange | undefined {
  if (change === undefined || before === undefined || change.kind === 'all') return change ?? before;
  if (before.kind === 'all') return before;
  return {
    kind: 'entries',
    ids: [...new Set([...change.ids, ...before.ids])],
    addresses: [...new Set([...change.addresses, ...before.addresses])],
    dns: [...new Set([...change.dns, ...before.dns])],
  };
}

/** `20261231235959` and what follows the seconds. */
function generalizedTime(timeMs: number, fraction: string): string {
  return `${new Date(timeMs).toISOString().replace(/[-:T]/g, '').slice(0, 14)}${fraction}`;
}

/** The time in a CSN: `20260131120000.123456Z#000000#000#000000`. */
function timeOf(csn: string): number | undefined {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)/.exec(csn) ?? [];
  return year === undefined ? undefined : Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}
