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
  key: string; // who, where; without foreign text
  windowMs: number;
  amounts: readonly (Amount & { limit: number })[];
}

/** Counts over a sliding time: what came in this window, and of the one before the share that still lies within the time. */
export interface RateCounter {
  /** Counts all of it, or nothing. @returns what does not fit; undefined when it was counted. */
  take(take: Take): Promise<Measure | undefined> | Measure | undefined;
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
