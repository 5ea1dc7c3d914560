import { addressKey } from '@mailrail/mail';
import type { Entry } from '../port.ts';
import { bare } from './bare.ts';
import { failures, type Refusal } from './failures.ts';
import type {
  BrokenGroup,
  ExpandedGroup,
  Failure,
  Hop,
  Incoming,
  LargeGroup,
  LocalRecipient,
  Resolution,
  WantedForm,
  Way,
} from './resolution.ts';
import { isLost, markEnds, type Trail, type Visit } from './trail.ts';
import { wantedText } from './wanted-form.ts';

/** Somebody reached once more, whose fate is that of the first visit. */
interface Again<R extends Incoming> {
  way: Way<R>; // who is told of when it turns out to be a circle
  trail: Trail | undefined;
  on: Visit;
}

/** What has been decided so far. Each mailbox and each address that leaves is taken once; who comes later is merged. */
export class Outcomes<R extends Incoming> {
  readonly local: LocalRecipient<R>[] = [];
  readonly hops: Hop<R>[] = [];
  readonly reports: Failure<R>[] = [];
  readonly groups: ExpandedGroup<R>[] = [];
  readonly large: LargeGroup<R>[] = [];
  merged = 0;
  problems = 0;
  readonly #broken = new Map<string, { entry: Entry; found: BrokenGroup }>();
  readonly #mailboxes = new Set<string>();
  readonly #addresses = new Set<string>();
  #waiting: Again<R>[] = [];
  #inLarge = 0;
  readonly #explain: ((line: string) => void) | undefined;

  constructor(explain: ((line: string) => void) | undefined) {
    this.#explain = explain;
  }

  note(text: () => string): void {
    this.#explain?.(text());
  }

  /** Recipients so far, each person and address once. */
  count(): number {
    return this.local.length + this.hops.length + this.reports.length + this.#inLarge;
  }

  deliver(way: Way<R>, trail: Trail | undefined, entry: Entry, primary: string): void {
    if (this.#mailboxes.has(entry.id)) {
      this.merge(trail, () => `${bare(primary)}: has a copy already, merged`);
      return;
    }
    this.#mailboxes.add(entry.id);
    markEnds(trail);
    this.note(() => `${bare(primary)}: delivered to the mailbox here`);
    this.local.push({ way, address: primary, mailbox: { id: entry.id, address: bare(primary).toLowerCase() } });
  }

  /** @param form of what leaves the organization, which is then no server's. */
  onward(way: Way<R>, trail: Trail | undefined, address: string, server?: { name: string; site: string }, form?: WantedForm): void {
    const key = `${server?.name ?? ''} ${addressKey(address)}`;
    if (this.#addresses.has(key)) {
      this.merge(trail, () => `${bare(address)}: goes on already, merged`);
      return;
    }
    this.#addresses.add(key);
    markEnds(trail);
    const where = server === undefined ? 'by address space' : `to server ${server.name} in site ${server.site}`;
    this.note(() => `${bare(address)}: goes on ${where}${form === undefined ? '' : `, ${wantedText(form)}`}`);
    this.hops.push({
      way,
      address,
      ...(server === undefined ? {} : { server: { name: server.name, site: server.site } }),
      ...(form === undefined ? {} : { form }),
    });
  }

  fail(way: Way<R>, trail: Trail | undefined, { status, reason }: Refusal): void {
    markEnds(trail);
    const recipient = way.hidden ?? way.member ?? way.source.address;
    this.note(() => `${bare(way.member ?? way.source.address)}: ${status} ${reason}`);
    this.reports.push({ way, recipient, status, reason });
  }

  /** A member of a group is nobody who could get mail; nobody else is held up by it. */
  passOver(entry: Entry, address: string, reason: string): void {
    this.problems += 1;
    this.note(() => `${bare(address)}: ${reason}, passed over`);
    this.wrong(entry, address, reason);
  }

  /** Something is wrong with a group that its owner is to hear of. */
  wrong(entry: Entry, address: string, reason: string): void {
    const known = this.#broken.get(entry.id);
    if (known === undefined) this.#broken.set(entry.id, { entry, found: { id: entry.id, address, problems: 1, reason } });
    else known.found.problems += 1;
  }

