import { createHash } from 'node:crypto';
import type { Metrics } from '@mailrail/telemetry';
import { clientNetwork } from './client-network.ts';
import { localRates } from './local-rates.ts';
import { type Amount, limited, type Measure, type RateCounter, type Rates } from './rates.ts';

/** Whom a limit is about: an address, for IPv6 its /64, or an account. */
export interface Subject {
  kind: 'address' | 'account';
  name: string;
}

export interface RateLimitsOptions {
  /** Counts for all gateways; may reject, and then this process counts alone. */
  shared: RateCounter;
  metrics: Pick<Metrics, 'limited' | 'limitsUnshared'>;
  /** After an error the shared counts are left alone for so long. Default 2,000. */
  circuitMs?: number;
  now?: () => number; // milliseconds since the epoch
}

export interface RateLimits {
  /**
   * Counts amounts of a client on a listener, if all of them fit.
   *
   * @returns what does not fit; undefined when nothing is limited, at once, or when it was counted. The promise never rejects.
   */
  take(gateway: string, subject: Subject, rates: Rates, amounts: readonly Amount[]): Promise<Measure | undefined> | undefined;
}

/** Limits per client and time. Redis away bounds each process by itself and refuses nobody on that account. */
export function rateLimits({ shared, metrics, circuitMs = 2_000, now = Date.now }: RateLimitsOptions): RateLimits {
  const local = localRates(now);
  let aloneUntil = Number.NEGATIVE_INFINITY;

  return {
    take(gateway, subject, rates, amounts) {
      const some = limited(rates, amounts);
      if (some === undefined) return undefined;
      const who = subject.kind === 'address' ? clientNetwork(subject.name) : subject.name;
      // Account names are foreign text and addresses personal: neither stands in a key.
      const key = `${gateway}:${subject.kind}:${createHash('sha256').update(who).digest('base64url').slice(0, 22)}`;
      return count({ key, windowMs: rates.per, amounts: some }).then((over) => {
        if (over !== undefined) metrics.limited.inc({ gateway, subject: subject.kind, measure: over });
        return over;
      });
    },
  };

  async function count(take: Parameters<RateCounter['take']>[0]): Promise<Measure | undefined> {
    if (now() >= aloneUntil) {
      try {
        return await shared.take(take);
      } catch {
        aloneUntil = now() + circuitMs;
      }
    }
    metrics.limitsUnshared.inc();
    return local.take(take);
  }
}
