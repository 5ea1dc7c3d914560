import { deadLetters, exchanges, scalingTarget } from '@mailrail/topology';
import { badmail, bagsReady, consumers, messagesIn, oldestAge } from './queries.ts';
import type { Workload } from './workloads.ts';

/** One alerting rule; the runbook is a page of this repository. */
export interface Alert {
  alert: string;
  expr: string;
  for: string;
  labels: Record<string, string>;
  annotations: { summary: string; description: string; runbook_url: string };
}

function rule(
  alert: string,
  severity: 'critical' | 'warning',
  wait: string,
  expr: string,
  texts: { summary: string; description: string },
  labels: Record<string, string> = {},
): Alert {
  const page = alert
    .replace(/^Mailrail/, '')
    .replaceAll(/(?<!^)([A-Z])/g, '-$1')
    .toLowerCase();
  return { alert, expr, for: wait, labels: { severity, ...labels }, annotations: { ...texts, runbook_url: `docs/runbooks/${page}.md` } };
}

/** What is watched at one workload and at its station. */
export function workloadAlerts(workload: Workload): Alert[] {
  const { name, stage, station, service } = workload;
  const notReady = rule(
    'MailrailStageNotReady',
    'critical',
    '5m',
    `sum by (namespace) (kube_deployment_status_replicas_available{deployment="${name}"}) < 1`,
    { summary: `${stage} has no pod that is ready`, description: 'Its mail waits in its queue; the gateway itself accepts none.' },
    { stage },
  );
  if (station === undefined) return [notReady];
  const labels = { stage, station };
  // A remote that is slow is no fault of ours as soon as a stage that stands still is.
  const tooOldSeconds = scalingTarget(station).ageSeconds * (service.startsWith('connectors/') ? 15 : 10);
  return [
    notReady,
    rule(
      'MailrailMailTooOld',
      'warning',
      '5m',
      `${oldestAge(station, stage)} > ${tooOldSeconds}`,
      {
        summary: `mail waits more than ${tooOldSeconds} s for ${stage}`,
        description: 'More comes than is taken: {{ $value | humanizeDuration }}.',
      },
      labels,
    ),
    rule(
      'MailrailQueueWithoutConsumer',
      'critical',
      '2m',
      `${bagsReady(station, 'apart')} > 0 and ${consumers(station)} == 0`,
      { summary: `nobody takes the mail of ${station}`, description: '{{ $value }} bags wait and no process consumes the queue.' },
      labels,
    ),
    rule(
      'MailrailBadmailNotEmpty',
      'warning',
      '1m',
      `${badmail(station)} > 0`,
      {
        summary: `${stage} has parked mail it could not work`,
        description: '{{ $value }} messages wait for a person in the badmail lane.',
      },
      labels,
    ),
  ];
}

/** What is watched once for the line. */
export const lineAlerts: readonly Alert[] = [
  rule('MailrailUnroutedNotEmpty', 'critical', '1m', `${messagesIn(exchanges.unrouted)} > 0`, {
    summary: 'mail came back from the retry ladder for a queue that does not exist',
    description: '{{ $value }} messages are in the queue `unrouted`.',
  }),
  rule('MailrailDeadLettersWait', 'critical', '10m', `${messagesIn(deadLetters)} > 0`, {
    summary: 'mail the broker gave up is not parked: advanced-queuing.report does not take it',
    description: '{{ $value }} messages are in the queue `dead-letters`; their bodies are not pinned yet.',
  }),
  rule('MailrailBrokerUnreachable', 'critical', '2m', 'min by (namespace, stage) (mailrail_broker_up) == 0', {
    summary: '{{ $labels.stage }} is cut off from the broker, or the broker refuses mail by an alarm',
    description: 'Gateways answer 421 or 452 meanwhile; what was accepted is in the queues.',
  }),
  rule('MailrailLedgerSilent', 'warning', '5m', 'sum by (namespace, stage) (increase(mailrail_ledger_silent_total[5m])) > 0', {
    summary: '{{ $labels.stage }} gets no answer from the ledger',
    description: 'Mail flows on, but a repeat is not recognised while this lasts: duplicates are possible.',
  }),
  rule('MailrailPossibleDuplicates', 'warning', '0m', 'sum by (namespace, cause) (increase(possible_duplicates_total[15m])) > 0', {
    summary: 'mail may have been given twice: {{ $labels.cause }}',
    description: '{{ $value }} times within 15 minutes.',
  }),
];

/** The rules as the Prometheus operator takes them, a group for each workload. */
export function alertRules(name: string, groups: readonly { name: string; rules: readonly Alert[] }[]) {
  return { apiVersion: 'monitoring.coreos.com/v1', kind: 'PrometheusRule', metadata: { name }, spec: { groups } };
}
