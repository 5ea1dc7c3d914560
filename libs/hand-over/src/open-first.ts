import type { Log } from '@mailrail/telemetry';
import type { Opened } from './pool.ts';
import { hostKey } from './pool.ts';
import type { MailHost } from './resolve-hosts.ts';
import { type OpenFailure, type SessionOptions, SmtpSession, type SessionTarget } from './session.ts';
import type { WorkBounds } from './time-limits.ts';

/** Why none of a next hop's hosts took a session. */
export type Unreached =
  | { kind: 'unreachable'; reason: string; trouble: boolean }
  | { kind: 'undeliverable'; status: string; reason: string };

/** Most addresses tried for one mail: RFC 5321 §5.1 wants at least two. */
const maxAttempts = 6;
const restMs = 60_000;
const maxResting = 1_000;

/** Hosts that failed a moment ago, in this process: they are tried after the others, so that one dead MX does not cost each mail its time limit. */
export class RestingHosts {
  readonly #until = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  failed(key: string): void {
    this.#until.delete(key);
    this.#until.set(key, this.#now() + restMs);
    if (this.#until.size > maxResting) this.#until.delete(this.#until.keys().next().value ?? key);
  }

  answered(key: string): void {
    if (this.#until.size > 0) this.#until.delete(key);
  }

  /** The hosts in their order, resting ones last; `hosts` itself when none rests. */
  last(hosts: readonly MailHost[]): readonly MailHost[] {
    if (this.#until.size === 0) return hosts;
    const now = this.#now();
    const resting = hosts.filter((host) => (this.#until.get(hostKey(host)) ?? 0) > now);
    return resting.length === 0 || resting.length === hosts.length
      ? hosts
      : [...hosts.filter((host) => !resting.includes(host)), ...resting];
  }
}

export interface OpenFirstOptions {
  session: () => SessionOptions; // read anew for each session
  resting: RestingHosts;
  log: Log;
}

/** Opens a session to the first host and address that takes one, in order (RFC 5321 §5.1). */
export async function openFirst(
  hosts: readonly MailHost[],
  bounds: WorkBounds,
  options: OpenFirstOptions,
): Promise<Opened<SmtpSession, Unreached>> {
  const reasons: string[] = [];
  let attempts = 0;
  let refusing = 0; // hosts' addresses that never take mail
  let hopeful = 0; // what may be otherwise later
  let patient = 0; // addresses and hosts that had their whole time
  for (const host of options.resting.last(hosts)) {
    if (attempts === maxAttempts || bounds.deadlineMs <= Date.now()) {
      hopeful += 1;
      break;
    }
    const addresses = await host.addresses();
    if (addresses.kind !== 'found') {
      patient += 1;
      if (addresses.kind === 'failed' || host.named) hopeful += 1;
      reasons.push(
        `${host.name}: ${addresses.kind === 'failed' ? `no answer about its address (${addresses.reason})` : 'it has no address'}`,
      );
      continue;
    }
    let rests = false;
    for (const address of addresses.values.slice(0, maxAttempts - attempts)) {
      attempts += 1;
      const opened = await openOne({ key: hostKey(host), host: host.name, address, port: host.port }, bounds, options);
      if (opened instanceof SmtpSession) {
        options.resting.answered(opened.key);
        return { kind: 'open', session: opened };
      }
      if (bounds.signal?.aborted === true) return { kind: 'failed', failure: { kind: 'unreachable', reason: 'stopped', trouble: false } };
      if (!opened.hurried) {
        patient += 1;
        rests = true;
      }
      if (opened.refusesMail && !host.named) refusing += 1;
      else hopeful += 1;
      reasons.push(`${host.name}${address === host.name ? '' : ` [${address}]`}: ${opened.reason}`);
    }
    if (rests) options.resting.failed(hostKey(host));
  }

  const [first = 'no host could be tried'] = reasons;
  const reason = reasons.length > 1 ? `${first} (and ${reasons.length - 1} more tried)` : first;
  if (hopeful > 0) return { kind: 'failed', failure: { kind: 'unreachable', reason, trouble: patient > 0 || attempts === 0 } };
  const status = refusing > 0 ? '5.3.2' : '5.4.4';
  return { kind: 'failed', failure: { kind: 'undeliverable', status, reason } };
}

/** One address; where TLS fails and is not required, once more without it (RFC 7435). */
async function openOne(target: SessionTarget, bounds: WorkBounds, { session, log }: OpenFirstOptions): Promise<SmtpSession | OpenFailure> {
  const options = session();
  let opened = await SmtpSession.open(target, options, bounds);
  if (!(opened instanceof SmtpSession) && opened.withoutTls) {
    log.warn('session.tls-failed', { host: target.host, reason: opened.reason });
    opened = await SmtpSession.open(target, { ...options, tls: { ...options.tls, mode: 'never' } }, bounds);
  }
  if (opened instanceof SmtpSession) {
    const trouble = opened.tlsTrouble === undefined ? {} : { tlsTrouble: opened.tlsTrouble };
    const facts = { host: target.host, port: target.port, mta: opened.mta, tls: opened.tls, ...trouble };
    if (opened.tls === 'unverified') log.info('session.opened', facts);
    else log.debug('session.opened', facts);
  } else log.warn('session.failed', { host: target.host, port: target.port, reason: opened.reason });
  return opened;
}
