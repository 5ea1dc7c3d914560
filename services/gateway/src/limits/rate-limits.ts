import { createHash } from 'node:crypto';
import type { Metrics } from '@mailrail/telemetry';
import { clientNetwork } from './client-network.ts';
import { localRates } from './local-rates.ts';
import { type Amount, limited, type Over, type RateCounter, type Rates, type Take } from './rates.ts';

/** Whom a limit is about: an address, for IPv6 its /64; an account; or a key of the HTTP API. */
export interface Subject {
  kind: 'address' | 'account' | 'key';
  name: string;
}

/** HTTP tells a client when to come again (RFC 9110 §10.2.3), SMTP has no word for it. */
const countingOf = { address: 'window', account: 'window', key: 'bucket' } as const satisfies Record<Subject['kind'], Take['counting']>;

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
   * Counts amounts of a client at a gateway, if all of them fit.
   *
   * @returns what does not fit; undefined when nothing is limited, at once, or when it was counted. The promise never rejects.
   */
  take(gateway: string, subject: Subject, rates: Rates, amounts: readonly Amount[]): Promise<Over | undefined> | undefined;
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
      const digest = createHash('sha256').update(who).digest('base64url').slice(0, 22);
      const key = `${gateway}:${subject.kind}:${digest}:${rates.per}`;
      return count({ counting: countingOf[subject.kind], key, perMs: rates.per, amounts: some }).then((over) => {
        if (over !== undefined) metrics.limited.inc({ gateway, subject: subject.kind, measure: over.measure });
        return over;
      });
    },
  };

  async function count(take: Take): Promise<Over | undefined> {
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
