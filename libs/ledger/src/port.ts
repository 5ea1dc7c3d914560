import type { CountField, Counts } from './counts.ts';

/**
 * What has happened, where a repeat must know it (R2, R3, R10). Redis in a deployment, a map in tests.
 * A ledger that does not answer is `silent`: the caller goes on and counts a possible duplicate (R4); it never waits long.
 */
export interface Ledger {
  /**
   * Claims a piece of work for one copy of a mail (R3).
   *
   * @param count recipients to add to `field` of the counts, once per key.
   * @returns `mine` (first, or the same copy again), `other` (another copy was first: drop this one and ack), `silent`.
   */
  claim(key: string, copyId: string, count?: Count): Promise<'mine' | 'other' | 'silent'>;

  /** Asks for effects that may have happened. The answer has the order of `keys`; `undefined` where nothing is known. `silent` when the ledger does not answer. */
  effects(keys: readonly string[]): Promise<(Effect | undefined)[] | 'silent'>;

  /** Says that an effect is being tried, before it is tried (R10): `offered`, or who holds it now, or what it became. */
  offer(
    key: string,
    copyId: string,
    untilMs: number,
  ): Promise<{ kind: 'offered' } | { kind: 'held'; untilMs: number } | { kind: 'done'; outcome: string } | { kind: 'silent' }>;

  /** Takes an offer back: the effect did not happen. */
  withdraw(key: string, copyId: string): Promise<void>;

  /** Records that effects happened, each with what a repeat must answer, and counts each new one once. @returns false when silent. */
  complete(effects: readonly { key: string; outcome: string; count?: Count }[]): Promise<boolean>;

  /** Adds to the counts, once per key. */
  countOnce(entries: readonly { key: string; count: Count }[]): Promise<boolean>;

  /** The counts of E5, in recipients, as far as recorded here. */
  counts(): Promise<Counts | 'silent'>;

  /** Counts the beginning of a piece of work that may kill the process; `end` forgets it (R7). */
  crash: { begin(key: string): Promise<number | 'silent'>; end(key: string): Promise<void> };

  /** State of a next hop, shared by all pods of a connector (design section 7). */
  destinations: Destinations;

  close(): Promise<void>;
}

export interface Count {
  field: CountField;
  by: number; // recipients
  once?: string; // what makes it count only once; default: the key it comes with
}
export type Effect = { kind: 'offered'; copyId: string; untilMs: number } | { kind: 'done'; outcome: string };

export interface Destination {
  slots: number; // sessions open now, over all pods
  backoffUntil: number; // milliseconds since the epoch; 0 when open
  reason: string;
  failures: number; // in a row
}
export interface Destinations {
  get(name: string): Promise<Destination | 'silent'>;
  /** After a failure: back off for `backoffMs`. */
  fail(name: string, reason: string, backoffMs: number): Promise<void>;
  succeed(name: string): Promise<void>;
  /** One probe per back-off period: true for the one who may try now (design section 7). */
  probe(name: string, periodMs: number): Promise<boolean>;
}
