import type { RoutedMail } from '@mailrail/contracts';
import { type Ledger, memoryLedger } from '@mailrail/ledger';
import type { Outcome } from '@mailrail/pipeline';
import { createMetrics, type Log, silentLog } from '@mailrail/telemetry';
import { type ConnectorOptions, openConnector } from '../src/connector.ts';
import { tlsPolicy } from '../src/tls-policy.ts';
import { storeOf, stored } from './fakes.ts';

export const schedule = {
  glitchRetries: [60_000, 60_000, 60_000],
  retries: [600_000, 600_000, 600_000],
  thenEvery: 900_000,
  delayReportAfter: 43_200_000,
};

/** A connector to scripted servers on loopback, and what it counted. */
export function connectorTo(
  ports: readonly number[],
  more: Partial<ConnectorOptions> & { current?: Partial<ReturnType<ConnectorOptions['now']>> } = {},
) {
  const { current, ...options } = more;
  const metrics = createMetrics('test');
  const ledger: Ledger & { silent: boolean } = memoryLedger();
  const now = {
    hostname: 'ex1.corp.example',
    hosts: ports.map((port) => `127.0.0.1:${port}`),
    maxSessions: 4,
    schedule,
    tls: tlsPolicy('never'),
    ...current,
  };
  const connector = openConnector({
    name: 'internet',
    stage: 'connectors/smtp.internet',
    now: () => now,
    store: storeOf({ body: stored() }),
    ledger,
    log: silentLog,
    metrics,
    ...options,
  });
  const duplicates = async () => {
    const { values } = await metrics.possibleDuplicates.get();
    return Object.fromEntries(values.map(({ labels, value }) => [String(labels['cause']), value]));
  };
  return {
    ...connector,
    ledger,
    duplicates,
    handle: (mail: RoutedMail, context: { redelivered?: boolean; signal?: AbortSignal } = {}) =>
      connector.handle(mail, { now: Date.now(), redelivered: false, ...context }),
    [Symbol.dispose]: () => connector.close(),
  };
}

/** A log that keeps what it was told. */
export function keepingLog(): Log & { told: { event: string; fields: object }[] } {
  const told: { event: string; fields: object }[] = [];
  const tell = (event: string, fields: object = {}) => {
    told.push({ event, fields });
  };
  return { told, info: tell, warn: tell, error: tell, debug: tell };
}

/** An outcome in a few words, one line for each thing that is to happen. */
export function summary(outcome: Outcome): string[] {
  if (outcome.kind !== 'done') {
    const { kind, reason } = outcome;
    const options = outcome.kind === 'transient' ? waits(outcome) : outcome.kind === 'permanent' ? ` ${outcome.status}` : '';
    return [`${kind}${options}: ${reason}`];
  }
  const counted = (outcome.counted ?? []).map(({ event, recipients }) => `${event} ${recipients}`);
  const emits = outcome.emits.flatMap((emit) => {
    const names = emit.mail.recipients.map(({ address }) => address.slice(5)).join(' ');
    if (emit.kind === 'later') return [`later${waits(emit)} ${names}: ${emit.reason}`];
    if (!('about' in emit.mail) || !Array.isArray(emit.mail.about)) return [`${emit.station} ${names}`];
    const about: {
      action: string;
      status: string;
      recipient: { address: string };
      reason: string;
      remote?: { mta: string; reply: string };
    }[] = emit.mail.about;
    return about.map(
      ({ action, status, recipient, reason, remote }) =>
        `${action} ${recipient.address.slice(5)} ${status}: ${remote === undefined ? reason : `${remote.mta} said ${remote.reply}`}`,
    );
  });
  return [...counted, ...emits];
}

function waits({
  ladder = 'internal',
  delayMs,
  countAttempt = true,
}: {
  ladder?: string;
  delayMs?: number;
  countAttempt?: boolean;
}): string {
  return ` (${ladder}${delayMs === undefined ? '' : ' after a delay'}${countAttempt ? '' : ', not counted'})`;
}
