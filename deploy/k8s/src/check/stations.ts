import { permissionsOf, type Topology } from '@mailrail/topology';
import { z } from 'zod';
import { podSpecsOf } from '../kustomize/references.ts';
import type { Manifest } from '../manifest.ts';
import { queuesOf } from '../queries.ts';
import { workloadName } from '../workloads.ts';

/** Seconds a stage works on what it has in hand after SIGTERM, and what closing takes. */
const drainSeconds = 25;

const Scaled = z.looseObject({
  scaleTargetRef: z.looseObject({ name: z.string() }),
  minReplicaCount: z.number().default(0),
  triggers: z.array(z.looseObject({ type: z.string(), metadata: z.record(z.string(), z.string()) })),
  advanced: z
    .looseObject({
      horizontalPodAutoscalerConfig: z.looseObject({
        behavior: z.looseObject({ scaleDown: z.looseObject({ policies: z.array(z.looseObject({ periodSeconds: z.number() })) }) }),
      }),
    })
    .optional(),
});
const Rules = z.looseObject({
  groups: z.array(
    z.looseObject({ rules: z.array(z.looseObject({ alert: z.string(), labels: z.record(z.string(), z.string()).default({}) })) }),
  ),
});

/**
 * Whether each station of a line has all that belongs to it: a Deployment whose end waits for the drain; where the overlay scales,
 * a scaler that looks at this station's queues and never goes to zero; where it watches, alerts; where the broker's operator is
 * used, its queues, a user and the permissions that `libs/topology` says.
 */
export function stationFaults(manifests: readonly Manifest[], topology: Topology): string[] {
  const faults: string[] = [];
  const specsOf = (kind: string) => manifests.filter((one) => one.kind === kind);
  const named = (kind: string, name: string) => manifests.find((one) => one.kind === kind && one.metadata.name === name);
  const scales = specsOf('ScaledObject').length > 0;
  const watches = specsOf('PrometheusRule').length > 0;
  const operated = specsOf('RabbitmqCluster').length > 0;
  const alerts = specsOf('PrometheusRule').flatMap((one) => Rules.parse(one['spec']).groups.flatMap(({ rules }) => rules));

  for (const [station, { takenBy }] of Object.entries(topology.stations)) {
    const name = workloadName(takenBy);
    const deployment = named('Deployment', name);
    if (deployment === undefined) {
      faults.push(`station ${station}: no Deployment ${name}`);
      continue;
    }
    const [pod] = podSpecsOf(deployment);
    if ((pod?.terminationGracePeriodSeconds ?? 0) < drainSeconds)
      faults.push(`station ${station}: ${name} is killed before it has drained`);
    if (scales) faults.push(...scalerFaults(station, named('ScaledObject', name), deployment, pod?.terminationGracePeriodSeconds ?? 0));
    if (watches) {
      for (const alert of ['MailrailMailTooOld', 'MailrailQueueWithoutConsumer', 'MailrailBadmailNotEmpty']) {
        if (!alerts.some((one) => one.alert === alert && one.labels['station'] === station))
          faults.push(`station ${station}: no alert ${alert}`);
      }
      if (!alerts.some((one) => one.alert === 'MailrailStageNotReady' && one.labels['stage'] === takenBy))
        faults.push(`station ${station}: no alert MailrailStageNotReady`);
    }
  }
  if (watches && !alerts.some(({ alert }) => alert === 'MailrailUnroutedNotEmpty')) faults.push('no alert MailrailUnroutedNotEmpty');
  if (operated) faults.push(...brokerFaults(manifests, topology));
  return faults;
}

function scalerFaults(station: string, scaler: Manifest | undefined, deployment: Manifest, graceSeconds: number): string[] {
  if (scaler === undefined) return [`station ${station}: no ScaledObject ${deployment.metadata.name}`];
  const faults: string[] = [];
  const { scaleTargetRef, minReplicaCount, triggers, advanced } = Scaled.parse(scaler['spec']);
  if (scaleTargetRef.name !== deployment.metadata.name) faults.push(`scales ${scaleTargetRef.name}`);
  if (minReplicaCount < 1) faults.push('scales to zero');
  const queues = queuesOf(station);
  const looksAt = triggers.filter(({ type }) => type === 'rabbitmq').map(({ metadata }) => metadata['queueName'] ?? '');
  if (looksAt.toSorted().join() !== queues.toSorted().join())
    faults.push(`looks at ${looksAt.join(', ') || 'no queue'}, not at ${queues.join(', ')}`);
  const queries = triggers.filter(({ type }) => type === 'prometheus').map(({ metadata }) => metadata['query'] ?? '');
  if (!queries.some((query) => query.includes('mailrail_oldest_taken_age_seconds')))
    faults.push('does not look at the age of the oldest mail');
  if (!queries.some((query) => query.includes('mailrail_mails_handled_total'))) faults.push('does not look at mails');
  const pauses = advanced?.horizontalPodAutoscalerConfig.behavior.scaleDown.policies.map(({ periodSeconds }) => periodSeconds) ?? [];
  if (pauses.length === 0 || Math.min(...pauses) < graceSeconds) faults.push(`takes pods away faster than one drains (${graceSeconds} s)`);
  if (z.looseObject({ replicas: z.number().optional() }).parse(deployment['spec']).replicas !== undefined)
    faults.push('its Deployment sets the number of replicas, too');
  return faults.map((fault) => `station ${station}: its scaler ${fault}`);
}

const NamedSpec = z.looseObject({ name: z.string() });
const Granted = z.looseObject({ userReference: z.looseObject({ name: z.string() }), permissions: z.record(z.string(), z.string()) });

function brokerFaults(manifests: readonly Manifest[], topology: Topology): string[] {
  const faults: string[] = [];
  const of = (kind: string) => manifests.filter((one) => one.kind === kind);
  for (const [kind, wanted] of [
    ['Queue', topology.queues],
    ['Exchange', topology.exchanges],
  ] as const) {
    const there = of(kind).map((one) => NamedSpec.parse(one['spec']).name);
    for (const { name } of wanted) if (!there.includes(name)) faults.push(`no ${kind} object for ${name}`);
    for (const name of there) if (!wanted.some((one) => one.name === name)) faults.push(`${kind} ${name} is not in the topology`);
  }
  if (of('Binding').length !== topology.bindings.length) faults.push(`${of('Binding').length} bindings, not ${topology.bindings.length}`);
  for (const { user, configure, write, read, topicWrite, topicRead } of permissionsOf(topology)) {
    const name = workloadName(user);
    if (!of('User').some((one) => one.metadata.name === name)) faults.push(`no User ${name}`);
    const granted = (kind: string) =>
      of(kind)
        .map((one) => Granted.parse(one['spec']))
        .filter(({ userReference }) => userReference.name === name)
        .map(({ permissions }) => inOrder(permissions));
    if (!granted('Permission').includes(inOrder({ configure, write, read })))
      faults.push(`${name} has not the Permission the topology says`);
    if (!granted('TopicPermission').includes(inOrder({ exchange: 'mail', write: topicWrite, read: topicRead })))
      faults.push(`${name} has not the TopicPermission the topology says`);
  }
  return faults;
}

/** The same text for the same fields, in whatever order they came. */
function inOrder(fields: Readonly<Record<string, string>>): string {
  return JSON.stringify(Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
