import { PassThrough } from 'node:stream';
import { domainOf, smtpMailbox } from '@mailrail/mail';
import type { Log, Metrics } from '@mailrail/telemetry';
import type { authenticate } from 'mailauth';
import type { ContentCheck } from '../content-check.ts';
import { CheckInput } from './check-input.ts';
import { boundedQuestions, type DnsQuestion } from './dns.ts';
import { authenticationResults, type Findings, refusalFor } from './findings.ts';

/** What is known of a message before its bytes. */
export interface CheckedSender {
  gateway: string;
  address: string; // the client's
  helo: string;
  sender: string | null; // typed
  host: string; // our authserv-id
  refuses: boolean; // by the listener's policy
}

export interface SenderChecksOptions {
  /** Answers come from a cache, or they make every mail slow. */
  dns: DnsQuestion;
  log: Log;
  metrics: Pick<Metrics, 'senderChecks'>;
  /** For everything the DNS is asked about one message, and for what follows its last byte. Default 20,000. */
  withinMs?: number;
  /** Default: mailauth, loaded with the first message that is checked. */
  library?: () => Promise<{ authenticate: typeof authenticate }>;
}

export interface SenderChecks {
  begin(sender: CheckedSender): ContentCheck;
}

const maxQuestions = 150;
/** What waits between the socket and the library. */
const bufferBytes = 16_384;

/**
 * SPF, DKIM, DMARC and ARC of a message as it streams by: nothing of it is kept. An error of the library is nobody's fault: the
 * message is taken, and its field says that nothing was checked.
 */
export function senderChecks(options: SenderChecksOptions): SenderChecks {
  const { dns, log, metrics, withinMs = 20_000, library = () => import('mailauth') } = options;

  return {
    begin({ gateway, address, helo, sender, host, refuses }) {
      const input = new PassThrough({ highWaterMark: bufferBytes });
      const checkInput = new CheckInput(input);
      const mailbox = sender === null ? undefined : smtpMailbox(sender);
      let over = false;
      const checked = library().then(async (mailauth) =>
        mailauth.authenticate(input, {
          ip: address,
          helo,
          ...(mailbox === undefined ? {} : { sender: mailbox }),
          mta: host,
          resolver: forLibrary(boundedQuestions(dns, { most: maxQuestions, withinMs })),
          disableBimi: true,
          rejectRsaSha1: true,
        }),
      );
      // Whatever becomes of it is told by `finish`; until then nobody may wait for a library that has failed.
      checked.catch(() => {
        over = true;
        input.destroy();
      });
      const room = () =>
        new Promise<void>((resolve) => {
          const go = () => {
            input.off('drain', go);
            input.off('close', go);
            resolve();
          };
          input.on('drain', go);
          input.on('close', go);
        });

      return {
        write(chunk) {
          if (over || checkInput.write(chunk)) return undefined;
          return room();
        },
        async finish() {
          if (!over) checkInput.end();
          let timer: NodeJS.Timeout | undefined;
          const late = new Promise<never>((_, reject) => {
            timer = setTimeout(() => reject(new Error('not done in time')), withinMs);
          });
          try {
            const findings = findingsOf(await Promise.race([checked, late]), { sender, helo });
            const refusal = refuses ? refusalFor(findings) : undefined;
            metrics.senderChecks.inc({
              gateway,
              dmarc: findings.dmarc?.result ?? 'none',
              result: refusal === undefined ? 'taken' : 'refused',
            });
            return refusal === undefined ? { fields: Buffer.from(authenticationResults(host, findings)) } : { refusal };
          } catch (error) {
            log.warn('gateway.sender-check-failed', { gateway, error });
            metrics.senderChecks.inc({ gateway, dmarc: 'unchecked', result: 'taken' });
            return { fields: Buffer.from(authenticationResults(host, undefined)) };
          } finally {
            clearTimeout(timer);
            over = true;
            input.destroy();
          }
        },
        abort() {
          if (over) return;
          over = true;
          input.destroy(new Error('the message was given up'));
        },
      };
    },
  };
}

/** The library's type knows no mail exchangers, but takes them as Node gives them. */
function forLibrary(ask: DnsQuestion): (name: string, type: string) => Promise<string[]> {
  return ask as (name: string, type: string) => Promise<string[]>;
}

type Result = Awaited<ReturnType<typeof authenticate>>;

function findingsOf({ dkim, spf, dmarc, arc }: Result, { sender, helo }: { sender: string | null; helo: string }): Findings {
  return {
    dkim: dkim.results.map(({ status, signingDomain, selector, signature }) => ({
      result: status.result,
      domain: signingDomain ?? '',
      selector: selector ?? '',
      signature: signature ?? '',
    })),
    spf: {
      result: spf === false ? 'none' : spf.status.result,
      ...(sender === null
        ? { property: 'helo' as const, domain: helo }
        : { property: 'mailfrom' as const, domain: domainOf(sender) ?? '' }),
    },
    dmarc:
      dmarc === false
        ? undefined
        : {
            result: dmarc.status.result,
            from: dmarc.status.header?.from ?? dmarc.domain,
            policy: dmarc.status.policy === undefined ? '' : dmarc.policy,
          },
    arc: arc === false ? undefined : { result: arc.status.result },
  };
}
