import { dnKey } from './dn.ts';
import { lru } from './lru.ts';
import type { Answer, Directory, Entry } from './port.ts';

/** Tells whether somebody is in a group, however deep. */
export interface Membership {
  /** Whether the person is a member of any of the groups (DNs). A group that does not exist has no members. */
  isMember(person: Entry, groups: readonly string[]): Promise<Answer<boolean>>;
}

export interface MembershipOptions {
  ttlMs?: number; // default 15,000: a change counts after this
  maxGroups?: number; // closures kept, default 200
  maxMembers?: number; // of one closure, default 200,000
  now?: () => number;
}

const dnsPerCall = 1_000;

/**
 * Membership by the directory's own means where it has them, else by walking the groups once and keeping the set of all members
 * for a while: a restriction by group must not cost an expansion for each mail.
 */
export function membershipIn(directory: Directory, options: MembershipOptions = {}): Membership {
  const { ttlMs = 15_000, maxGroups = 200, maxMembers = 200_000, now = Date.now } = options;
  const closures = lru<{ until: number; members: Promise<Answer<ReadonlySet<string>>> }>(maxGroups);

  const closureOf = (group: string): Promise<Answer<ReadonlySet<string>>> => {
    const key = dnKey(group);
    const known = closures.get(key);
    if (known !== undefined && known.until > now()) return known.members;
    const members = walk(directory, group, maxMembers).then((answer) => {
      if (!answer.ok) closures.delete(key); // the next one asks again
      return answer;
    });
    closures.set(key, { until: now() + ttlMs, members });
    return members;
  };

  return {
    async isMember(person, groups) {
      if (directory.isMember !== undefined) return directory.isMember(person.dn, groups);
      const key = dnKey(person.dn);
      for (const group of groups) {
        const members = await closureOf(group);
        if (!members.ok) return members;
        if (members.value.has(key)) return { ok: true, value: true };
      }
      return { ok: true, value: false };
    },
  };
}

/** The keys of every DN below a group, groups included. */
async function walk(directory: Directory, group: string, maxMembers: number): Promise<Answer<ReadonlySet<string>>> {
  const members = new Set<string>();
  let level: string[] = [group];
  while (level.length > 0) {
    const next: string[] = [];
    for (let at = 0; at < level.length; at += dnsPerCall) {
      const found = await directory.byDn(level.slice(at, at + dnsPerCall));
      if (!found.ok) return found;
      for (const entry of found.value.values()) {
        if (level[0] !== group) members.add(dnKey(entry.dn)); // a member may be named otherwise than by DN
        let below = entry.members;
        if (entry.kind === 'query-group') {
          const searched = await directory.search(entry.filterBase ?? '', entry.filter ?? '', maxMembers);
          if (!searched.ok && searched.bad !== true) return searched;
          below = searched.ok ? searched.value.entries.map(({ dn }) => dn) : []; // a query that cannot be asked has no members
        }
        for (const dn of below) {
          const key = dnKey(dn);
          if (members.has(key)) continue;
          members.add(key);
          next.push(dn);
        }
      }
      if (members.size > maxMembers)
        return { ok: false, bad: true, reason: `a group of a restriction has more than ${maxMembers} members` };
    }
    level = next;
  }
  return { ok: true, value: members };
}
