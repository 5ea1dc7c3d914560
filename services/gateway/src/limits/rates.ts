/** What is limited per time. `connections` of an account are its logins. */
export type Measure = 'connections' | 'mails' | 'recipients' | 'bytes' | 'unknownRecipients';

/** How much of each may come in a time; what is absent may come without limit. */
export type Rates = { readonly per: number } & { readonly [One in Measure]?: number | undefined };

/** What is about to happen, or has happened. */
export interface Amount {
  measure: Measure;
  by: number; // counted when it may happen
  need: number; // must fit in what is left; 0 counts without asking
}

/** Amounts of one client, each with its limit. */
export interface Take {
  counting: 'window' | 'bucket'; // see `countings`
  key: string; // who, where, per which time; without foreign text, and always counted in the same way
  perMs: number;
  amounts: readonly (Amount & { limit: number })[];
}

/** What does not fit. */
export interface Over {
  measure: Measure;
  /** After so long it fits, Infinity when it never will; undefined where the way of counting does not know. */
  waitMs: number | undefined;
}

export interface RateCounter {
  /** Counts all of it, or nothing. @returns what does not fit; undefined when it was counted. */
  take(take: Take): Promise<Over | undefined> | Over | undefined;
}

/** What is remembered of one key. What the numbers mean is the counting's affair. */
export interface Row {
  at: number;
  now: Map<Measure, number>;
  before: Map<Measure, number>;
}

/** One way of counting, written twice with the same arithmetic: here, and for Redis. */
export interface Counting {
  /** Changes the row when all fits, else only brings it up to date. @param nowMs since the epoch. */
  count(row: Row, take: Take, nowMs: number): Over | undefined;
  /**
   * Body of a script. Given: `nowMs`, `perMs`, KEYS[1] a hash, and from ARGV[3] on measure, by, need, limit of each amount. Returns
   * an empty table, or what does not fit: the measure, and where it is known the wait in milliseconds, -1 for never.
   */
  lua: string;
}

/** The amounts that have a limit. @returns undefined when none has: nothing is to be counted. */
export function limited(rates: Rates, amounts: readonly Amount[]): Take['amounts'] | undefined {
  const some: (Amount & { limit: number })[] = [];
  for (const amount of amounts) {
    const limit = rates[amount.measure];
    if (limit !== undefined) some.push({ ...amount, limit });
  }
  return some.length === 0 ? undefined : some;
}
