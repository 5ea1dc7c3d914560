import { permissionsOf, scaling, scalingPace, scalingTarget, type Topology } from '@mailrail/topology';
import { z } from 'zod';
import { podSpecsOf } from '../kustomize/references.ts';
import type { Manifest } from '../manifest.ts';
import { queuesOf } from '../queries.ts';
import { scalingBehavior, stationTriggers } from '../scalers.ts';
import { workloadName } from '../workloads.ts';

/** Seconds a stage works on what it has in hand after SIGTERM, and what closing takes. */
const drainSeconds = 25;

const Scaled = z.looseObject({
  scaleTargetRef: z.looseObject({ name: z.string() }),
  pollingInterval: z.number().optional(),
  minReplicaCount: z.number().default(0),
  maxReplicaCount: z.number().default(100),
  triggers: z.array(
    z.looseObject({
      type: z.string(),
      name: z.string().optional(),
      metricType: z.string().optional(),
      metadata: z.record(z.string(), z.string()),
    }),
  ),
  advanced: z.looseObject({ horizontalPodAutoscalerConfig: z.looseObject({ behavior: z.unknown() }) }).optional(),
});
type Trigger = z.output<typeof Scaled>['triggers'][number];
const Requests = z.looseObject({ resources: z.looseObject({ requests: z.looseObject({ cpu: z.string() }) }) });
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
  const { scaleTargetRef, pollingInterval, minReplicaCount, maxReplicaCount, triggers, advanced } = Scaled.parse(scaler['spec']);
  const { minPods, maxPods } = scalingTarget(station);
  if (scaleTargetRef.name !== deployment.metadata.name) faults.push(`scales ${scaleTargetRef.name}`);
  if (minReplicaCount < 1) faults.push('scales to zero');
  if (minReplicaCount !== minPods || maxReplicaCount !== maxPods)
    faults.push(`scales from ${minReplicaCount} to ${maxReplicaCount} pods, not from ${minPods} to ${maxPods}`);
  const queues = queuesOf(station);
  const looksAt = triggers.filter(({ type }) => type === 'rabbitmq').map(({ metadata }) => metadata['queueName'] ?? '');
  if (looksAt.toSorted().join() !== queues.toSorted().join())
    faults.push(`looks at ${looksAt.join(', ') || 'no queue'}, not at ${queues.join(', ')}`);
  faults.push(...triggerFaults(triggers, stationTriggers({ stage: stageOf(deployment) }, station)));
  if (
    pollingInterval !== scalingPace.lookEverySeconds ||
    canonical(advanced?.horizontalPodAutoscalerConfig.behavior) !== canonical(scalingBehavior())
  )
    faults.push('has another pace than libs/topology says');
  if (scalingPace.in.everySeconds < graceSeconds) faults.push(`takes pods away faster than one drains (${graceSeconds} s)`);
  if (z.looseObject({ replicas: z.number().optional() }).parse(deployment['spec']).replicas !== undefined)
    faults.push('its Deployment sets the number of replicas, too');
  for (const container of podSpecsOf(deployment).flatMap(({ containers = [] }) => containers)) {
    const request = millicores(Requests.parse(container).resources.requests.cpu);
    if (request < scaling.cpuMillicores)
      faults.push(`counts on ${scaling.cpuMillicores}m of a core, and its Deployment asks for ${request}m`);
  }
  return faults.map((fault) => `station ${station}: its scaler ${fault}`);
}

/** Triggers that are missing, and values that are not those of libs/topology. Where Prometheus answers is the overlay's. */
function triggerFaults(triggers: readonly Trigger[], wanted: ReturnType<typeof stationTriggers>): string[] {
  return wanted.flatMap((one) => {
    const found = triggers.find(({ name }) => name === one.name);
    if (found === undefined) return [`does not look at ${one.name}`];
    const differs = Object.entries({ ...one.metadata, ...('metricType' in one ? { metricType: one.metricType } : {}) }).filter(
      ([field, value]) => field !== 'serverAddress' && (field === 'metricType' ? found.metricType : found.metadata[field]) !== value,
    );
    return differs.map(([field, value]) => `has another ${field} for ${one.name} than ${value}`);
  });
}

const Commanded = z.looseObject({ command: z.array(z.string()) });

/** `store-driver.deliver`, from what the Deployment runs. */
function stageOf(deployment: Manifest): string {
  const [first] = podSpecsOf(deployment).flatMap(({ containers = [] }) => containers);
  const [, main = '', role] = Commanded.parse(first).command;
  const service = main.replace(/^services\//, '').replace(/\/src\/main\.ts$/, '');
  return role === undefined ? service : `${service}.${role}`;
}

/** `150m` or `0.15` or `1`, in thousandths of a core. */
function millicores(cpu: string): number {
  return cpu.endsWith('m') ? Number(cpu.slice(0, -1)) : Number(cpu) * 1_000;
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
        .map(({ permissions }) => canonical(permissions));
    if (!granted('Permission').includes(canonical({ configure, write, read })))
      faults.push(`${name} has not the Permission the topology says`);
    if (!granted('TopicPermission').includes(canonical({ exchange: 'mail', write: topicWrite, read: topicRead })))
      faults.push(`${name} has not the TopicPermission the topology says`);
  }
  return faults;
}

/** JSON with the fields of every object in order: the same text for the same fields, in whatever order they came. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );
}
