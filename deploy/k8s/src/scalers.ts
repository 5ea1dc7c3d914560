import { scaling, scalingPace, scalingTarget } from '@mailrail/topology';
import { secrets } from './facts.ts';
import { workloadLabels } from './labels.ts';
import type { Manifest } from './manifest.ts';
import { ageOfBacklog, mails, mailsPerSecond, queuesOf } from './queries.ts';
import type { Workload } from './workloads.ts';

/** Where Prometheus answers; overlays replace it in every trigger. */
export const prometheusUrl = 'http://prometheus-operated.monitoring.svc:9090';

/** Who listens takes from no queue: how many at least and at most, and by what more are asked for. */
const listener = { minPods: 2, maxPods: 10, cpuMillicores: 200, sessions: 200 };

/**
 * Autoscaling of one workload by rule B8, as `podsAsked` and `scalingPace` of libs/topology say it: as many pods as the largest of
 * its triggers asks for.
 *
 * - `age`: the oldest mail against the target while bags wait; a ratio to the pods there are, 1 to 2.
 * - `mails`: those at the station against what one pod takes within the target.
 * - `rate`: those that come, or are taken, against what one pod is to be kept busy with.
 * - `bags`: the queue as the broker itself tells, counted with the usual bag; it still counts when Prometheus is silent.
 *
 * A query without an answer is no zero (`ignoreNullValues`): while one has none, pods may come and none goes. Never to zero: a stage
 * without a consumer makes the sweeper stand still (R13), and a first mail would wait for a pod.
 */
export function scaler(workload: Workload): Manifest {
  const { name, station } = workload;
  const { minPods, maxPods } = station === undefined ? listener : scalingTarget(station);
  return {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    metadata: { name, labels: workloadLabels(workload) },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      pollingInterval: scalingPace.lookEverySeconds,
      minReplicaCount: minPods,
      maxReplicaCount: maxPods,
      advanced: { horizontalPodAutoscalerConfig: { behavior: scalingBehavior() } },
      triggers: station === undefined ? listenerTriggers(workload) : stationTriggers(workload, station),
    },
  };
}

/** `scalingPace` in the words of a HorizontalPodAutoscaler. */
export function scalingBehavior() {
  const { out, in: inward } = scalingPace;
  return {
    scaleUp: {
      stabilizationWindowSeconds: 0,
      selectPolicy: 'Max',
      policies: [
        { type: 'Percent', value: out.percent, periodSeconds: out.everySeconds },
        { type: 'Pods', value: out.pods, periodSeconds: out.everySeconds },
      ],
    },
    scaleDown: {
      stabilizationWindowSeconds: inward.afterSeconds,
      selectPolicy: 'Min',
      policies: [{ type: 'Pods', value: inward.pods, periodSeconds: inward.everySeconds }],
    },
  };
}

/** The triggers of a station, from its target alone. */
export function stationTriggers({ stage }: Pick<Workload, 'stage'>, station: string) {
  const target = scalingTarget(station);
  const mailsPerPod = target.mailsPerSecond * target.ageSeconds;
  return [
    prometheus('age', 'Value', ageOfBacklog(station, stage, target.ageSeconds), target.ageSeconds),
    prometheus('mails', 'AverageValue', mails(station, stage), mailsPerPod),
    prometheus('rate', 'AverageValue', mailsPerSecond(station, stage), target.mailsPerSecond * scaling.busy),
    ...queuesOf(station).map((queueName, at) => ({
      type: 'rabbitmq',
      name: at === 0 ? 'bags' : `bags-${at + 1}`,
      // Over HTTP the length is ready and in hand together; over AMQP it would be ready alone.
      metadata: {
        protocol: 'http',
        queueName,
        mode: 'QueueLength',
        value: String(Math.ceil(mailsPerPod / scaling.usualBag)),
        excludeUnacknowledged: 'false',
      },
      authenticationRef: { name: secrets.keda },
    })),
  ];
}

/** Who listens has no queue: its work is sessions, and CPU. */
function listenerTriggers({ stage }: Workload) {
  const utilization = Math.round((listener.cpuMillicores / scaling.cpuMillicores) * 100); // percent of the request
  return [
    { type: 'cpu', name: 'cpu', metricType: 'Utilization', metadata: { value: String(utilization) } },
    prometheus('sessions', 'AverageValue', `sum(mailrail_sessions{stage="${stage}"})`, listener.sessions),
  ];
}

function prometheus(name: string, metricType: 'Value' | 'AverageValue', query: string, threshold: number) {
  return {
    type: 'prometheus',
    name,
    metricType,
    metadata: { serverAddress: prometheusUrl, query, threshold: String(threshold), ignoreNullValues: 'false' },
  };
}

/** How KEDA reaches the broker's management API. */
export const kedaAuthentication: Manifest = {
  apiVersion: 'keda.sh/v1alpha1',
  kind: 'TriggerAuthentication',
  metadata: { name: secrets.keda },
  spec: { secretTargetRef: [{ parameter: 'host', name: secrets.keda, key: 'host' }] },
};
