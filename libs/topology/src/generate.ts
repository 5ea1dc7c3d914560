import { permissionsOf } from './permissions.ts';
import type { WayOut } from '@mailrail/organization';
import { badmailQueue, isGatewayStation, ladder, queueName, queueOf, rungQueue, targetsOf } from './stations.ts';
import { definitionsOf, type Topology, topologyOf } from './topology.ts';

/** The ways out of the default organization; a deployment prints its own with the topology command. */
const shown: readonly WayOut[] = [
  { name: 'internet', kind: 'smtp' },
  ...['bsmtp', 'gwapi', 'ffapi'].map((name) => ({ name, kind: 'foreign' as const })),
];

/** Files in `docs/generated`, by name. `npm run check` says when one is stale. */
export function generatedFiles(): Map<string, string> {
  const topology = topologyOf(shown);
  return new Map([
    ['docs/generated/topology.md', markdown(topology)],
    ['docs/generated/definitions.json', `${JSON.stringify(definitionsOf(topology), null, 2)}\n`],
    ['docs/generated/permissions.json', `${JSON.stringify(permissionsOf(topology), null, 2)}\n`],
    ['docs/generated/stations.json', `${JSON.stringify(stationTable(topology), null, 2)}\n`],
  ]);
}

/** What manifests and autoscaling are made from: one row per station. */
export function stationTable(topology: Topology) {
  return Object.entries(topology.stations).map(([name, one]) => ({
    station: name,
    queues: one.lanes.map((lane) => queueOf(name, one, lane)),
    badmail: badmailQueue(name),
    takenBy: one.takenBy,
    leadsTo: one.leadsTo,
  }));
}

function markdown(topology: Topology): string {
  const rows = Object.entries(topology.stations).map(
    ([name, one]) =>
      `| \`${queueName(name)}\` | ${one.holds} | ${one.takenBy} | ${one.leadsTo.map((to) => `\`${to}\``).join(', ') || (isGatewayStation(name) ? 'files in `OUT`' : 'mailboxes, peers')} |`,
  );
  return [
    '<!-- Generated from libs/topology by `npm run generate`; do not edit. -->',
    '# The line',
    '',
    '```mermaid',
    ...diagram(topology),
    '```',
    '',
    '| queue | holds | taken by | leads to |',
    '|---|---|---|---|',
    ...rows,
    '',
    `Each work queue has \`<queue>.badmail\` beside it. Retry ladder, shared by all: ${ladder.map((rung) => `\`${rungQueue(rung.name)}\``).join(', ')}.`,
    'Given up by the broker (delivery limit), until `advanced-queuing` has parked it: `dead-letters`. Parked by an operator: `hold`. Mail that came back from the ladder for a queue that does not exist: `unrouted` (must be empty).',
    '',
  ].join('\n');
}

/** A Mermaid flowchart: stations as queues, services as boxes. */
function diagram(topology: Topology): string[] {
  const id = (text: string) => text.replace(/[^a-z0-9]/gi, '_');
  const lines = ['flowchart LR', '  outside([foreign systems]) --> gateway[gateway]', '  gateway --> q_gateway_in[("1.gateway.in")]'];
  for (const [name, one] of Object.entries(topology.stations)) {
    lines.push(`  q_${id(name)}[("${queueName(name)}")] --> ${id(one.takenBy)}[${one.takenBy}]`);
    for (const to of one.leadsTo) {
      for (const target of targetsOf(to, Object.keys(topology.stations)))
        lines.push(`  ${id(one.takenBy)} --> q_${id(target)}[("${queueName(target)}")]`);
    }
    if (name === 'store.local-delivery') lines.push(`  ${id(one.takenBy)} --> mailboxes([mailbox store])`);
    if (name.startsWith('connector.')) lines.push(`  ${id(one.takenBy)} --> peers([other servers])`);
    if (isGatewayStation(name)) lines.push(`  ${id(one.takenBy)} --> outside`);
  }
  return lines;
}
