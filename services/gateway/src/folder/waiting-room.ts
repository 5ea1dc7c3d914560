import type { FileName, Layout } from './layout.ts';
import { type Candidate, isSame, scanIn } from './scan.ts';

/** A file in IN that is not claimed yet. */
export interface Waiting {
  candidate: Candidate; // `seenAt`: since when it has not changed
  dueAt: number; // not to be tried before
}

/**
 * The oldest files of IN, as far as they are remembered between two looks, each with the time from which it may be taken: it must
 * not have changed for `settleMs`.
 */
export interface WaitingRoom {
  /** Looks at the folder anew. */
  scan(now: number): Promise<void>;
  /** At most `max` files that are due, oldest first. */
  due(now: number, max: number): Waiting[];
  remove(name: FileName): void;
  /** When the next file is due; undefined when none is remembered. */
  nextDueAt(): number | undefined;
  /** The folder holds more files than were remembered, and most of those are used up. */
  readonly needsMore: boolean;
  readonly size: number;
}

export function waitingRoom({ layout, keep, settleMs }: { layout: Layout; keep: number; settleMs: number }): WaitingRoom {
  let files = new Map<FileName, Waiting>();
  let more = false;

  return {
    async scan(now) {
      const found = await scanIn(layout, keep, now);
      const next = new Map<FileName, Waiting>();
      for (const candidate of found.candidates) {
        const before = files.get(candidate.name);
        const same = before !== undefined && isSame(before.candidate, candidate);
        next.set(candidate.name, same ? before : { candidate, dueAt: now + settleMs });
      }
      files = next;
      more = found.more;
    },
    due(now, max) {
      const found: Waiting[] = [];
      for (const waiting of files.values()) {
        if (waiting.dueAt > now) continue;
        found.push(waiting);
        if (found.length === max) break;
      }
      return found;
    },
    remove: (name) => {
      files.delete(name);
    },
    nextDueAt() {
      let next: number | undefined;
      for (const { dueAt } of files.values()) if (next === undefined || dueAt < next) next = dueAt;
      return next;
    },
    get needsMore() {
      return more && files.size <= keep / 2;
    },
    get size() {
      return files.size;
    },
  };
}
