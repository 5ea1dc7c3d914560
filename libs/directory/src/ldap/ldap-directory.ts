import { createHash } from 'node:crypto';
import { addressKey } from '@mailrail/mail';
import { type Log, silentLog } from '@mailrail/telemetry';
import { dnKey } from '../dn.ts';
import { membershipIn } from '../membership.ts';
import type { Answer, Directory, DirectoryChange, Entry } from '../port.ts';
import { canBeAsked, ownersOf } from './address-question.ts';
import type { RawEntry } from './answers.ts';
import { distinct, groupedByBase, inBatches, merged } from './batches.ts';
import { followChanges } from './change-feed.ts';
import { DirectoryConfigError } from './config-error.ts';
import type { Credentials } from './connection.ts';
import { type DirectoryPart, directoryPart } from './directory-part.ts';
import { failureOf, LdapFailure, resultCode } from './failure.ts';
import { everything } from './filters.ts';
import { ldapEntry } from './ldap-entry.ts';
import type { LdapProfile } from './ldap-profile.ts';
import { type Finding, isInChain, lookUpAddresses, lookUpDns, searchBelow } from './questions.ts';
import { wholeEntries } from './ranges.ts';
import { isBelow } from './server-facts.ts';
import type { LdapServer } from './server-url.ts';
import { warningsOf } from './warnings.ts';
import type { TlsFiles } from './wire.ts';

export interface LdapDirectoryOptions {
  /** In order of preference. Servers with another base, and global catalogs, are parts of their own. */
  servers: readonly LdapServer[];
  credentials?: Credentials;
  tls?: TlsFiles;
  /** Below these addresses are looked up; what the servers say when left out. */
  bases?: readonly string[];
  /** As the servers say what they are when left out. */
  profile?: LdapProfile;
  log?: Log;
  /** Until a connection can be used. Default 1,500. */
  connectTimeoutMs?: number;
  /** For a lookup, its wait for a connection included. Default 1,800: less than who asks waits. */
  timeoutMs?: number;
  /** For a query, and for a group that is read by ranges. Default 10,000. */
  searchTimeoutMs?: number;
  /** Connections for lookups, and as many for the rest; requests on each at once. Default 2 and 4. */
  connections?: number;
  inFlight?: number;
  /** Addresses or DNs in one request. Default 50. */
  batch?: number;
  /** Entries on a page of an answer to a query. Default 500. */
  pageSize?: number;
  /** Members of one group that are read at most. Default 1,000,000. */
  maxMembers?: number;
  /** How often a better server than the one in use is tried. Default 10,000. */
  failBackMs?: number;
  /** How often the servers are asked what changed; 0 never. Default 5,000. */
  pollMs?: number;
}

/**
 * A directory on LDAP servers: Active Directory (and Samba as one) or OpenLDAP. Every error, timeout and incomplete answer is no
 * answer; nobody is unknown for it. Referrals are not followed: whatever is not on these servers is not in this directory.
 *
 * @throws DirectoryConfigError without a server.
 */
