import { z } from 'zod';
import { type Container, podSpecsOf } from '../kustomize/references.ts';
import type { Manifest } from '../manifest.ts';
import { matches, podLabels, selectorOf } from './selectors.ts';

/** Workloads that are there to stay; a Job ends. */
const staying = ['Deployment', 'StatefulSet'];

/**
 * What must be true of every object of an overlay, whoever wrote it: limits, probes, a closed security context, exact image tags,
 * selectors that meet something, references that lead somewhere.
 *
 * @param secrets names of secrets that are made by hand before a roll-out, or by an operator.
 * @returns one line for each fault.
 */
export function policyFaults(manifests: readonly Manifest[], secrets: readonly string[]): string[] {
  return [
    ...manifests.flatMap((manifest) =>
      podSpecsOf(manifest).flatMap((pod) => [
        ...podFaults(manifest, manifests),
        ...[...(pod.initContainers ?? []), ...(pod.containers ?? [])].flatMap((container) => containerFaults(manifest, container)),
      ]),
    ),
    ...manifests.flatMap((manifest) => referenceFaults(manifest, manifests, secrets)),
    ...manifests.flatMap((manifest) => selectionFaults(manifest, manifests)),
  ];
}

const nameOf = ({ kind, metadata: { name, namespace } }: Manifest) => `${kind} ${namespace === undefined ? '' : `${namespace}/`}${name}`;
const sameNamespace = (a: Manifest, b: Manifest) => a.metadata.namespace === b.metadata.namespace;

const Pod = z.looseObject({
  serviceAccountName: z.string().optional(),
  automountServiceAccountToken: z.boolean().optional(),
  terminationGracePeriodSeconds: z.number().optional(),
  securityContext: z
    .looseObject({ runAsNonRoot: z.boolean().optional(), seccompProfile: z.looseObject({ type: z.string() }).optional() })
    .default({}),
});

function podFaults(manifest: Manifest, all: readonly Manifest[]): string[] {
  const faults: string[] = [];
  const say = (what: string) => faults.push(`${nameOf(manifest)}: ${what}`);
  for (const spec of podSpecsOf(manifest)) {
    const pod = Pod.parse(spec);
    if (pod.securityContext.runAsNonRoot !== true) say('may run as root');
    if (pod.securityContext.seccompProfile?.type !== 'RuntimeDefault') say('has no seccomp profile RuntimeDefault');
    if (pod.automountServiceAccountToken !== false) say('has a token for the API server');
    const account = all.find(
      (one) => one.kind === 'ServiceAccount' && one.metadata.name === pod.serviceAccountName && sameNamespace(one, manifest),
    );
    if (account === undefined) say(`has no service account of its own (${pod.serviceAccountName ?? 'none named'})`);
    else if (account['automountServiceAccountToken'] !== false) say('its service account gives a token');
    if (staying.includes(manifest.kind)) {
      if (pod.terminationGracePeriodSeconds === undefined) say('does not say how long it may take to end');
      const guarded = all.some(
        (one) => one.kind === 'PodDisruptionBudget' && sameNamespace(one, manifest) && matches(selectorOf(one) ?? {}, podLabels(manifest)),
      );
      if (!guarded) say('has no PodDisruptionBudget');
    }
  }
  return faults;
}

const Resources = z.looseObject({ cpu: z.string().optional(), memory: z.string().optional() });
const Contained = z.looseObject({
  resources: z.looseObject({ requests: Resources.default({}), limits: Resources.default({}) }).prefault({}),
  securityContext: z
    .looseObject({
      allowPrivilegeEscalation: z.boolean().optional(),
      readOnlyRootFilesystem: z.boolean().optional(),
      capabilities: z.looseObject({ drop: z.array(z.string()).default([]), add: z.array(z.string()).default([]) }).optional(),
    })
    .default({}),
});

function containerFaults(manifest: Manifest, container: Container): string[] {
  const faults = [...imageFaults(container.image)];
  const { resources, securityContext } = Contained.parse(container);
  for (const what of ['requests', 'limits'] as const) {
    for (const unit of ['cpu', 'memory'] as const) if (resources[what][unit] === undefined) faults.push(`no ${unit} in its ${what}`);
  }
  if (staying.includes(manifest.kind)) {
    for (const probe of ['readinessProbe', 'livenessProbe', 'startupProbe']) if (container[probe] === undefined) faults.push(`no ${probe}`);
  }
  if (securityContext.allowPrivilegeEscalation !== false) faults.push('may gain privileges');
  if (securityContext.readOnlyRootFilesystem !== true) faults.push('may write to its root file system');
  if (!(securityContext.capabilities?.drop.includes('ALL') ?? false)) faults.push('keeps capabilities');
  if ((securityContext.capabilities?.add.length ?? 0) > 0) faults.push('adds capabilities');
  return faults.map((fault) => `${nameOf(manifest)}: container ${container.name}: ${fault}`);
}

