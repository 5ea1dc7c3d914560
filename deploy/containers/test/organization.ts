import { readFileSync } from 'node:fs';
import path from 'node:path';
import { lineWorkloads, readOrganization, wayOutWorkloads } from '@mailrail/k8s';
import { waysOut } from '@mailrail/organization';

const file = path.join(import.meta.dirname, '..', '..', '..', 'libs', 'organization', 'default', 'organization.yaml');

/** The sample organization that the compose file mounts, and the command line of each of its stages. */
export function organizationOf() {
  const { settings } = readOrganization(readFileSync(file, 'utf8'), file);
  const workloads = [...lineWorkloads, ...wayOutWorkloads(waysOut(settings))];
  return {
    settings,
    stages: workloads.map(({ service, role }) => [`services/${service}/src/main.ts`, role].filter((part) => part !== undefined).join(' ')),
  };
}
