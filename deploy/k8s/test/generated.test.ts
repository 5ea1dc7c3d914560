import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createMetrics } from '@mailrail/telemetry';
import { exchanges, topologyOf } from '@mailrail/topology';
import { parser } from '@prometheus-io/lezer-promql';
import { lineAlerts, workloadAlerts } from '../src/alerts.ts';
import { manifestFaults, manifestFiles } from '../src/manifest-files.ts';
import { organizationFiles, readOrganization } from '../src/organization-files.ts';
import { scaler } from '../src/scalers.ts';
import { wayOutWorkloads, lineWorkloads } from '../src/workloads.ts';
import { repository } from './support/overlays.ts';

const connectors = [
  { name: 'internet', kind: 'smtp' },
  { name: 'paris', kind: 'routing-group' },
  { name: 'gwapi', kind: 'foreign' },
] as const;
const workloads = [...lineWorkloads, ...wayOutWorkloads(connectors)];
const topology = topologyOf(connectors);

test('the files under k8s/ are as this version prints them', () => {
  expect(manifestFaults()).toEqual([]);
  expect(manifestFiles().size).toBeGreaterThan(20);
});

test('every service has a workload, every workload a service', () => {
  const services = readdirSync(path.join(repository, 'services'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'connectors')
    .map(({ name }) => name);
  const all = [...services, 'connectors/smtp', 'connectors/routing-group', 'connectors/foreign'];
  expect([...new Set(workloads.map(({ service }) => service))].toSorted()).toEqual(all.toSorted());
  expect(workloads.map(({ name }) => name)).toHaveLength(new Set(workloads.map(({ name }) => name)).size);
  for (const { name } of workloads) expect(name).toMatch(/^[a-z][a-z0-9-]{0,62}$/);
});

describe('what Prometheus is asked', () => {
  const alerts = [...workloads.flatMap(workloadAlerts), ...lineAlerts];
  const queries = [
    ...alerts.map(({ expr }) => expr),
    ...workloads.flatMap((one) =>
      JSON.parse(JSON.stringify(scaler(one)['spec'])).triggers.flatMap(
        ({ metadata }: { metadata: { query?: string } }) => metadata.query ?? [],
      ),
    ),
  ];

  test('is PromQL', () => {
    for (const query of queries) expect({ query, errors: errorsIn(query) }).toEqual({ query, errors: 0 });
    expect(errorsIn('sum(a{b=}) >')).toBeGreaterThan(0);
    expect(queries.length).toBeGreaterThan(60);
  });

  test('names metrics that the stages, the broker or the cluster have', () => {
    const declared = createMetrics('test')
      .registry.getMetricsAsArray()
      .flatMap(({ name }) => [name, `${name}_count`, `${name}_sum`, `${name}_bucket`]);
    const others = [
      'rabbitmq_detailed_queue_messages',
      'rabbitmq_detailed_queue_messages_ready',
      'rabbitmq_detailed_queue_consumers',
      'kube_deployment_status_replicas_available',
    ];
    const known = new Set([...declared, ...others]);
    const named = queries.flatMap((query) => [...query.matchAll(/\b(?:mailrail|possible|rabbitmq|kube)_\w+/g)].map(([name]) => name));
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });

  test('names queues of the topology', () => {
    const queues = new Set(topology.queues.map(({ name }) => name));
    const named = queries.flatMap((query) =>
      [...query.matchAll(/queue=~"([^"]+)"/g)].flatMap(([, name = '']) => name.replaceAll('\\\\', '').split('|')),
    );
    expect(named.filter((name) => !queues.has(name))).toEqual([]);
    expect(new Set(named)).toEqual(new Set([...queues].filter((name) => !name.startsWith('retry.') && name !== 'hold')));
    expect(named).toContain(exchanges.unrouted);
  });

  test('every alert has a runbook that is there, and every runbook an alert', () => {
    const pages = alerts.map(({ annotations }) => annotations.runbook_url);
    for (const page of pages) expect({ page, exists: existsSync(path.join(repository, page)) }).toEqual({ page, exists: true });
    const folder = path.join(repository, 'docs', 'runbooks');
    const written = readdirSync(folder).filter((name) => readFileSync(path.join(folder, name), 'utf8').includes('Alert: `Mailrail'));
    expect(written.map((name) => `docs/runbooks/${name}`).toSorted()).toEqual([...new Set(pages)].toSorted());
  });
});

/** @returns places that the grammar does not take. */
function errorsIn(query: string): number {
  let errors = 0;
  parser.parse(query).iterate({
    enter: ({ type }) => {
      if (type.isError) errors += 1;
    },
  });
  return errors;
}

describe('an organization of one’s own', () => {
  const text = (connectors: string) =>
    `organization: Own\nsite: here\nserver: S1\nservers: [{ name: S1, site: here }]\ndomains: [{ name: own.example, type: authoritative }]\npostmaster: postmaster@own.example\n${connectors}`;

  test('a connector brings its Deployment, scaler, alerts, queue and login', () => {
    const smtp = "connectors:\n  - { name: out, kind: smtp, addressSpaces: [{ space: 'SMTP:*' }], user: me, passwordEnv: OUT_PASSWORD }\n";
    const files = organizationFiles(readOrganization(text(smtp), 'own'), '1.2.3', ['directory.ldif']);
    expect(files.get('kustomization.yaml')).toContain('directory.ldif');
    const printed = files.get('connectors.yaml') ?? '';
    expect(printed).toContain('image: mailrail:1.2.3');
    expect(printed).toContain('name: OUT_PASSWORD');
    expect(printed).toContain('name: mailrail-connector-out');
    expect(files.get('keda/scalers.yaml')).toContain('queueName: 8.connector.out');
    expect(files.get('monitoring/alerts.yaml')).toContain('8\\\\.connector\\\\.out\\\\.badmail');
    expect(files.get('rabbitmq/users.yaml')).toContain('name: connector-smtp-out');
    expect(files.get('rabbitmq/logins/kustomization.yaml')).toContain('connector-smtp-out-user-credentials');
  });
  test('without connectors there is nothing of them', () => {
    const files = organizationFiles(readOrganization(text(''), 'own'), '1.2.3', []);
    expect([...files.keys()].filter((name) => /connectors|scalers|alerts/.test(name))).toEqual([]);
    expect(files.get('rabbitmq/topology.yaml')).not.toContain('8.connector');
  });
  test('a mistake is told with its line', () => {
    expect(() => readOrganization(text('conectors: []\n'), 'own.yaml')).toThrow(/own\.yaml:\n.*conectors/s);
  });
});
