import { alertRules, lineAlerts, workloadAlerts } from './alerts.ts';
import { loginPatches } from './broker-objects.ts';
import { topologyJob, workloadManifests } from './deployment.ts';
import { settings } from './environment.ts';
import { gatewayTlsFiles } from './gateway-tls-files.ts';
import { storeFiles } from './store-files.ts';
import { generatedFile, kustomization } from './manifest.ts';
import { kedaAuthentication, scaler } from './scalers.ts';
import { lineWorkloads } from './workloads.ts';

/**
 * Files that follow from the stations alone and are the same for every organization, relative to `k8s/`.
 *
 * @param version tag of the image in the base.
 */
export function lineFiles(version: string): Map<string, string> {
  const services = [...new Set(lineWorkloads.map(({ service }) => service))];
  const files = new Map<string, string>();
  for (const service of services) {
    const ofService = lineWorkloads.filter((one) => one.service === service);
    files.set(`base/${service}.yaml`, generatedFile(ofService.flatMap((one) => workloadManifests(one, version))));
  }
  files.set('base/topology.yaml', generatedFile(topologyJob(version)));
  files.set('base/kustomization.yaml', baseKustomization(services));
  files.set('components/keda/scalers.yaml', generatedFile([...lineWorkloads.map(scaler), kedaAuthentication]));
  files.set(
    'components/monitoring/alerts.yaml',
    generatedFile([
      alertRules('mailrail', [
        ...lineWorkloads.map((one) => ({ name: `mailrail.${one.name}`, rules: workloadAlerts(one) })),
        { name: 'mailrail.line', rules: lineAlerts },
      ]),
    ]),
  );
  files.set('components/rabbitmq-cluster-operator/logins/kustomization.yaml', loginsKustomization(lineWorkloads, true));
  for (const [name, text] of [...storeFiles(), ...gatewayTlsFiles()]) files.set(name, text);
  return files;
}

function baseKustomization(services: readonly string[]): string {
  return kustomization({
    kind: 'Kustomization',
    resources: ['folders.yaml', 'topology.yaml', ...services.map((service) => `${service}.yaml`)],
    configMapGenerator: [{ name: 'mailrail-settings', literals: settings }],
  });
}

/** The patches that give workloads logins of their own. */
export function loginsKustomization(workloads: Parameters<typeof loginPatches>[0], withTopology: boolean): string {
  return kustomization({ kind: 'Component', patches: loginPatches(workloads, withTopology) });
}
