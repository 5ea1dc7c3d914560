import { type OrganizationSnapshot, parseOrganization, organizationErrorsText, waysOut } from '@mailrail/organization';
import { topologyOf } from '@mailrail/topology';
import { alertRules, workloadAlerts } from './alerts.ts';
import { topologyObjects, userObjects } from './broker-objects.ts';
import { workloadManifests } from './deployment.ts';
import { loginsKustomization } from './line-files.ts';
import { generatedFile, kustomization } from './manifest.ts';
import { scaler } from './scalers.ts';
import { wayOutWorkloads } from './workloads.ts';

/** @throws Error naming every mistake of the file. */
export function readOrganization(text: string, name: string): OrganizationSnapshot {
  const parsed = parseOrganization(text, { env: process.env });
  if (!parsed.ok) throw new Error(`${name}:\n${organizationErrorsText(parsed.errors)}`);
  return parsed.snapshot;
}

/**
 * Files that follow from an organization file, to lie beside it: its ConfigMap and connectors (a component), and what the optional
 * components need to know of its connectors: `keda/`, `monitoring/`, `rabbitmq/`.
 *
 * @param besides names of the other files that lie there and belong to the organization: `directory.ldif`.
 */
export function organizationFiles({ settings }: OrganizationSnapshot, version: string, besides: readonly string[]): Map<string, string> {
  const { connectors } = settings;
  const ways = waysOut(settings);
  const workloads = wayOutWorkloads(ways);
  const topology = topologyOf(ways);
  const files = new Map<string, string>();
  const some = workloads.length > 0;

  files.set(
    'kustomization.yaml',
    kustomization({
      kind: 'Component',
      ...(some ? { resources: ['connectors.yaml'] } : {}),
      configMapGenerator: [{ name: 'mailrail-organization', files: ['organization.yaml', ...besides] }],
    }),
  );
  if (some) files.set('connectors.yaml', generatedFile(workloads.flatMap((one) => workloadManifests(one, version, connectors))));

  files.set('keda/kustomization.yaml', kustomization({ kind: 'Component', ...(some ? { resources: ['scalers.yaml'] } : {}) }));
  if (some) files.set('keda/scalers.yaml', generatedFile(workloads.map(scaler)));

  files.set('monitoring/kustomization.yaml', kustomization({ kind: 'Component', ...(some ? { resources: ['alerts.yaml'] } : {}) }));
  if (some) {
    const groups = workloads.map((one) => ({ name: `mailrail.${one.name}`, rules: workloadAlerts(one) }));
    files.set('monitoring/alerts.yaml', generatedFile([alertRules('mailrail-connectors', groups)]));
  }

  files.set(
    'rabbitmq/kustomization.yaml',
    kustomization({ kind: 'Component', resources: ['topology.yaml', 'users.yaml'], components: ['logins'] }),
  );
  files.set('rabbitmq/topology.yaml', generatedFile(topologyObjects(topology)));
  files.set('rabbitmq/users.yaml', generatedFile(userObjects(topology)));
  files.set('rabbitmq/logins/kustomization.yaml', loginsKustomization(workloads, false));
  return files;
}
