/** One copy of a mail that was found. */
export interface Arrival {
  number: number; // of the mail
  place: string; // where: a mailbox's `new` folder, or a recipient at the sink
  name: string; // what was found there
  /** Not later than this, epoch ms. */
  atMs: number;
}

/** How waiting ended. */
export type Waited = 'complete' | 'quiet' | 'time up';

/** Counts mails where they come out. */
export interface ArrivalCounter {
  /** What is there now does not count. */
  mark: () => void;
  /**
   * Waits until each place has got as many as are expected since `mark` or the last `collect`. What is not named is not waited for.
   *
   * @param limits `quietMs` without any arrival ends it, and so does `until` on the monotonic clock.
   */
  wait: (expected: ReadonlyMap<string, number>, limits: { quietMs: number; until: number }) => Promise<Waited>;
  /** Mails of these tags since `mark` or the last `collect`; `foreign` is how many others there were. */
  collect: (tags: readonly string[]) => { of: Map<string, Arrival[]>; foreign: number };
}

/** A list in a map, made when it is not there yet. */
export function listAt<Item>(lists: Map<string, Item[]>, key: string): Item[] {
  const list = lists.get(key) ?? [];
  lists.set(key, list);
  return list;
}
