import type { ConnectorSettings } from '@mailrail/organization';
import { scaling } from '@mailrail/topology';
import { brokerEnvironment, environmentOf, type EnvironmentEntry } from './environment.ts';
import { factsOf, paths, ports, servicePorts } from './facts.ts';
import { partOfLine, selectorLabels, workloadLabels } from './labels.ts';
import type { Manifest } from './manifest.ts';
import type { Workload } from './workloads.ts';

/** Name that overlays replace by where the image really is (`images:`); the tag is the version of this repository. */
export const imageName = 'mailrail';

const user = 65_532;
const podSecurity = {
  runAsNonRoot: true,
  runAsUser: user,
  runAsGroup: user,
  fsGroup: user,
  fsGroupChangePolicy: 'OnRootMismatch', // not a walk through every mailbox at each start
  seccompProfile: { type: 'RuntimeDefault' },
};
const containerSecurity = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

const organizationVolume = { name: 'organization', configMap: { name: 'mailrail-organization' } };
const organizationMount = { name: 'organization', mountPath: paths.organization, readOnly: true };
const fromSettings = [{ configMapRef: { name: 'mailrail-settings' } }];

/** Deployment, ServiceAccount, PodDisruptionBudget and, where it listens, Services of one workload. */
export function workloadManifests(workload: Workload, version: string, connectors: readonly ConnectorSettings[] = []): Manifest[] {
  const { name } = workload;
  const labels = workloadLabels(workload);
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, labels }, automountServiceAccountToken: false },
    deployment(workload, version, environmentOf(workload, connectors)),
    {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name, labels },
      // With one replica a drain may take it: mail waits in the queue meanwhile.
      spec: { maxUnavailable: 1, selector: { matchLabels: selectorLabels(workload) } },
    },
    ...(workload.service === 'gateway' ? gatewayServices(workload) : []),
  ];
}

function deployment(workload: Workload, version: string, env: readonly EnvironmentEntry[]): Manifest {
  const { name, service, role } = workload;
  const { memory, folders, graceSeconds } = factsOf(service);
  const labels = workloadLabels(workload);
  const isGateway = service === 'gateway';
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, labels },
    spec: {
      replicas: 1,
      revisionHistoryLimit: 3,
      // New pods first: one that takes from the same queue is welcome while the old one drains.
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      selector: { matchLabels: selectorLabels(workload) },
      template: {
        metadata: { labels },
        spec: {
          serviceAccountName: name,
          automountServiceAccountToken: false,
          enableServiceLinks: false,
          terminationGracePeriodSeconds: graceSeconds,
          securityContext: podSecurity,
          topologySpreadConstraints: ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
            maxSkew: 1,
            topologyKey,
            whenUnsatisfiable: 'ScheduleAnyway',
            labelSelector: { matchLabels: selectorLabels(workload) },
          })),
          containers: [
            {
              name: 'stage',
              image: `${imageName}:${version}`,
              command: ['node', `services/${service}/src/main.ts`, ...(role === undefined ? [] : [role])],
              envFrom: fromSettings,
              env,
              ports: [
                { name: 'admin', containerPort: ports.admin },
                ...(isGateway ? listening.map((port) => ({ name: port, containerPort: ports[port] })) : []),
              ],
              // Ready: consuming, and the publisher was confirmed within 10 s. Live: the event loop turns and the connection was
              // tried within a minute, so that a broker that is away never makes Kubernetes kill pods.
              startupProbe: { httpGet: { path: '/health/live', port: 'admin' }, periodSeconds: 1, timeoutSeconds: 2, failureThreshold: 60 },
              readinessProbe: {
                httpGet: { path: '/health/ready', port: 'admin' },
                periodSeconds: 5,
                timeoutSeconds: 2,
                failureThreshold: 2,
              },
              livenessProbe: {
                httpGet: { path: '/health/live', port: 'admin' },
                periodSeconds: 20,
                timeoutSeconds: 5,
                failureThreshold: 4,
              },
              // Balancers hear of the end before clients do.
              ...(isGateway ? { lifecycle: { preStop: { sleep: { seconds: 8 } } } } : {}),
              resources: {
                requests: { cpu: `${scaling.cpuMillicores}m`, memory: memory.request },
                limits: { cpu: '1', memory: memory.limit },
              },
              securityContext: containerSecurity,
              volumeMounts: [organizationMount, ...(folders ? [{ name: 'in', mountPath: paths.in }] : [])],
            },
          ],
          volumes: [organizationVolume, ...(folders ? [{ name: 'in', persistentVolumeClaim: { claimName: 'mailrail-in' } }] : [])],
        },
      },
    },
  };
}

const listening = ['smtp', 'lmtp', 'http', 'site'] as const;

/**
 * One for the world, and one each for those who may not be the world: mail servers that hand over, applications, other sites.
 * Overlays make a load balancer of the first alone.
 */
function gatewayServices(workload: Workload): Manifest[] {
  const service = (name: string, port: (typeof listening)[number]): Manifest => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, labels: workloadLabels(workload) },
    spec: {
      type: 'ClusterIP',
      selector: selectorLabels(workload),
      ports: [{ name: port, port: servicePorts[port], targetPort: port }],
    },
  });
  return [service('gateway', 'smtp'), service('gateway-lmtp', 'lmtp'), service('gateway-http', 'http'), service('gateway-site', 'site')];
}

/**
 * Declares the line's queues, reads them back and compares. A step before each roll-out; the only one with the right to declare.
 * Argo CD runs it as a hook; `k8s/roll-out.sh` does the same with kubectl.
 */
export function topologyJob(version: string): Manifest[] {
  const name = 'topology';
  const labels = { 'app.kubernetes.io/name': name, 'app.kubernetes.io/component': name, ...partOfLine };
  return [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, labels }, automountServiceAccountToken: false },
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {
        name,
        labels,
        annotations: {
          'argocd.argoproj.io/hook': 'Sync',
          'argocd.argoproj.io/hook-delete-policy': 'BeforeHookCreation',
          'argocd.argoproj.io/sync-wave': '-1',
        },
      },
      spec: {
        backoffLimit: 6,
        activeDeadlineSeconds: 600,
        ttlSecondsAfterFinished: 3_600,
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: name,
            automountServiceAccountToken: false,
            enableServiceLinks: false,
            restartPolicy: 'OnFailure',
            securityContext: podSecurity,
            containers: [
              {
                name,
                image: `${imageName}:${version}`,
                command: ['node', 'libs/topology/src/main.ts'],
                envFrom: fromSettings,
                env: [...brokerEnvironment, { name: 'MGMT_URL', value: 'http://$(AMQP_USER):$(AMQP_PASSWORD)@$(AMQP_HOST):15672' }],
                resources: { requests: { cpu: '50m', memory: '96Mi' }, limits: { cpu: '1', memory: '256Mi' } },
                securityContext: containerSecurity,
                volumeMounts: [organizationMount],
              },
            ],
            volumes: [organizationVolume],
          },
        },
      },
    },
  ];
}
