import { type Directory, recipientStanding } from '@mailrail/directory';
import type { OrganizationSnapshot } from '@mailrail/organization';
import type { Log, Metrics } from '@mailrail/telemetry';

export interface RecipientCheckOptions {
  directory: Pick<Directory, 'byAddress'>;
  log: Log;
  metrics: Pick<Metrics, 'recipientChecks'>;
  /** RCPT waits so long at most; then the recipient is taken. Default 2,000. */
  timeoutMs?: number;
  /** After a question without an answer nobody is asked for so long: a directory that is away must not slow mail down. Default 5,000. */
  circuitMs?: number;
  now?: () => number; // of a monotonic clock, milliseconds
}

/** Recipients looked up while the sender waits for the answer to RCPT. */
export interface RecipientCheck {
  /**
   * Whether nobody has this address in a domain that is all ours. A directory that does not answer in time says no (design
   * invariant 7): the categorizer asks again, with time.
   *
   * @param address typed. @param inside whether who sends is inside (S1). @returns a promise that never rejects.
   */
  isUnknown(address: string, inside: boolean, organization: OrganizationSnapshot): Promise<boolean>;
  /** These will be asked about at once: they go out together, and the questions find the answers. Typed addresses. */
  prepare(addresses: readonly string[]): void;
}

export function recipientCheck(options: RecipientCheckOptions): RecipientCheck {
  const { directory, log, metrics, timeoutMs = 2_000, circuitMs = 5_000 } = options;
  const now = options.now ?? (() => performance.now());
  let closedUntil = Number.NEGATIVE_INFINITY;

  function unanswered(reason: string): void {
    if (now() >= closedUntil) log.warn('gateway.directory-silent', { reason });
    closedUntil = now() + circuitMs;
  }

  return {
    async isUnknown(address, inside, organization) {
      if (now() < closedUntil) {
        metrics.recipientChecks.inc({ result: 'unanswered' });
        return false;
      }
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), timeoutMs);
      });
      const asked = recipientStanding(address, inside, { directory, organization }).catch(() => 'unanswered' as const);
      const standing = await Promise.race([asked, late]);
      clearTimeout(timer);
      if (standing === 'known' || standing === 'unknown') {
        metrics.recipientChecks.inc({ result: standing });
        return standing === 'unknown';
      }
      unanswered(standing === 'late' ? 'no answer in time' : 'the directory does not answer');
      metrics.recipientChecks.inc({ result: 'unanswered' });
      return false;
    },
    prepare(addresses) {
      if (now() >= closedUntil) directory.byAddress(addresses).catch(() => {}); // whoever needs the answer asks himself
    },
  };
}
