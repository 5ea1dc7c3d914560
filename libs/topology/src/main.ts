import { readFileSync } from 'node:fs';
import { parseOrganization } from '@mailrail/organization';
import { declareTopology, TopologyMismatch } from './declare.ts';
import { topologyOf } from './topology.ts';

// The one-shot topology command: a deploy step with the right to declare, run before the services of a version start.
const { AMQP_URL, MGMT_URL, ORGANIZATION_FILE } = process.env;
const missing = Object.entries({ AMQP_URL, ORGANIZATION_FILE })
  .filter(([, value]) => value === undefined || value === '')
  .map(([name]) => name);
if (missing.length > 0 || AMQP_URL === undefined || ORGANIZATION_FILE === undefined) {
  process.stderr.write(`topology: set ${missing.join(' and ')}\n`);
  process.exit(78);
}
const organization = parseOrganization(readFileSync(ORGANIZATION_FILE, 'utf8'), { env: process.env });
if (!organization.ok) {
  for (const error of organization.errors) process.stderr.write(`${ORGANIZATION_FILE}:${error.line}: ${error.path}: ${error.message}\n`);
  process.exit(78);
}
const topology = topologyOf(organization.snapshot.settings.connectors);
try {
  await declareTopology(topology, AMQP_URL, MGMT_URL);
  process.stdout.write(
    `topology: ${topology.queues.length} queues and ${topology.bindings.length} bindings are as this version needs them\n`,
  );
} catch (error) {
  process.stderr.write(`topology: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof TopologyMismatch ? 65 : 69);
}
