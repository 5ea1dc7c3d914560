import type { ContentStore } from '@mailrail/content-store';
import type { RoutedMail } from '@mailrail/contracts';
import type { Ledger } from '@mailrail/ledger';
import { imceaMailbox, smtpMailbox, splitAddress } from '@mailrail/mail';
import type { Outcome } from '@mailrail/pipeline';
import type { Log, Metrics } from '@mailrail/telemetry';
import { type BackoffSchedule, destinationState } from './destination-state.ts';
import { cachedDns, type Dns, systemDns } from './dns.ts';
import { type HandOverContext, type HandOverDeps, handOver } from './hand-over.ts';
import { openFirst, RestingHosts, type Unreached } from './open-first.ts';
import { SessionPool } from './pool.ts';
import { type ResolveHosts, resolveHosts } from './resolve-hosts.ts';
import type { SmtpSession } from './session.ts';
import { smtpTransport } from './smtp-transport.ts';
import { rfcTimeLimits, type TimeLimits } from './time-limits.ts';
import type { TlsPolicy } from './tls-policy.ts';
import { UnprovenDestinations } from './unproven.ts';

/** A connector as its organization file has it now. The same object as long as nothing changed. */
export interface ConnectorNow {
  hostname: string; // our own name: in EHLO, and as an MX it means that mail goes round
  hosts: readonly string[]; // smart hosts or bridgeheads, tried in order; empty: MX
  maxSessions: number;
  schedule: BackoffSchedule & { delayReportAfter: number };
  tls: TlsPolicy;
  auth?: { user: string; password: string };
  /** A domain of ours: addresses of other systems are encapsulated at it, and others are refused without. */
  foreignDomain?: string;
}

export interface ConnectorOptions {
  name: string;
  stage: string; // service and connector: `connectors/smtp.internet`
  now: () => ConnectorNow;
  store: ContentStore;
  ledger: Ledger;
  log: Log;
  metrics: Pick<Metrics, 'possibleDuplicates' | 'sessions'>;
  site?: boolean; // offer the site extension (S2)
  dns?: Dns;
  limits?: Partial<TimeLimits>;
  idleMs?: number; // default 10 s
  mailsPerSession?: number; // default 100
  sessionLimitMs?: number;
  allowLoopbackMx?: boolean; // tests and closed networks
  defaultPort?: number; // of hosts that name none; default 25
}

/** Everything about one mail up to its closing dot is over after ten minutes (design section 7). */
export const defaultSessionLimitMs = 600_000;

export interface Connector {
  handle(mail: RoutedMail, context: HandOverContext): Promise<Outcome>;
  /** Sessions open or being opened. */
  sessions(): number;
  /** Says goodbye on idle sessions; busy ones close when their mail is over. */
  close(): void;
}

/** Puts a connector together: hosts, sessions, ledger and destination state around the stage function. */
export function openConnector(options: ConnectorOptions): Connector {
  const { name, store, ledger, log, metrics, now } = options;
  const resting = new RestingHosts();
  const dns = cachedDns(options.dns ?? systemDns());
  const limits = { ...rfcTimeLimits, ...options.limits };

  const session = () => {
    const { hostname, tls, auth } = now();
    return { hostname, tls, limits, ...(auth === undefined ? {} : { auth }), ...(options.site === true ? { site: true } : {}) };
  };
  const pool = new SessionPool<SmtpSession, Unreached>({
    open: (hosts, bounds) => openFirst(hosts, bounds, { session, resting, log }),
    maxSessions: () => now().maxSessions,
    hurriedMs: limits.hurriedMs,
    onCount: (open) => metrics.sessions.set({ name }, open),
    ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
    ...(options.mailsPerSession === undefined ? {} : { mailsPerSession: options.mailsPerSession }),
  });

  let resolved: { of: ConnectorNow; resolve: ResolveHosts } | undefined;
  const resolve = () => {
    const current = now();
    if (resolved?.of !== current) {
      const { hosts, hostname } = current;
      const { allowLoopbackMx: allowLoopback = false, defaultPort = 25 } = options;
      resolved = { of: current, resolve: resolveHosts({ dns, ownNames: [hostname], configured: hosts, allowLoopback, defaultPort }) };
    }
    return resolved.resolve;
  };

  const deps: HandOverDeps = {
    stage: options.stage,
    connector: name,
    transport: smtpTransport({ store, resolve, pool, resting }),
    written: (address) => {
      const { foreignDomain } = now();
      return smtpMailbox(address) ?? (foreignDomain === undefined ? undefined : encapsulatedAt(address, foreignDomain));
    },
    ledger,
    destinations: destinationState({ ledger }),
    schedule: () => now().schedule,
    possibleDuplicate: (cause, recipients) => {
      metrics.possibleDuplicates.inc({ cause }, recipients);
      log.warn('duplicate.possible', { cause, recipients });
    },
    delayReportAfterMs: () => now().schedule.delayReportAfter,
    sessionLimitMs: options.sessionLimitMs ?? defaultSessionLimitMs,
    finalMs: limits.finalMs,
    running: new Map(),
  };
  // By MX there are many destinations, and none may take all places before it has answered.
  const unproven = new UnprovenDestinations({ most: () => Math.ceil(now().maxSessions / 4) });
  const byMx = { ...deps, unproven };
  return {
    handle: (mail, context) => handOver(mail, now().hosts.length === 0 ? byMx : deps, context),
    sessions: () => pool.open,
    close: () => pool.close(),
  };
}

/** A type with a hyphen could not be read again (MS-OXCMAIL 2.1.3.1.8). */
function encapsulatedAt(address: string, domain: string): string | undefined {
  return /^[A-Z0-9]{1,16}$/.test(splitAddress(address).type) ? imceaMailbox(address, domain) : undefined;
}
