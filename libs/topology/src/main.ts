import { readFileSync } from 'node:fs';
import { parseOrganization, waysOut } from '@mailrail/organization';
import { declareTopology, TopologyMismatch } from './declare.ts';
import { moveReplaced } from './move.ts';
import { topologyOf } from './topology.ts';

// The one-shot topology command: a deploy step with the right to declare, run before the services of a version start. `move` empties
// queues that have been replaced, after the services of the former version are gone; `move --back` before a roll-back.
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
const topology = topologyOf(waysOut(organization.snapshot.settings));
const [command = 'declare', ...words] = process.argv.slice(2);
const unknown = words.filter((word) => command !== 'move' || !['--back', '--remove'].includes(word));
if (!['declare', 'move'].includes(command) || unknown.length > 0) {
  process.stderr.write('usage: main.ts [declare]\n       main.ts move [--back] [--remove]\n');
  process.exit(64);
}
try {
  if (command === 'move') {
    const moved = await moveReplaced(topology, AMQP_URL, { back: words.includes('--back'), remove: words.includes('--remove') });
    for (const { from, to, messages, left, consumers, removed } of moved) {
      const rest = removed ? 'removed' : `${left} left, ${consumers} consumers`;
      process.stdout.write(`topology: ${messages} messages from ${from} to ${to}; ${from}: ${rest}\n`);
    }
    if (moved.length === 0) process.stdout.write('topology: there is no queue that another has replaced\n');
  } else {
    await declareTopology(topology, AMQP_URL, MGMT_URL);
    process.stdout.write(
      `topology: ${topology.queues.length} queues and ${topology.bindings.length} bindings are as this version needs them\n`,
    );
  }
} catch (error) {
  process.stderr.write(`topology: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(error instanceof TopologyMismatch ? 65 : 69);
}