export function ldapDirectory(options: LdapDirectoryOptions): Directory {
  const { servers, credentials = { kind: 'anonymous' }, tls = {}, profile, log = silentLog } = options;
  const { timeoutMs = 1_800, searchTimeoutMs = 10_000, connectTimeoutMs = 1_500, batch = 50 } = options;
  const { connections = 2, inFlight = 4, failBackMs = 10_000, pollMs = 5_000 } = options;
  const { pageSize = 500, maxMembers = 1_000_000 } = options;
  if (servers.length === 0) throw new DirectoryConfigError('no directory server is named');

  const part = (own: readonly LdapServer[], bases: readonly string[] | undefined) =>
    directoryPart({
      servers: own,
      bases,
      profile,
      credentials,
      tls,
      connectTimeoutMs,
      connections,
      inFlight,
      failBackMs,
      log,
    });
  const parts: DirectoryPart[] = [...groupedByBase(servers.filter(({ catalog }) => !catalog))].map(([base, own]) =>
    part(own, base === undefined ? options.bases : [base]),
  );
  const catalogs = servers.filter(({ catalog }) => catalog);
  const catalog = catalogs.length === 0 ? undefined : part(catalogs, parts.length === 0 ? options.bases : undefined);
  const [main = catalog] = parts;
  if (main === undefined) throw new DirectoryConfigError('no directory server is named');
  const warn = warningsOf(log);
  const reading = { timeoutMs: searchTimeoutMs, maxMembers, pageSize };
  const whole = wholeEntries(reading);

  /** The part that has an entry: that whose base, or else whose tree, is nearest above it. The catalog has what no other has. */
  const partFor = async (dn: string): Promise<DirectoryPart> => {
    if (parts.length < 2 && catalog === undefined) return main;
    const key = dnKey(dn);
    const nearest = (above: readonly { part: DirectoryPart; bases: readonly string[] }[]) => {
      const keys = above.flatMap(({ part: one, bases }) => bases.map((base) => ({ one, base: dnKey(base) })));
      return keys.filter(({ base }) => isBelow(key, base)).sort((a, b) => b.base.length - a.base.length)[0]?.one;
    };
    const configured = nearest(parts.map((one) => ({ part: one, bases: one.bases ?? [] })));
    if (configured !== undefined) return configured;
    const trees = await Promise.all(parts.map(async (one) => ({ part: one, bases: await one.contexts(timeoutMs) })));
    return nearest(trees) ?? catalog ?? main;
  };
  const entriesIn = async (where: DirectoryPart, { found, facts }: Finding): Promise<Entry[]> => {
    await whole(where, found);
    return found.map((raw: RawEntry) => {
      const { entry, warnings } = ldapEntry(raw, facts.profile);
      warn(warnings);
      return entry;
    });
  };

  /** The owners of addresses in one part, in batches; one whose answer is too long for the server is asked in halves. */
  const ownersIn = async (where: DirectoryPart, addresses: readonly string[]): Promise<Map<string, Entry[]>> => {
    const ask = async (some: readonly string[]): Promise<Map<string, Entry[]>> => {
      try {
        const finding = await where.lookups.use(
          (connection, leftMs) => lookUpAddresses(connection, where.factsOf(connection), some, leftMs),
          { timeoutMs },
        );
        return ownersOf(some, await entriesIn(where, finding));
      } catch (error) {
        if (!isTooLong(error) || some.length === 1) throw error;
        const half = Math.ceil(some.length / 2);
        const [first, second] = await Promise.all([ask(some.slice(0, half)), ask(some.slice(half))]);
        return new Map([...first, ...second]);
      }
    };
    const found = await inBatches(addresses, batch, ask);
    return new Map(found.flatMap((owners) => [...owners]));
  };

  const byAddress = async (asked: readonly string[]): Promise<Map<string, Entry[]>> => {
    const addresses = distinct(asked.filter(canBeAsked), addressKey);
    if (catalog !== undefined && parts.length > 0) return byCatalog(catalog, addresses);
    const found = await Promise.all((parts.length > 0 ? parts : [main]).map((one) => ownersIn(one, addresses)));
    return merged(found);
  };

  /** The catalog knows who has an address anywhere in the forest; a server of his domain knows the rest of him. */
  const byCatalog = async (from: DirectoryPart, addresses: readonly string[]): Promise<Map<string, Entry[]>> => {
    const found = await ownersIn(from, addresses);
    const dns = [...found.values()].flat().map(({ dn }) => dn);
    const known = await byDn(dns);
    const rest = (entry: Entry) => known.get(dnKey(entry.dn)) ?? entry;
    return new Map([...found].map(([key, entries]) => [key, entries.map(rest)]));
  };

  const byDn = async (asked: readonly string[]): Promise<Map<string, Entry>> => {
    const dns = distinct(asked, dnKey).filter((dn) => dn !== '' && !dnKey(dn).startsWith('?'));
    const where = new Map<DirectoryPart, string[]>();
    for (const dn of dns) {
      const own = parts.length < 2 && catalog === undefined ? main : await partFor(dn);
      const some = where.get(own);
      if (some === undefined) where.set(own, [dn]);
      else some.push(dn);
    }
    const found = new Map<string, Entry>();
    for (const [own, some] of where) {
      const answers = await inBatches(some, batch, async (questions) => {
        const finding = await own.expansions.use(
          (connection, leftMs) => lookUpDns(connection, own.factsOf(connection), questions, leftMs),
          { timeoutMs },
        );
        const entries = await entriesIn(own, finding);
        return finding.answers(entries);
      });
      for (const [key, entry] of answers.flat()) found.set(key, entry);
    }
    return found;
  };

  const search = async (base: string, text: string, limit: number): Promise<Answer<{ entries: Entry[]; complete: boolean }>> => {
    if (dnKey(base).startsWith('?')) return { ok: false, bad: true, reason: 'the base of the search is no DN' };
    const entries: Entry[] = [];
    for (const where of base !== '' ? [await partFor(base)] : parts.length > 0 ? parts : [main]) {
      const answer = await where.expansions.use(
        (connection, leftMs) =>
          searchBelow(connection, where.factsOf(connection), { base, text, limit: limit - entries.length, pageSize }, leftMs),
        { timeoutMs: searchTimeoutMs, exclusive: true },
      );
      if (!answer.ok) return answer;
      entries.push(...(await entriesIn(where, answer.value)));
      if (!answer.value.complete) return { ok: true, value: { entries, complete: false } };
    }
    return { ok: true, value: { entries, complete: true } };
  };

  const bare: Directory = {
    byAddress: (addresses) => answered(byAddress(addresses)),
    byDn: (dns) => answered(byDn(dns)),
    search: (base, filter, limit) =>
      search(base, filter, limit).catch((error: unknown): Answer<never> => {
        const failure = failureOf(error);
        const bad = failure.code === resultCode.noSuchObject || failure.code === resultCode.invalidDnSyntax;
        return bad ? { ok: false, bad, reason: 'the base of the search does not exist' } : unanswered(error);
      }),
    probe: () =>
      answered(
        main.lookups
          .use(
            async ({ search: ask }, leftMs) => {
              await ask({ base: '', scope: 'base', filter: everything, attributes: ['1.1'] }, leftMs);
            },
            { timeoutMs },
          )
          .then(() => undefined),
      ),
    version: () => digest,
    close: async () => {
      feed?.stop();
      for (const one of parts) one.close();
      catalog?.close();
    },
  };
  const digest = createHash('sha256')
    .update(JSON.stringify([servers.map(({ host, port, base }) => [host, port, base]), options.bases, profile]))
    .digest('hex')
    .slice(0, 12);

  const listeners: ((change: DirectoryChange) => void)[] = [];
  const feed =
    pollMs === 0
      ? undefined
      : followChanges(parts.length > 0 ? parts : [main], {
          pollMs,
          timeoutMs: searchTimeoutMs,
          log,
          warn,
          tell: (change) => {
            for (const listener of listeners) listener(change);
          },
        });

  const walk = membershipIn(bare);
  return {
    ...bare,
    ...(profile?.activeDirectory === true
      ? {
          isMember: async (person: string, groups: readonly string[]) => {
            const near: string[] = [];
            const far: string[] = []; // groups of another domain: their members are not linked where the person is
            const chained = await answered(
              (async () => {
                const where = await partFor(person);
                for (const group of groups) ((await partFor(group)) === where ? near : far).push(group);
                if (near.length === 0) return false;
                return where.lookups.use((connection, leftMs) => isInChain(connection, person, near, leftMs), { timeoutMs });
              })(),
            );
            if (!chained.ok || chained.value || far.length === 0) return chained;
            const entry = await answered(byDn([person]));
            if (!entry.ok) return entry;
            const found = entry.value.get(dnKey(person));
            return found === undefined ? { ok: true, value: false } : walk.isMember(found, far);
          },
        }
      : {}),
    onChange: (listener) => {
      listeners.push(listener);
      feed?.start();
    },
  };
}

function isTooLong(error: unknown): boolean {
  return error instanceof LdapFailure && (error.code === resultCode.sizeLimitExceeded || error.code === resultCode.adminLimitExceeded);
}

async function answered<Value>(question: Promise<Value>): Promise<Answer<Value>> {
  try {
    return { ok: true, value: await question };
  } catch (error) {
    return unanswered(error);
  }
}

/** Whatever went wrong with the server is no answer. What is wrong with us is thrown on. */
function unanswered(error: unknown): { ok: false; reason: string } {
  if (!(error instanceof LdapFailure)) throw error;
  return { ok: false, reason: error.message };
}
