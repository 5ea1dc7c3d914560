import { dnKey } from '../dn.ts';
import type { Directory, Entry } from '../port.ts';
import { bare } from './bare.ts';
import { failures } from './failures.ts';
import type { Outcomes } from './outcomes.ts';
import type { Incoming, ReversePath, Stop, Way } from './resolution.ts';
import { certain, closedBy, type Trail, type Visit } from './trail.ts';

/** A group to be replaced by its members. */
export interface GroupVisit<R extends Incoming> {
  entry: Entry;
  address: string; // typed
  visit: Visit;
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
  visit: Visit;
}

/** What a DN led to: a group (its entry), somebody (his visit), or nobody who gets mail. */
export type SeenDn = { group: Entry } | { person: Visit; address: string } | 'nobody';

/** What one walk needs of the resolution it is a part of. The sets last as long as that, so that nobody is visited twice. */
export interface ExpandDeps<R extends Incoming> {
  directory: Directory;
  outcomes: Outcomes<R>;
  maxDepth: number; // groups in groups, those the mail came through included
  depthBefore: number; // groups the mail came through
  maxRecipients: number;
  keepEntries: number;
  seen: Map<string, Visit>; // by entry id: who has an outcome already, or will have
  seenDns: Map<string, SeenDn>;
  /** Whether the object takes this mail; a refusal was told by whoever answers. */
  admits: (entry: Entry, way: Way<R>, trail: Trail | undefined) => Promise<boolean | Stop>;
  /** Whether another server expands this group. */
  isElsewhere: (group: Entry) => boolean;
}

const dnsPerCall = 1_000;
/** Members of one level from which on they are asked for in passing: few at a time, kept by nobody. */
const manyMembers = 5_000;
const dnsPerCallOfMany = 400;

/** A group whose members are being looked at. */
interface Open<R extends Incoming> {
  entry: Entry;
  reached: Way<R>; // how it was reached itself
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
      if (!('id' in taken)) waiting.push({ visit: taken, leaves: group.leaves });
      else {
        total += 1;
        if (total > maxRecipients) return tooMany(maxRecipients);
        if (group.leaves.length < deps.keepEntries) group.leaves.push(taken);
        else {
          // One of very many: no more of him than his own mail will need, and his way is that of all members.
          const { id, address, trail, visit } = taken;
          group.leaves.push({ id, address, entry: undefined, way: group.way, trail, visit });
        }
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
    const groups = level.filter(({ entry: { kind } }) => kind === 'group');
    const isMany = groups.reduce((sum, { entry: { members } }) => sum + members.length, 0) > manyMembers;
    for (const slice of slicesOf(groups, isMany ? dnsPerCallOfMany : dnsPerCall)) {
      const unseen = new Map(slice.filter(({ key }) => !deps.seenDns.has(key)).map(({ key, dn }) => [key, dn]));
      const found = await directory.byDn([...unseen.values()], isMany ? 'once' : undefined);
      if (!found.ok) return { kind: 'unavailable', reason: found.reason };
      for (const { dn, key, group } of slice) {
        const seen = deps.seenDns.get(key);
        if (seen === 'nobody') continue;
        if (seen !== undefined && 'person' in seen) {
          outcomes.again({ ...group.way, member: seen.address }, group.trail, seen.person);
          continue;
        }
        const entry = seen?.group ?? found.value.get(key);
        if (entry === undefined) {
          deps.seenDns.set(key, 'nobody');
          outcomes.passOver(group.entry, group.way.groups.at(-1) ?? '', `has a member that does not exist: ${dn}`);
          continue;
        }
        const stop = await take(entry, group);
        if (stop !== undefined) return stop;
        // Of very many only groups are remembered by DN: whoever comes again is asked for again, and found by his id.
        if (seen === undefined && (!isMany || isGroup(entry))) deps.seenDns.set(key, remembered(entry, deps));
      }
    }
  }
  return leavesOf;
}

/** The members of groups one after another, some at a time. */
function* slicesOf<R extends Incoming>(groups: readonly Open<R>[], size: number): Iterable<{ dn: string; key: string; group: Open<R> }[]> {
  let slice: { dn: string; key: string; group: Open<R> }[] = [];
  for (const group of groups) {
    for (const dn of group.entry.members) {
      slice.push({ dn, key: dnKey(dn), group });
      if (slice.length < size) continue;
      yield slice;
      slice = [];
    }
  }
  if (slice.length > 0) yield slice;
}

export function isGroup({ kind }: Entry): boolean {
  return kind === 'group' || kind === 'query-group';
}

function remembered<R extends Incoming>(entry: Entry, deps: ExpandDeps<R>): SeenDn {
  if (isGroup(entry)) return { group: entry };
  const person = deps.seen.get(entry.id);
  const address = addressOf(entry);
  return person === undefined || address === undefined ? 'nobody' : { person, address };
}

function addressOf({ primary, addresses, targetAddress }: Entry): string | undefined {
  return primary ?? addresses[0] ?? targetAddress;
}

