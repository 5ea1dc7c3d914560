import { dnKey } from '../dn.ts';
import type { Directory, Entry } from '../port.ts';
import { bare, type Outcomes } from './outcomes.ts';
import type { Incoming, ReversePath, Stop, Way } from './resolution.ts';
import type { GroupNode, Trail } from './trail.ts';

/** A group to be replaced by its members. */
export interface GroupVisit<R extends Incoming> {
  entry: Entry;
  address: string; // typed
  node: GroupNode;
  way: Way<R>; // how the group was reached
  trail: Trail | undefined;
}

/** A member that is no group to be expanded here. */
export interface Leaf<R extends Incoming> {
  id: string;
  address: string; // typed
  entry: Entry | undefined; // left out behind the first `keepEntries`, so that a large group costs little memory
  way: Way<R>;
  trail: Trail;
}

/** What one walk needs of the resolution it is a part of. The sets last as long as that, so that nobody is visited twice. */
export interface ExpandDeps<R extends Incoming> {
  directory: Directory;
  outcomes: Outcomes<R>;
  maxDepth: number; // groups in groups, those the mail came through included
  depthBefore: number; // groups the mail came through
  maxRecipients: number;
  keepEntries: number;
  seenGroups: Map<string, GroupNode>; // by entry id
  seenEntries: Set<string>; // ids of who has an outcome already, or will have
  seenDns: Map<string, Entry | 'mail' | 'none'>; // an entry only for a group
  /** Whether the object takes this mail; a refusal was told by whoever answers. */
  admits: (entry: Entry, way: Way<R>, trail: Trail | undefined) => Promise<boolean | Stop>;
  /** Whether another server expands this group. */
  isElsewhere: (group: Entry) => boolean;
}

const dnsPerCall = 1_000;

/** A group whose members are being looked at. */
interface Open<R extends Incoming> {
  entry: Entry;
  way: Way<R>; // of its members
  trail: Trail; // of its members
  leaves: Leaf<R>[];
}

/**
 * Walks groups level by level, by DN, each group and each member once (R14). Groups that contain each other end; a member that
 * does not exist or has no mail stops nobody.
 *
 * @returns the leaves of each visit, in the order of the visits; or why nothing can be decided.
 */
export async function expandGroups<R extends Incoming>(visits: readonly GroupVisit<R>[], deps: ExpandDeps<R>): Promise<Leaf<R>[][] | Stop> {
  const { directory, outcomes, maxRecipients } = deps;
  const leavesOf = visits.map((): Leaf<R>[] => []);
  let total = outcomes.count();
  let waiting: { visit: GroupVisit<R>; leaves: Leaf<R>[] }[] = visits.map((visit, at) => ({ visit, leaves: leavesOf[at] ?? [] }));

  while (waiting.length > 0) {
    const level = await open(waiting, deps);
    if (!Array.isArray(level)) return level;
    waiting = [];
    const take = async (entry: Entry, group: Open<R>): Promise<Stop | undefined> => {
      const taken = await member(entry, group, deps);
      if (taken === undefined) return undefined;
      if ('kind' in taken) return taken;
      if ('node' in taken) waiting.push({ visit: taken, leaves: group.leaves });
      else {
        total += 1;
        if (total > maxRecipients) return tooMany(maxRecipients);
        group.leaves.push(group.leaves.length < deps.keepEntries ? taken : { ...taken, entry: undefined });
      }
      return undefined;
    };

    for (const group of level) {
      if (group.entry.kind !== 'query-group') continue;
      const found = await query(group, deps);
      if (!Array.isArray(found)) return found;
      for (const entry of found) {
        const stop = await take(entry, group);
        if (stop !== undefined) return stop;
      }
    }
    const members = level.flatMap((group) => (group.entry.kind === 'group' ? group.entry.members.map((dn) => ({ dn, group })) : []));
    for (let at = 0; at < members.length; at += dnsPerCall) {
      const slice = members.slice(at, at + dnsPerCall).map(({ dn, group }) => ({ dn, key: dnKey(dn), group }));
      const unseen = new Map(slice.filter(({ key }) => !deps.seenDns.has(key)).map(({ key, dn }) => [key, dn]));
      const found = await directory.byDn([...unseen.values()]);
      if (!found.ok) return { kind: 'unavailable', reason: found.reason };
      for (const { key, group } of slice) {
        const seen = deps.seenDns.get(key);
        const entry = seen === undefined ? found.value.get(key) : seen;
        if (seen === undefined) deps.seenDns.set(key, entry === undefined || typeof entry === 'string' ? 'none' : remembered(entry));
        if (typeof entry === 'object') {
          const stop = await take(entry, group);
          if (stop !== undefined) return stop;
        } else if (entry === 'mail') outcomes.merge(group.trail, () => 'a member that is reached once more, merged');
        else if (entry === undefined) {
          outcomes.problems += 1;
          outcomes.note(() => `${bare(group.way.groups.at(-1) ?? '')}: has a member that does not exist, passed over`);
        }
      }
    }
  }
  return leavesOf;
}