/** A tag that means another image tomorrow is no tag. */
export function imageFaults(image: string): string[] {
  const tag = /:([^:/]+)$/.exec(image)?.[1];
  if (image.includes('@sha256:')) return [];
  if (tag === undefined) return [`image ${image} has no tag`];
  return /^(latest|main|master|edge|stable|nightly)$/.test(tag) || !/\d+\.\d+/.test(tag)
    ? [`image ${image}: ${tag} is a floating tag`]
    : [];
}

/** ConfigMaps, secrets, claims that are named, and are not there. */
function referenceFaults(manifest: Manifest, all: readonly Manifest[], secrets: readonly string[]): string[] {
  const faults: string[] = [];
  const there = (kind: string, name: string) =>
    all.some((one) => one.kind === kind && one.metadata.name === name && sameNamespace(one, manifest)) ||
    (kind === 'Secret' && secrets.includes(name));
  const need = (kind: string, name: string | undefined) => {
    if (name !== undefined && !there(kind, name)) faults.push(`${nameOf(manifest)}: there is no ${kind} ${name}`);
  };
  for (const { containers = [], volumes = [] } of podSpecsOf(manifest)) {
    for (const { env = [], envFrom = [] } of containers) {
      for (const { configMapRef, secretRef } of envFrom) {
        need('ConfigMap', configMapRef?.name);
        need('Secret', secretRef?.name);
      }
      for (const { valueFrom } of env) {
        need('ConfigMap', valueFrom?.configMapKeyRef?.name);
        need('Secret', valueFrom?.secretKeyRef?.name);
      }
    }
    const Claimed = z.looseObject({ persistentVolumeClaim: z.looseObject({ claimName: z.string() }).optional() });
    for (const volume of volumes) {
      need('ConfigMap', volume.configMap?.name);
      need('Secret', volume.secret?.secretName);
      need('PersistentVolumeClaim', Claimed.parse(volume).persistentVolumeClaim?.claimName);
    }
  }
  return faults;
}

const ServicePorts = z.looseObject({
  ports: z.array(z.looseObject({ targetPort: z.union([z.string(), z.number()]).optional() })).default([]),
});
const Ports = z.array(z.looseObject({ name: z.string().optional(), containerPort: z.number() })).default([]);

/** Selectors that meet no pod of the overlay, and ports that no container has. Pods of operators are not to be seen here. */
function selectionFaults(manifest: Manifest, all: readonly Manifest[]): string[] {
  const workloads = all.filter((one) => podSpecsOf(one).length > 0 && sameNamespace(one, manifest));
  const operated = all.some((one) => one.kind === 'RabbitmqCluster');
  if (['Deployment', 'StatefulSet'].includes(manifest.kind)) {
    return matches(selectorOf(manifest) ?? {}, podLabels(manifest)) ? [] : [`${nameOf(manifest)}: its selector does not fit its pods`];
  }
  if (!['Service', 'PodDisruptionBudget', 'NetworkPolicy'].includes(manifest.kind)) return [];
  const selector = selectorOf(manifest) ?? {};
  const meant = workloads.filter((one) => matches(selector, podLabels(one)));
  if (meant.length === 0) {
    const isOperators = operated && Object.values(selector).includes('rabbitmq');
    const mayMiss = manifest.kind === 'NetworkPolicy'; // written for every line, also for one without such a connector
    return isOperators || mayMiss ? [] : [`${nameOf(manifest)}: selects no pod`];
  }
  if (manifest.kind !== 'Service') return [];
  const names = new Set(
    meant.flatMap((one) =>
      podSpecsOf(one).flatMap(({ containers = [] }) =>
        containers.flatMap(({ ports }) => Ports.parse(ports).flatMap(({ name, containerPort }) => [name, containerPort])),
      ),
    ),
  );
  return ServicePorts.parse(manifest['spec'])
    .ports.filter(({ targetPort }) => targetPort !== undefined && !names.has(targetPort))
    .map(({ targetPort }) => `${nameOf(manifest)}: no pod of it has the port ${targetPort}`);
}