  /** Groups that are wrong, with the DNs of who owns them. */
  wrongGroups(): { managedBy: string | undefined; found: BrokenGroup }[] {
    return [...this.#broken.values()].map(({ entry: { managedBy }, found }) => ({ managedBy, found }));
  }

  merge(trail: Trail | undefined, why: () => string): void {
    markEnds(trail);
    this.note(why);
    this.merged += 1;
  }

  /** Members that become mails of their own: one set for each way they are to be told of failures, in the order of their ids. */
  addLarge(id: string, leaves: readonly { id: string; address: string; way: Way<R>; trail: Trail; visit: Visit }[]): void {
    type Members = { way: Way<R>; members: { id: string; address: string }[] };
    const sets = new Map<string, Members>();
    let last: { way: Way<R>; set: Members } | undefined; // of thousands with the same way the key is made once
    for (const leaf of leaves) {
      leaf.visit.ends = true; // something comes of him in a mail of his own
      markEnds(leaf.trail);
      if (last?.way === leaf.way) {
        last.set.members.push({ id: leaf.id, address: leaf.address });
        continue;
      }
      const { member: _, ...way } = leaf.way;
      const key = JSON.stringify([way.hidden ?? null, way.reverse, way.suppressOof ?? false]);
      const set: Members = sets.get(key) ?? { way, members: [] };
      sets.set(key, set);
      set.members.push({ id: leaf.id, address: leaf.address });
      last = { way: leaf.way, set };
    }
    for (const { way, members } of sets.values()) {
      members.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
      this.#inLarge += members.length;
      this.note(() => `${members.length} members of a large group, resolved as mails of their own`);
      this.large.push({ id, way, members });
    }
  }

  /** An object that is met once is reached again: a duplicate if anything came of it, else perhaps a circle. */
  again(way: Way<R>, trail: Trail | undefined, on: Visit): void {
    if (on.ends) this.merge(trail, () => reachedAgain(way));
    else this.#waiting.push({ way, trail, on });
  }

  /**
   * Decides about those who were reached again, once all others are decided. Where something came of the first visit it is a
   * duplicate. Of an empty group nothing comes, and nothing is lost. What is left waits for itself in a circle: whoever forwards
   * there fails, and groups alone in a circle are as good as empty.
   */
  settle(): void {
    const dependents = new Map<Visit, Again<R>[]>();
    for (const one of this.#waiting) {
      const others = dependents.get(one.on);
      if (others === undefined) dependents.set(one.on, [one]);
      else others.push(one);
    }
    const open = new Set(this.#waiting);
    const ended = [...dependents.keys()].filter(({ ends }) => ends);
    for (let visit = ended.pop(); visit !== undefined; visit = ended.pop()) {
      for (const one of dependents.get(visit) ?? []) {
        open.delete(one);
        ended.push(...markEnds(one.trail));
        this.merge(one.trail, () => reachedAgain(one.way));
      }
    }

    const waitingIn = new Map<Visit, number>();
    for (const { trail } of open) for (const visit of visitsOn(trail)) waitingIn.set(visit, (waitingIn.get(visit) ?? 0) + 1);
    const empty = [...dependents.keys()].filter((visit) => !visit.ends && (waitingIn.get(visit) ?? 0) === 0);
    for (let visit = empty.pop(); visit !== undefined; visit = empty.pop()) {
      for (const one of dependents.get(visit) ?? []) {
        open.delete(one);
        this.#drop(one.way);
        for (const passed of visitsOn(one.trail)) {
          const left = (waitingIn.get(passed) ?? 0) - 1;
          waitingIn.set(passed, left);
          if (left === 0) empty.push(passed);
        }
      }
    }

    for (const { way, trail } of open) {
      if (isLost(trail)) this.fail(way, trail, failures.circle);
      else this.#drop(way);
    }
    this.#waiting = [];
  }

  /** Merged, although nothing came of the way it was reached. */
  #drop(way: Way<R>): void {
    this.note(() => reachedAgain(way));
    this.merged += 1;
  }

  resolution(): Resolution<R> {
    const { local, hops, reports, groups, large, merged, problems } = this;
    const broken = [...this.#broken.values()].map(({ found }) => found);
    return { kind: 'resolved', local, hops, reports, groups, large, merged, broken, problems };
  }
}

function* visitsOn(trail: Trail | undefined): Iterable<Visit> {
  for (let at = trail; at !== undefined; at = at.up) if (at.visit !== undefined) yield at.visit;
}

function reachedAgain<R extends Incoming>({ member, source }: Way<R>): string {
  return `${bare(member ?? source.address)}: reached once more, merged`;
}
