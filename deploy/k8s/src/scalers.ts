import { factsOf, secrets } from './facts.ts';
import { workloadLabels } from './labels.ts';
import type { Manifest } from './manifest.ts';
import { mails, oldestAge, queuesOf } from './queries.ts';
import type { Workload } from './workloads.ts';

/** Where Prometheus answers; overlays replace it in every trigger. */
export const prometheusUrl = 'http://prometheus-operated.monitoring.svc:9090';

/** A line that keeps up takes each mail within this. Ages and backlogs are judged by it. */
export const targetSeconds = 30;
const fewBags = 16; // what a retry brings back is no backlog
const usualBag = 4; // mails; between a bag of one (idle) and of 16 (under load)

/** Longer than any stage drains, so that one pod has gone before the next is told to. */
const scaleInEverySeconds = 60;

/**
 * Autoscaling of one workload by rule B8: as many pods as the largest of its triggers asks for.
 *
 * - `age`: the oldest mail's wait against the target; twice the target, twice the pods.
 * - `mails`: those at the station against what one pod takes within the target.
 * - `bags`: the queue as the broker itself tells, which still counts when the stages, or Prometheus, are silent.
 *
 * Never to zero: a stage without a consumer makes the sweeper stand still (R13), and a first mail would wait for a pod.
 */
export function scaler(workload: Workload): Manifest {
  const { name, service } = workload;
  const { maxReplicas } = factsOf(service);
  return {
    apiVersion: 'keda.sh/v1alpha1',
    kind: 'ScaledObject',
    metadata: { name, labels: workloadLabels(workload) },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
      pollingInterval: 15,
      minReplicaCount: 2,
      maxReplicaCount: maxReplicas,
      advanced: {
        horizontalPodAutoscalerConfig: {
          behavior: {
            scaleUp: {
              stabilizationWindowSeconds: 0,
              selectPolicy: 'Max',
              policies: [
                { type: 'Percent', value: 100, periodSeconds: 30 },
                { type: 'Pods', value: 2, periodSeconds: 30 },
              ],
            },
            scaleDown: {
              stabilizationWindowSeconds: 300,
              selectPolicy: 'Min',
              policies: [{ type: 'Pods', value: 1, periodSeconds: scaleInEverySeconds }],
            },
          },
        },
      },
      triggers: workload.station === undefined ? listenerTriggers(workload) : stationTriggers(workload, workload.station),
    },
  };
}

function stationTriggers({ stage, service }: Workload, station: string) {
  const mailsPerPod = factsOf(service).mailsPerSecond * targetSeconds;
  return [
    prometheus('age', 'Value', oldestAge(station, stage, fewBags, 'together'), targetSeconds),
    prometheus('mails', 'AverageValue', mails(station, stage), mailsPerPod),
    ...queuesOf(station).map((queueName, at) => ({
      type: 'rabbitmq',
      name: at === 0 ? 'bags' : `bags-${at + 1}`,
      // Over HTTP the length is ready and in hand together; over AMQP it would be ready alone.
      metadata: {
        protocol: 'http',
        queueName,
        mode: 'QueueLength',
        value: String(Math.ceil(mailsPerPod / usualBag)),
        excludeUnacknowledged: 'false',
      },
      authenticationRef: { name: secrets.keda },
    })),
  ];
}

/** Who listens has no queue: its work is sessions, and CPU. */
function listenerTriggers({ stage }: Workload) {
  return [
    { type: 'cpu', name: 'cpu', metricType: 'Utilization', metadata: { value: '400' } }, // of the request, which is small: 0.2 cores
    prometheus('sessions', 'AverageValue', `sum(mailrail_sessions{stage="${stage}"})`, 200),
  ];
}

function prometheus(name: string, metricType: 'Value' | 'AverageValue', query: string, threshold: number) {
  return {
    type: 'prometheus',
    name,
    metricType,
    metadata: { serverAddress: prometheusUrl, query, threshold: String(threshold), ignoreNullValues: 'true' },
  };
}

/** How KEDA reaches the broker's management API. */
export const kedaAuthentication: Manifest = {
  apiVersion: 'keda.sh/v1alpha1',
  kind: 'TriggerAuthentication',
  metadata: { name: secrets.keda },
  spec: { secretTargetRef: [{ parameter: 'host', name: secrets.keda, key: 'host' }] },
};
