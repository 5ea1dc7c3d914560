import { addressKey } from '@mailrail/mail';
import type { Entry } from '../port.ts';
import type { Leaf } from './expand.ts';
import type { ExpandedGroup, Failure, Hop, Incoming, LargeGroup, LocalRecipient, Resolution, Way } from './resolution.ts';
import { type GroupNode, markEnds, type Trail } from './trail.ts';

/** What has been decided so far. Each mailbox and each address that leaves is taken once; who comes later is merged. */
export class Outcomes<R extends Incoming> {
  readonly local: LocalRecipient<R>[] = [];
  readonly hops: Hop<R>[] = [];
  readonly reports: Failure<R>[] = [];
  readonly groups: ExpandedGroup<R>[] = [];
  readonly large: LargeGroup<R>[] = [];
  readonly #mailboxes = new Set<string>();
  readonly #addresses = new Set<string>();
  #waiting: { way: Way<R>; trail: Trail | undefined; on: GroupNode }[] = [];
  merged = 0;
  problems = 0;
  readonly #note: ((text: () => string) => void) | undefined;

  constructor(note: ((text: () => string) => void) | undefined) {
    this.#note = note;
  }

  note(text: () => string): void {
    this.#note?.(text);
  }

  /** Recipients so far, each person and address once. */
  count(): number {
    return this.local.length + this.hops.length + this.reports.length + this.large.reduce((sum, { members }) => sum + members.length, 0);
  }

  deliver(way: Way<R>, trail: Trail | undefined, entry: Entry, primary: string): void {
    if (this.#mailboxes.has(entry.id)) {
      this.merge(trail, () => `${bare(primary)}: has a copy already`);
      return;
    }
    this.#mailboxes.add(entry.id);
    markEnds(trail);
    this.note(() => `${bare(primary)}: delivered to the mailbox here`);
    this.local.push({ way, address: primary, mailbox: { id: entry.id, address: bare(primary).toLowerCase() } });
  }

  onward(way: Way<R>, trail: Trail | undefined, address: string, server?: { name: string; site: string }): void {
    const key = `${server?.name ?? ''} ${addressKey(address)}`;
    if (this.#addresses.has(key)) {
      this.merge(trail, () => `${bare(address)}: goes on already`);
      return;
    }
    this.#addresses.add(key);
    markEnds(trail);
    this.note(
      () => `${bare(address)}: goes on ${server === undefined ? 'by address space' : `to server ${server.name} in site ${server.site}`}`,
    );
    this.hops.push({ way, address, ...(server === undefined ? {} : { server: { name: server.name, site: server.site } }) });
  }

  fail(way: Way<R>, trail: Trail | undefined, status: string, reason: string): void {
    markEnds(trail);
    const recipient = way.hidden ?? way.member ?? way.source.address;
    this.note(() => `${bare(way.member ?? way.source.address)}: ${status} ${reason}`);
    this.reports.push({ way, recipient, status, reason });
  }

  merge(trail: Trail | undefined, why: () => string): void {
    markEnds(trail);
    this.note(why);
    this.merged += 1;
  }

  /** Members that become mails of their own: one set for each way they are to be told of failures, in the order of their ids. */
  chunk(id: string, leaves: readonly Leaf<R>[]): void {
    const sets = new Map<string, { way: Way<R>; members: { id: string; address: string }[] }>();
    for (const leaf of leaves) {
      markEnds(leaf.trail);
      const { member: _, ...way } = leaf.way;
      const key = JSON.stringify([way.hidden, way.reverse, way.hidden === undefined ? '' : way.groups.at(-1)]);
      const set = sets.get(key);
      if (set === undefined) sets.set(key, { way, members: [{ id: leaf.id, address: leaf.address }] });
      else set.members.push({ id: leaf.id, address: leaf.address });
    }
    for (const { way, members } of sets.values()) {
      members.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
      this.note(() => `${members.length} members of a large group, resolved as mails of their own`);
      this.large.push({ id, way, members });
    }
  }

  /** It comes again to a group that is expanded once: a duplicate if anything comes of that group, else a loop. */
  waitFor(way: Way<R>, trail: Trail | undefined, on: GroupNode): void {
    this.#waiting.push({ way, trail, on });
  }

  /**
   * Decides what waited for groups. A group nothing came of, and in which nobody waits, is an empty one: then nothing is lost.
   * What is left waits for itself in a circle.
   */
  settle(): void {
    for (;;) {
      const settled = this.#waiting.filter(({ on }) => on.ends || !this.#waiting.some(({ trail }) => passes(trail, on)));
      if (settled.length === 0) break;
      this.#waiting = this.#waiting.filter((one) => !settled.includes(one));
      for (const { way, trail, on } of settled) {
        const reason = () => `${bare(way.member ?? way.source.address)}: comes again to a group that is expanded once`;
        if (on.ends) this.merge(trail, reason);
        else {
          this.note(reason);
          this.merged += 1;
        }
      }
    }
    for (const { way, trail } of this.#waiting) this.fail(way, trail, '5.4.6', 'forwarding leads in a circle');
    this.#waiting = [];
  }

  resolution(): Resolution<R> {
    const { local, hops, reports, groups, large, merged, problems } = this;
    return { kind: 'resolved', local, hops, reports, groups, large, merged, problems };
  }
}

function passes(trail: Trail | undefined, group: GroupNode): boolean {
  for (let at = trail; at !== undefined; at = at.up) if (at.group === group) return true;
  return false;
}

/** `SMTP:ada@corp.example` -> `ada@corp.example`; other types stay as they are. */
export function bare(address: string): string {
  return address.startsWith('SMTP:') ? address.slice(5) : address;
}
