import type { Manifest } from '../manifest.ts';

interface Reference {
  name?: string;
}
interface EnvironmentSource {
  configMapRef?: Reference;
  secretRef?: Reference;
}
interface EnvironmentVariable {
  name: string;
  value?: string;
  valueFrom?: { configMapKeyRef?: Reference; secretKeyRef?: Reference };
}
/** What of a container the renderer and the checks look at. */
export interface Container {
  name: string;
  image: string;
  env?: EnvironmentVariable[];
  envFrom?: EnvironmentSource[];
  [field: string]: unknown;
}
export interface PodSpec {
  containers?: Container[];
  initContainers?: Container[];
  volumes?: { name: string; configMap?: Reference; secret?: { secretName?: string } }[];
  terminationGracePeriodSeconds?: number;
  automountServiceAccountToken?: boolean;
  securityContext?: Record<string, unknown>;
  [field: string]: unknown;
}

const workloads = ['Deployment', 'StatefulSet', 'DaemonSet', 'Job'];

/** The pod template of a workload; none of any other object. */
export function podSpecsOf(manifest: Manifest): PodSpec[] {
  if (!workloads.includes(manifest.kind)) return [];
  // The shape is Kubernetes' own, checked against its schema in the tests.
  const { template } = manifest['spec'] as { template?: { spec?: PodSpec } };
  return template?.spec === undefined ? [] : [template.spec];
}

/** Gives every reference to a ConfigMap or a Secret in a pod template the name it has now. */
export function renameReferences(manifest: Manifest, nameNow: (kind: 'ConfigMap' | 'Secret', name: string) => string): void {
  const rename = (kind: 'ConfigMap' | 'Secret', reference: Reference | undefined) => {
    if (reference?.name !== undefined) reference.name = nameNow(kind, reference.name);
  };
  for (const { containers = [], initContainers = [], volumes = [] } of podSpecsOf(manifest)) {
    for (const { env = [], envFrom = [] } of [...initContainers, ...containers]) {
      for (const { configMapRef, secretRef } of envFrom) {
        rename('ConfigMap', configMapRef);
        rename('Secret', secretRef);
      }
      for (const { valueFrom } of env) {
        rename('ConfigMap', valueFrom?.configMapKeyRef);
        rename('Secret', valueFrom?.secretKeyRef);
      }
    }
    for (const { configMap, secret } of volumes) {
      rename('ConfigMap', configMap);
      if (secret?.secretName !== undefined) secret.secretName = nameNow('Secret', secret.secretName);
    }
  }
}
