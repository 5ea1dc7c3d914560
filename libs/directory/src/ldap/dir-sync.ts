import type { RawEntry } from './answers.ts';
import type { Changes, Feed } from './change-feed.ts';
import type { LdapConnection } from './connection.ts';
import { LdapFailure } from './failure.ts';
import { everything } from './filters.ts';
import { attributesOf } from './ldap-profile.ts';

/** More changes at once than these are told as "everything may have changed". */
const maxChanges = 2_000;
/** Renamed entries that are asked what they are: of a container everything below has another DN now. */
const maxRenamed = 50;
/** What a server says that does not know the control, or does not let us use it. */
const notPermitted = new Set([1, 2, 12, 50, 53]);

/**
 * What changed, by Active Directory's DirSync. Unlike `uSNChanged` its cookie counts on every domain controller, and deletions
 * are told to whoever may read; but the first answer is the whole domain, read once and dropped. A server that does not permit it is
 * asked by `otherwise` from then on.
 */
export function dirSyncFeed(otherwise: Feed, onRefused: (reason: string) => void): Feed {
  const empty = Buffer.alloc(0);
  let cookie: Buffer = empty;
  let behind = true; // the whole was not read to its end yet
  let refused = false;
  return async (connection, facts, timeoutMs) => {
    const base = connection.rootDse.defaultNamingContext;
    if (refused || base === undefined || connection.server.catalog) return otherwise(connection, facts, timeoutMs);
    const deadline = performance.now() + timeoutMs;
    const attributes = [...new Set([...attributesOf(facts.profile), 'name', 'isDeleted'])];
    const changes: Changes = { all: undefined, entries: [] };
    try {
      for (let more = true; more; ) {
        const leftMs = deadline - performance.now();
        if (leftMs <= 0) {
          if (behind) return changes; // the next poll goes on where this one stopped
          throw new LdapFailure('late', `no complete answer within ${Math.round(timeoutMs)} ms`);
        }
        const answer = await connection.search({ base, scope: 'sub', filter: everything, attributes, changedSince: cookie }, leftMs);
        if (answer.changes === undefined) throw new LdapFailure('refused', 'the server says nothing of what to ask for next', 12);
        ({ cookie, more } = answer.changes);
        if (!behind && changes.entries.length <= maxChanges) changes.entries.push(...answer.entries);
      }
    } catch (error) {
      if (!(error instanceof LdapFailure) || error.code === undefined) throw error;
      // A cookie that is refused now was good before: another copy of the directory. Then everything is read anew.
      const isFirst = cookie.length === 0;
      cookie = empty;
      behind = true;
      if (!isFirst || !notPermitted.has(error.code)) throw error;
      refused = true;
      onRefused(error.message);
      return otherwise(connection, facts, Math.max(1, deadline - performance.now()));
    }
    if (behind) {
      behind = false;
      changes.all = 'it cannot be told what changed before';
    } else if (changes.entries.length > maxChanges) changes.all = 'too many changes to tell one by one';
    else if (await renamesContainer(connection, changes.entries, deadline)) changes.all = 'a container changed';
    return changes;
  };
}

/** A change has only the attributes that changed, so what an entry is has to be asked when its name did. */
async function renamesContainer({ search }: LdapConnection, entries: readonly RawEntry[], deadline: number): Promise<boolean> {
  const renamed = entries.filter(
    ({ attributes }) => attributes.has('name') && !attributes.has('objectclass') && !attributes.has('isdeleted'),
  );
  if (renamed.some(({ dn }) => !/^cn=/i.test(dn)) || renamed.length > maxRenamed) return true;
  for (const { dn } of renamed) {
    const leftMs = Math.max(1, deadline - performance.now());
    const below = await search({ base: dn, scope: 'base', filter: everything, attributes: ['objectClass'] }, leftMs).catch(
      (error: unknown) => {
        if (error instanceof LdapFailure && error.kind === 'refused') return undefined; // it has gone on, and will be told again
        throw error;
      },
    );
    const classes = (below?.entries[0]?.attributes.get('objectclass') ?? []).map((name) => String(name).toLowerCase());
    if (classes.includes('container')) return true;
  }
  return false;
}