/** What a member is: a group to walk, a leaf, or nothing more to do. */
async function member<R extends Incoming>(
  entry: Entry,
  { entry: group, reached, way, trail }: Open<R>,
  deps: ExpandDeps<R>,
): Promise<GroupVisit<R> | Leaf<R> | Stop | undefined> {
  const { outcomes } = deps;
  if (entry.kind === 'other') {
    outcomes.note(() => `${entry.displayName ?? 'an object'}: a member without mail, passed over`);
    return undefined;
  }
  const address = addressOf(entry);
  if (address === undefined) {
    outcomes.passOver(group, way.groups.at(-1) ?? '', `has a member without any address: ${entry.dn}`);
    return undefined;
  }
  const ownWay: Way<R> = { ...way, member: address };
  const expands = isGroup(entry) && !deps.isElsewhere(entry);
  const seen = deps.seen.get(entry.id);
  if (seen !== undefined) {
    // A group that comes again is nobody's loss; if this is a circle, it is so for whoever forwarded to this group.
    outcomes.again(expands ? reached : ownWay, trail, seen);
    return undefined;
  }
  if (expands && closedBy(trail, entry) === 'harmless') {
    outcomes.note(() => `${bare(address)}: a group the mail came through, expanded there`);
    outcomes.merged += 1;
    return undefined;
  }
  const visit = expands || entry.targetAddress !== undefined || entry.altRecipient !== undefined ? { ends: false } : certain;
  deps.seen.set(entry.id, visit);
  const admitted = await deps.admits(entry, ownWay, trail);
  if (admitted === true)
    return expands ? { entry, address, visit, way: ownWay, trail } : { id: entry.id, address, entry, way: ownWay, trail, visit };
  return admitted === false ? undefined : admitted;
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
    const { entry, address, way, trail } = visit;
    if (depthBefore + way.groups.length >= maxDepth) {
      outcomes.fail(way, trail, failures.nestedTooDeep(maxDepth));
      continue;
    }
    outcomes.groups.push({ way, id: entry.id, address });
    const owner = entry.managedBy === undefined ? undefined : found?.value.get(dnKey(entry.managedBy))?.primary;
    const reverse: ReversePath = entry.reportToOriginator
      ? way.reverse
      : entry.reportToOwner && owner !== undefined
        ? { kind: 'owner', address: owner }
        : { kind: 'nobody' };
    outcomes.note(() => `${bare(address)}: ${groupText(entry, reverse)}`);
    const hidden = way.hidden ?? (entry.hideMembership ? address : undefined);
    opened.push({
      entry,
      reached: way,
      way: {
        source: way.source,
        groups: [...way.groups, address],
        reverse,
        ...(hidden === undefined ? {} : { hidden }),
        ...(way.suppressOof === true || entry.suppressOof ? { suppressOof: true } : {}),
      },
      trail: { id: entry.id, kind: 'group', keeps: false, visit: visit.visit, up: trail },
      leaves,
    });
  }
  return opened;
}

/** What is done with a group, for the explanation. */
function groupText({ kind, members, filter, filterBase, hideMembership, suppressOof }: Entry, reverse: ReversePath): string {
  const what =
    kind === 'query-group'
      ? `a query for ${filter ?? 'nothing'}${filterBase === undefined ? '' : ` below ${filterBase}`}`
      : `a group of ${members.length} ${members.length === 1 ? 'member' : 'members'}, expanded`;
  const told = {
    sender: '',
    owner: `; failures are told to its owner${reverse.kind === 'owner' ? ` ${bare(reverse.address)}` : ''}`,
    nobody: '; failures are told to nobody',
  }[reverse.kind];
  return `${what}${told}${hideMembership ? '; its members are not named' : ''}${suppressOof ? '; no automatic replies' : ''}`;
}

/** Who a query finds. One that cannot be asked fails for this group alone (5.2.4). */
async function query<R extends Incoming>(group: Open<R>, deps: ExpandDeps<R>): Promise<Entry[] | Stop> {
  const { outcomes, directory, maxRecipients } = deps;
  const { entry, reached, trail } = group;
  const failed = (reason: string) => {
    outcomes.groups.splice(
      outcomes.groups.findIndex(({ id }) => id === entry.id),
      1,
    ); // it was not expanded after all
    outcomes.fail(reached, trail, failures.notExpanded(reason));
    outcomes.wrong(entry, group.way.groups.at(-1) ?? '', `cannot be expanded: ${reason}`);
    return [];
  };
  if (entry.filter === undefined) return failed('the group has no query');
  const found = await directory.search(entry.filterBase ?? '', entry.filter, maxRecipients);
  if (!found.ok)
    return found.bad === true ? failed(`the members cannot be queried: ${found.reason}`) : { kind: 'unavailable', reason: found.reason };
  if (!found.value.complete) return failed(`the query finds more than ${maxRecipients} members`);
  outcomes.note(() => `${bare(group.way.groups.at(-1) ?? '')}: the query finds ${found.value.entries.length}`);
  return found.value.entries.filter(({ id }) => id !== entry.id);
}

export function tooMany(limit: number): Stop {
  return { kind: 'refused', ...failures.tooManyRecipients(limit) };
}