function remembered(entry: Entry): Entry | 'mail' | 'none' {
  if (entry.kind === 'other') return 'none';
  return entry.kind === 'group' || entry.kind === 'query-group' ? entry : 'mail';
}

/** What a member is: a group to walk, a leaf, or nothing more to do. */
async function member<R extends Incoming>(
  entry: Entry,
  { way, trail }: Open<R>,
  deps: ExpandDeps<R>,
): Promise<GroupVisit<R> | Leaf<R> | Stop | undefined> {
  const { outcomes } = deps;
  if (entry.kind === 'other') {
    outcomes.note(() => `${entry.displayName ?? 'an object'}: a member without mail, passed over`);
    return undefined;
  }
  const address = entry.primary ?? entry.addresses[0] ?? entry.targetAddress;
  if (address === undefined) {
    outcomes.problems += 1;
    outcomes.note(() => `${entry.displayName ?? 'an object'}: a member without any address, passed over`);
    return undefined;
  }
  const ownWay: Way<R> = { ...way, member: address };
  const isGroup = (entry.kind === 'group' || entry.kind === 'query-group') && !deps.isElsewhere(entry);
  const seen = isGroup ? deps.seenGroups.get(entry.id) : undefined;
  if (seen !== undefined) {
    outcomes.waitFor(ownWay, trail, seen);
    return undefined;
  }
  if (deps.seenEntries.has(entry.id)) {
    outcomes.merge(trail, () => `${bare(address)}: reached once more, merged`);
    return undefined;
  }
  const admitted = await deps.admits(entry, ownWay, trail);
  if (typeof admitted !== 'boolean') return admitted;
  if (admitted && isGroup) {
    const node: GroupNode = { id: entry.id, ends: false };
    deps.seenGroups.set(entry.id, node);
    return { entry, address, node, way: ownWay, trail };
  }
  deps.seenEntries.add(entry.id);
  return admitted ? { id: entry.id, address, entry, way: ownWay, trail } : undefined;
}

/** Groups as their members see them: who hears of failures, whether they may be named (E3). Owners are asked for all at once. */
async function open<R extends Incoming>(
  entering: readonly { visit: GroupVisit<R>; leaves: Leaf<R>[] }[],
  deps: ExpandDeps<R>,
): Promise<Open<R>[] | Stop> {
  const { outcomes, maxDepth, depthBefore } = deps;
  const owners = entering.flatMap(({ visit: { entry } }) =>
    entry.reportToOwner && !entry.reportToOriginator && entry.managedBy !== undefined ? [entry.managedBy] : [],
  );
  const found = owners.length === 0 ? undefined : await deps.directory.byDn(owners);
  if (found?.ok === false) return { kind: 'unavailable', reason: found.reason };
  const opened: Open<R>[] = [];
  for (const { visit, leaves } of entering) {
    const { entry, address, node, way, trail } = visit;
    if (depthBefore + way.groups.length >= maxDepth) {
      outcomes.fail(way, trail, '5.2.4', `groups are nested deeper than ${maxDepth}`);
      continue;
    }
    outcomes.note(() => `${bare(address)}: a group, expanded${entry.hideMembership ? '; its members are not named' : ''}`);
    outcomes.groups.push({ way, id: entry.id, address });
    const owner = entry.managedBy === undefined ? undefined : found?.value.get(dnKey(entry.managedBy))?.primary;
    const reverse: ReversePath = entry.reportToOriginator
      ? way.reverse
      : entry.reportToOwner && owner !== undefined
        ? { kind: 'owner', address: owner }
        : { kind: 'nobody' };
    const hidden = way.hidden ?? (entry.hideMembership ? address : undefined);
    opened.push({
      entry,
      way: { source: way.source, groups: [...way.groups, address], reverse, ...(hidden === undefined ? {} : { hidden }) },
      trail: { id: entry.id, kind: 'group', keeps: false, group: node, up: trail },
      leaves,
    });
  }
  return opened;
}

/** Who a query finds. One that cannot be asked fails for this group alone (5.2.4). */
async function query<R extends Incoming>(group: Open<R>, deps: ExpandDeps<R>): Promise<Entry[] | Stop> {
  const { outcomes, directory, maxRecipients } = deps;
  const { entry, way, trail } = group;
  const failed = (reason: string) => {
    // The group's own failure, so told as of its way and not of its members'.
    const index = outcomes.groups.findIndex(({ id }) => id === entry.id);
    const [expanded] = index < 0 ? [] : outcomes.groups.splice(index, 1);
    outcomes.fail(expanded?.way ?? way, trail, '5.2.4', reason);
    return [];
  };
  if (entry.filter === undefined) return failed('the group has no query');
  const found = await directory.search(entry.filterBase ?? '', entry.filter, maxRecipients);
  if (!found.ok)
    return found.bad === true ? failed(`the members cannot be queried: ${found.reason}`) : { kind: 'unavailable', reason: found.reason };
  if (!found.value.complete) return failed(`the query finds more than ${maxRecipients} members`);
  return found.value.entries.filter(({ id }) => id !== entry.id);
}

export function tooMany(limit: number): Stop {
  return { kind: 'refused', status: '5.5.3', reason: `more than ${limit} recipients, the members of groups included` };
}
