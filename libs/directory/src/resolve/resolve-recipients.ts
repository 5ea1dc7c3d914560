import { domainOf, splitAddress } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import { dnKey, isDeletedDn } from '../dn.ts';
import { type Membership, membershipIn } from '../membership.ts';
import type { Directory, Entry } from '../port.ts';
import { bare } from './bare.ts';
import { ownersIn, spellings, withPostmaster } from './address-lookup.ts';
import { expandGroups, type GroupVisit, isGroup, type SeenDn, tooMany } from './expand.ts';
import { failures } from './failures.ts';
import { Outcomes } from './outcomes.ts';
import { ownerless } from './ownerless.ts';
import type { Incoming, Resolution, ResolveInput, Stop, Way } from './resolution.ts';
import { isRestricted, refusalBy, restrictionText, type Sender } from './restrictions.ts';
import { closedBy, type Trail, trailOf, type Visit } from './trail.ts';
import { readBy, wantedForm } from './wanted-form.ts';

export interface ResolveDeps {
  directory: Directory;
  organization: OrganizationSnapshot;
  /** Membership for restrictions by group, kept from mail to mail; without it each call walks anew. */
  membership?: Membership;
  /** A group with more members becomes mails of their own. Default 100 (R14); Infinity resolves everybody here. */
  largeOver?: number;
  /** Is told what happens, a line each. */
  explain?: (line: string) => void;
}

/** Objects one mail may be forwarded over. */
const maxForwards = 32;

/** One recipient on his way. */
interface Item<R extends Incoming> {
  way: Way<R>;
  trail: Trail | undefined;
  at: { kind: 'address'; address: string } | { kind: 'dn'; dn: string } | { kind: 'entry'; entry: Entry; visit: Visit };
  forwards: number;
  /** A second copy, made where a mailbox kept the first: known by its own address. */
  second: boolean;
}

/**
 * Resolves the recipients of a mail in Exchange's order: the sender first, recipients in one question, redirections, restrictions,
 * groups by their members, each directory object once. It asks the directory and decides; it changes nothing.
 *
 * Each recipient has its own outcome. Only two things stop all: a limit of the sender (`refused`) and a directory that does not
 * answer (`unavailable`), which is never taken for an unknown recipient.
 */
