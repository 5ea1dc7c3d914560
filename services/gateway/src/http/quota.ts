import type { RateLimits } from '../limits/rate-limits.ts';
import type { Amount, Rates } from '../limits/rates.ts';

export type Use = Readonly<Record<'mails' | 'recipients' | 'bytes', number>>;

/** Counts what clients with a key use, for all pods together. */
export interface Quotas {
  /**
   * Takes a use from the client's quota, all of it or nothing.
   *
   * @returns 0 when taken, else the milliseconds after which it fits; Infinity when it is more than the whole quota.
   */
  take(client: string, quota: Rates, use: Use): Promise<number>;
  /** Takes what was used and not known before; never refuses. */
  charge(client: string, quota: Rates, use: Use): Promise<void>;
}

const measures = ['mails', 'recipients', 'bytes'] as const;

/** The limits of keys, as the HTTP API of this name asks about them. */
export function keyQuotas(limits: RateLimits, gateway: string): Quotas {
  const take = (name: string, quota: Rates, amounts: readonly Amount[]) => limits.take(gateway, { kind: 'key', name }, quota, amounts);
  return {
    async take(client, quota, use) {
      // A size that is not known yet is at least one byte: a full bucket takes no more of it.
      const over = await take(
        client,
        quota,
        measures.map((measure) => ({ measure, by: use[measure], need: Math.max(1, use[measure]) })),
      );
      return over === undefined ? 0 : (over.waitMs ?? Number.POSITIVE_INFINITY);
    },
    async charge(client, quota, use) {
      await take(
        client,
        quota,
        measures.map((measure) => ({ measure, by: use[measure], need: 0 })),
      );
    },
  };
}
