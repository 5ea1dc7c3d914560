import { permissionsOf, type Topology } from '@mailrail/topology';
import { secrets } from './facts.ts';
import type { Manifest } from './manifest.ts';
import { type Workload, workloadName } from './workloads.ts';

/** The RabbitmqCluster object; the broker's Service has this name, too. */
export const clusterName = 'rabbitmq';
const apiVersion = 'rabbitmq.com/v1beta1';
const rabbitmqClusterReference = { name: clusterName };
const vhost = '/';

/** Queue names begin with a digit and hold dots, which a name of Kubernetes may, too. */
const objectName = (text: string) => text.toLowerCase();

/** Exchanges, queues and bindings for the messaging topology operator: what `libs/topology` declares, word for word. */
export function topologyObjects(topology: Topology): Manifest[] {
  const exchanges = topology.exchanges.map(({ name, type, arguments: args }) => ({
    apiVersion,
    kind: 'Exchange',
    metadata: { name: objectName(name) },
    spec: { name, vhost, type, durable: true, autoDelete: false, ...argumentsOf(args), rabbitmqClusterReference },
  }));
  const queues = topology.queues.map(({ name, arguments: args }) => {
    // The operator asks for the type apart and puts it among the arguments itself.
    const { 'x-queue-type': type, ...others } = args;
    return {
      apiVersion,
      kind: 'Queue',
      metadata: { name: objectName(name) },
      spec: { name, vhost, type, durable: true, autoDelete: false, ...argumentsOf(others), rabbitmqClusterReference },
    };
  });
  const bindings = topology.bindings.map(({ source, queue, key, arguments: args }) => ({
    apiVersion,
    kind: 'Binding',
    // A binding cannot be changed: the one of an earlier release, for the same lane but another key, is another object.
    metadata: { name: objectName(`${source}-to-${queue}${key.endsWith('.parked') ? '-parked' : ''}`) },
    spec: { vhost, source, destination: queue, destinationType: 'queue', routingKey: key, ...argumentsOf(args), rabbitmqClusterReference },
  }));
  return [...exchanges, ...queues, ...bindings];
}

function argumentsOf(args: Readonly<Record<string, string | number>>) {
  return Object.keys(args).length === 0 ? {} : { arguments: args };
}

/**
 * A user for each workload with what it may read and write (S8), one for the topology command, which alone may declare, and one
 * for the autoscaler, which may only look. The operator makes up names and passwords: `<workload>-user-credentials`.
 */
export function userObjects(topology: Topology): Manifest[] {
  const rows = permissionsOf(topology).flatMap(({ user, configure, write, read, topicWrite, topicRead }) => {
    const name = workloadName(user);
    return [
      ...userWith(name, [], { configure, write, read }),
      {
        apiVersion,
        kind: 'TopicPermission',
        metadata: { name: `${name}-mail` },
        spec: {
          vhost,
          userReference: { name },
          permissions: { exchange: 'mail', write: topicWrite, read: topicRead },
          rabbitmqClusterReference,
        },
      },
    ];
  });
  return [
    ...rows,
    ...userWith('topology', ['management'], { configure: '.*', write: '.*', read: '.*' }),
    ...userWith('keda', ['monitoring'], { configure: '^$', write: '^$', read: '^$' }, secrets.keda),
  ];
}

function userWith(
  name: string,
  tags: string[],
  permissions: { configure: string; write: string; read: string },
  secret?: string,
): Manifest[] {
  return [
    {
      apiVersion,
      kind: 'User',
      metadata: { name },
      spec: {
        ...(tags.length === 0 ? {} : { tags }),
        ...(secret === undefined ? {} : { importCredentialsSecret: { name: secret } }),
        rabbitmqClusterReference,
      },
    },
    {
      apiVersion,
      kind: 'Permission',
      metadata: { name },
      spec: { vhost, userReference: { name }, permissions, rabbitmqClusterReference },
    },
  ];
}

/**
 * Patches that give each workload its own login in place of the line's one; the topology command, too, which may declare.
 * Each looks first whether it finds what it is about to replace.
 */
export function loginPatches(workloads: readonly Pick<Workload, 'name'>[], withTopology: boolean) {
  const targets = workloads.map(({ name }) => ({ kind: 'Deployment', name }));
  if (withTopology) targets.push({ kind: 'Job', name: 'topology' });
  return targets.map(({ kind, name }) => ({
    target: { kind, name },
    patch: [0, 1]
      .map((at) => `/spec/template/spec/containers/0/env/${at}/valueFrom/secretKeyRef/name`)
      .flatMap((path) => [
        { op: 'test', path, value: secrets.broker },
        { op: 'replace', path, value: `${name}-user-credentials` },
      ])
      .map((operation) => `- ${JSON.stringify(operation)}\n`)
      .join(''),
  }));
}