export async function resolveRecipients<R extends Incoming>(input: ResolveInput<R>, deps: ResolveDeps): Promise<Resolution<R>> {
  const { directory, organization, largeOver = 100, explain } = deps;
  const { settings } = organization;
  const membership = deps.membership ?? membershipIn(directory);
  const outcomes = new Outcomes<R>(explain);
  const seen = new Map<string, Visit>();
  const seenDns = new Map<string, SeenDn>();
  const expanded = input.expandedVia.length > 0;
  const firstTrail = trailOf(input.expandedVia);
  let sender: Sender = { entry: undefined, trusted: input.trusted, report: input.report, sizeBytes: input.sizeBytes };
  let maxRecipients = settings.limits.recipientsAfterExpansion;

  let items = input.recipients.map((source): Item<R> => {
    const address = withPostmaster(source.address, organization);
    return {
      way: { source, groups: [], reverse: { kind: 'sender' }, ...(source.hidden === undefined ? {} : { hidden: source.hidden }) },
      trail: firstTrail,
      at: { kind: 'address', address },
      forwards: 0,
      second: false,
    };
  });
  const senderSpellings = input.sender === null || expanded ? [] : spellings(input.sender, organization);
  for (let round = 0; items.length > 0; round += 1) {
    const found = await lookUp(items, round === 0 ? senderSpellings : []);
    if ('kind' in found) return found;
    if (round === 0 && !expanded) {
      const owners = ownersIn(found.byAddress, senderSpellings);
      const stop = limitsOf(owners);
      if (stop !== undefined) return stop;
    }
    const next: Item<R>[] = [];
    const visits: GroupVisit<R>[] = [];
    for (const item of items) {
      const stepped = step(item, found, next, visits);
      // Only a restriction has to be waited for: thousands of others must not cost a turn each.
      const stop = stepped instanceof Promise ? await stepped : stepped;
      if (stop !== undefined) return stop;
    }
    if (visits.length > 0) {
      const stop = await expand(visits, next);
      if (stop !== undefined) return stop;
    }
    items = next;
  }
  outcomes.settle();
  if (!expanded && outcomes.count() > maxRecipients) return tooMany(maxRecipients);
  const unowned = await nameOwners();
  return unowned ?? outcomes.resolution();

  /** Who is to hear of groups the directory has wrong. */
  async function nameOwners(): Promise<Stop | undefined> {
    const wrong = outcomes.wrongGroups();
    const owners = wrong.flatMap(({ managedBy }) => managedBy ?? []);
    if (owners.length === 0) return undefined;
    const found = await directory.byDn(owners);
    if (!found.ok) return { kind: 'unavailable', reason: found.reason };
    for (const { managedBy, found: group } of wrong) {
      const owner = managedBy === undefined ? undefined : found.value.get(dnKey(managedBy))?.primary;
      if (owner !== undefined) group.owner = owner;
    }
    return undefined;
  }

  /** The sender as the directory knows him, and what that limits. */
  function limitsOf(owners: readonly Entry[]): Stop | undefined {
    const entry = owners.length === 1 ? owners[0] : undefined;
    sender = { ...sender, entry };
    outcomes.note(() => `sender ${input.sender === null ? '<>' : bare(input.sender)}: ${senderText(owners, input)}`);
    if (entry === undefined || input.report) return undefined;
    const { maxSendKb, maxRecipients: own } = entry.restrictions;
    // The sender's own number goes before the organization's, if he is who he says; else only where it is the stricter one.
    if (own !== undefined) maxRecipients = input.trusted ? own : Math.min(own, maxRecipients);
    if (maxSendKb !== undefined && input.sizeBytes > maxSendKb * 1_024) {
      return { kind: 'refused', ...failures.tooLargeForSender(maxSendKb) };
    }
    return undefined;
  }

  async function lookUp(asking: readonly Item<R>[], more: readonly string[]): Promise<Found | Stop> {
    const addresses = [...more];
    const dns: string[] = [];
    for (const { at } of asking) {
      if (at.kind === 'address') addresses.push(...spellings(at.address, organization));
      else if (at.kind === 'dn') dns.push(at.dn);
    }
    const byAddress = addresses.length === 0 ? none : await directory.byAddress(addresses);
    if (!byAddress.ok) return { kind: 'unavailable', reason: byAddress.reason };
    const byDn = dns.length === 0 ? noEntries : await directory.byDn(dns);
    if (!byDn.ok) return { kind: 'unavailable', reason: byDn.reason };
    return { byAddress: byAddress.value, byDn: byDn.value };
  }

  function step(item: Item<R>, found: Found, next: Item<R>[], visits: GroupVisit<R>[]): Stepped {
    const { way, trail, at } = item;
    if (at.kind === 'entry') return object(item, at.entry, next, visits, at.visit);
    if (at.kind === 'dn') {
      const entry = found.byDn.get(dnKey(at.dn));
      if (entry !== undefined) return object(item, entry, next, visits);
      if (item.second) {
        outcomes.problems += 1;
        outcomes.note(() => 'forwards to an object that does not exist; the mailbox keeps its copy');
      } else outcomes.fail(way, trail, failures.forwardsToNobody);
      return undefined;
    }
    const owners = ownersIn(found.byAddress, spellings(at.address, organization));
    if (owners.length > 1) {
      const dns = () => owners.map((owner) => owner.dn).toSorted();
      outcomes.note(() => `${bare(at.address)}: is an address of ${dns().join(' and of ')}`);
      outcomes.fail(way, trail, failures.ambiguous);
    } else if (owners[0] === undefined) unknown(item, at.address, next);
    else return object(item, owners[0], next, visits);
    return undefined;
  }

  function unknown(item: Item<R>, address: string, next: Item<R>[]): void {
    const { way, trail, forwards } = item;
    const means = ownerless(address, organization, { trusted: input.trusted || forwards > 0, again: forwards < maxForwards });
    switch (means.kind) {
      case 'onward':
        leave(way, trail, address);
        return;
      case 'postmaster':
        outcomes.note(() => `${bare(address)}: the organization's postmaster`);
        next.push({ ...item, at: { kind: 'address', address: means.address } });
        return;
      case 'stands-for':
        outcomes.note(() => `${bare(address)}: is ${bare(means.address)}, ${means.why}`);
        next.push({ ...item, at: { kind: 'address', address: means.address }, forwards: forwards + 1 });
        return;
      case 'failure':
        outcomes.fail(way, trail, means.failure);
    }
  }

  /** An object of the directory, reached by address, by forwarding or as a member (then it was admitted already). */
  function object(item: Item<R>, entry: Entry, next: Item<R>[], visits: GroupVisit<R>[], admitted?: Visit): Stepped {
    const { trail } = item;
    const way = item.second && entry.primary !== undefined ? { ...item.way, member: entry.primary } : item.way;
    outcomes.note(() => {
      const reached = bare(item.at.kind === 'address' ? item.at.address : (way.member ?? way.source.address));
      return `${reached}: ${item.at.kind === 'dn' ? 'forwarded to ' : ''}${entry.kind} ${entry.dn}`;
    });
    if (item.second && entry.kind === 'other') {
      outcomes.problems += 1;
      outcomes.note(() => 'has no mail; the mailbox that forwards to it keeps its copy');
      return undefined;
    }
    if (admitted !== undefined) return handle(item, way, entry, admitted, next, visits);
    if (isClosed(item, way, entry)) return undefined;
    // Who is forwarded to may be the end of several ways; the delivery sees that. Groups and who is addressed are met once.
    const once = item.forwards === 0 || isGroup(entry);
    const before = once ? seen.get(entry.id) : undefined;
    if (before !== undefined) {
      outcomes.again(way, trail, before);
      return undefined;
    }
    const visit: Visit = { ends: false };
    if (once) seen.set(entry.id, visit);
    if (!isRestricted(entry)) return handle(item, way, entry, visit, next, visits);
    return admitsTo(entry, way, trail).then((admits) => {
      if (typeof admits !== 'boolean') return admits;
      return admits ? handle(item, way, entry, visit, next, visits) : undefined;
    });
  }

  /** An object that takes this mail. */
  function handle(item: Item<R>, way: Way<R>, entry: Entry, visit: Visit, next: Item<R>[], visits: GroupVisit<R>[]): undefined {
    if (isGroup(entry)) group(item, way, entry, visit, visits);
    else person(item, way, entry, visit, next);
  }

  /** Whether the way comes back to an object it has passed; then this is its outcome. */
  function isClosed({ at, trail }: Item<R>, way: Way<R>, entry: Entry): boolean {
    const closed = closedBy(trail, entry);
    if (closed === 'no') return false;
    if (closed === 'harmless') outcomes.merge(trail, () => 'comes back to where it was: a duplicate, merged');
    else if (closed !== 'broken') outcomes.again(way, trail, closed);
    else {
      // A contact whose target is its own proxy address in a domain others share: its mailbox is there.
      const target = at.kind === 'address' ? at.address : undefined;
      const domain = target === undefined ? undefined : domainOf(target);
      const isShared = domain !== undefined && organization.domain(domain)?.type !== 'authoritative';
      if (target !== undefined && isShared && trail?.id === entry.id) leave(way, trail, target);
      else outcomes.fail(way, trail, failures.circle);
    }
    return true;
  }

  function group(item: Item<R>, way: Way<R>, entry: Entry, visit: Visit, visits: GroupVisit<R>[]): void {
    const address = entry.primary ?? entry.addresses[0] ?? way.source.address;
    if (!isElsewhere(entry)) {
      visits.push({ entry, address, visit, way, trail: item.trail });
      return;
    }
    visit.ends = true;
    const server = organization.serverRow(entry.expansionServer ?? '');
    if (server !== undefined) {
      outcomes.onward(way, item.trail, address, server);
      return;
    }
    outcomes.note(() => `${bare(address)}: only ${entry.expansionServer} expands it, and \`servers\` of the organization has no such row`);
    outcomes.fail(way, item.trail, failures.expansionServerUnknown);
  }

  function isElsewhere({ expansionServer }: Entry): boolean {
    return expansionServer !== undefined && expansionServer.toLowerCase() !== settings.server.toLowerCase();
  }

  /** A mailbox, a contact, an account whose mail lives elsewhere. */
  function person(item: Item<R>, way: Way<R>, entry: Entry, visit: Visit, next: Item<R>[]): void {
    const trail: Trail = { id: entry.id, kind: 'forward', keeps: entry.deliverAndRedirect, visit, up: item.trail };
    const forwarded = { way, trail, forwards: item.forwards + 1 };
    const { altRecipient: dn } = entry;
    if (item.forwards >= maxForwards) outcomes.fail(way, trail, failures.forwardedTooOften(maxForwards));
    else if (entry.targetAddress !== undefined)
      redirect(
        { ...forwarded, way: readBy(entry, way), trail: { ...trail, keeps: false }, second: false },
        entry,
        entry.targetAddress,
        next,
      );
    else if (entry.kind === 'contact') outcomes.fail(way, trail, failures.contactWithoutTarget);
    else if (entry.kind !== 'mailbox') outcomes.fail(way, trail, failures.noMailbox);
    else if (dn !== undefined && !entry.deliverAndRedirect) {
      outcomes.note(() => `${bare(entry.primary ?? '')}: forwards to ${dn} and keeps nothing`);
      next.push({ ...forwarded, at: { kind: 'dn', dn }, second: false });
    } else {
      home(way, trail, entry);
      if (dn === undefined) return;
      outcomes.note(() => `${bare(entry.primary ?? '')}: keeps a copy and forwards to ${dn}`);
      next.push({ ...forwarded, at: { kind: 'dn', dn }, second: true });
    }
  }

  function redirect(item: Omit<Item<R>, 'at'>, from: Entry, target: string, next: Item<R>[]): void {
    const { type } = splitAddress(target);
    const domain = domainOf(target);
    outcomes.note(() => `${bare(from.primary ?? from.addresses[0] ?? item.way.source.address)}: stands for ${bare(target)}`);
    if (type === 'SMTP' && (domain === undefined || domain === '')) outcomes.fail(item.way, item.trail, failures.targetWithoutDomain);
    else if (type === 'EX' || type === 'X500' || (domain !== undefined && organization.domain(domain) !== undefined)) {
      next.push({ ...item, at: { kind: 'address', address: target } });
    } else leave(item.way, item.trail, target);
  }

  /** To another organization, in a form that can be read there. */
  function leave(way: Way<R>, trail: Trail | undefined, address: string): void {
    outcomes.onward(way, trail, address, undefined, wantedForm(address, way.reader, organization));
  }

  /** Where a mailbox is. */
  function home(way: Way<R>, trail: Trail | undefined, entry: Entry): void {
    const { primary, homeServer, homeMta, homeMdb } = entry;
    const server = homeServer === undefined ? undefined : organization.serverRow(homeServer);
    if (primary === undefined) outcomes.fail(way, trail, failures.noMailAddress);
    else if ([homeMta, homeMdb].some((dn) => dn !== undefined && isDeletedDn(dn))) outcomes.fail(way, trail, failures.homeRemoved);
    else if (server === undefined) {
      outcomes.note(
        () => `${bare(primary)}: its server is ${homeServer ?? 'not said'}, and \`servers\` of the organization has no such row`,
      );
      outcomes.fail(way, trail, failures.homeUnknown);
    } else if (server.name.toLowerCase() === settings.server.toLowerCase()) outcomes.deliver(way, trail, entry, primary);
    else outcomes.onward(way, trail, primary, server);
  }

  /** Whether an object takes this mail; a refusal is told here. What came through a group was asked where that was expanded. */
  async function admitsTo(entry: Entry, way: Way<R>, trail: Trail | undefined): Promise<boolean | Stop> {
    if (!isRestricted(entry)) return true;
    const refusal = await refusalBy(entry, expanded ? { ...sender, report: true } : sender, membership);
    if (!refusal.ok) return { kind: 'unavailable', reason: refusal.reason };
    const refused = refusal.value;
    outcomes.note(
      () =>
        `${bare(way.member ?? way.source.address)}: takes ${restrictionText(entry)}; ${refused === undefined ? 'this one, too' : 'not this one'}`,
    );
    if (refused === undefined) return true;
    outcomes.fail(way, trail, refused);
    return false;
  }

  async function expand(visits: readonly GroupVisit<R>[], next: Item<R>[]): Promise<Stop | undefined> {
    const leavesOf = await expandGroups(visits, {
      directory,
      outcomes,
      maxDepth: settings.limits.expansionDepth,
      depthBefore: input.expandedVia.length,
      maxRecipients: expanded ? settings.limits.recipientsAfterExpansion : maxRecipients,
      keepEntries: largeOver,
      seen,
      seenDns,
      admits: admitsTo,
      isElsewhere,
    });
    if (!Array.isArray(leavesOf)) return leavesOf;
    for (const [index, leaves] of leavesOf.entries()) {
      const visit = visits[index];
      if (visit === undefined) continue;
      if (leaves.length > largeOver) outcomes.addLarge(visit.entry.id, leaves);
      else {
        for (const { entry, way, trail, visit: own } of leaves) {
          if (entry !== undefined) next.push({ way, trail, at: { kind: 'entry', entry, visit: own }, forwards: 0, second: false });
        }
      }
    }
    return undefined;
  }
}

/** Why everything stops; most steps need not be waited for. */
type Stepped = Stop | undefined | Promise<Stop | undefined>;

interface Found {
  byAddress: ReadonlyMap<string, Entry[]>;
  byDn: ReadonlyMap<string, Entry>;
}
const none = { ok: true, value: new Map<string, Entry[]>() } as const;
const noEntries = { ok: true, value: new Map<string, Entry>() } as const;

function senderText(owners: readonly Entry[], { trusted, report }: { trusted: boolean; report: boolean }): string {
  const [entry] = owners;
  const who =
    entry === undefined
      ? 'not in the directory'
      : owners.length > 1
        ? `one of ${owners.length} entries with this address, so nobody of the directory`
        : `${entry.kind} ${entry.dn}`;
  return `${who}, ${report ? 'a report of ours' : trusted ? 'authenticated or from inside' : 'anonymous'}`;
}
