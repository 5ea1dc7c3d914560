import { describe, expect, test } from '@jest/globals';
import { contractOf } from '@mailrail/contracts';
import { definitionsOf, generatedFiles, permissionsOf, queueName, routingKey, stationOfQueue, stations, topologyOf } from '../src/index.ts';

const topology = topologyOf([
  { name: 'internet', kind: 'smtp' },
  { name: 'paris', kind: 'routing-group' },
]);

test('the console’s alphabetical list tells the process from top to bottom', () => {
  const names = topology.queues.map(({ name }) => name).filter((name) => /^\d/.test(name) && !name.endsWith('.badmail'));
  expect(names.toSorted()).toEqual([
    '1.gateway.in',
    '2.mts-in',
    '3.mta',
    '3.mta.smtp',
    '4.mts-out',
    '5.aq.pre-categorization',
    '7.aq.post-categorization',
    '7.store.local-delivery',
    '8.connector.internet',
    '8.connector.paris',
    '9.aq.reports',
  ]);
});

test('every station has a contract, and leads only to stations', () => {
  for (const [name, station] of Object.entries(topology.stations)) {
    expect(contractOf(name).name).toMatch(/\.v\d+$/);
    for (const target of station.leadsTo) expect(['connector.*', 'mta.*'].includes(target) || target in stations).toBe(true);
  }
});

test('every work queue and lane that parks mail has a net, and no queue could delete mail by being looked at (R6)', () => {
  const bound = new Set(topology.bindings.filter(({ source }) => source === 'mail').map(({ key }) => key));
  for (const { name, arguments: args } of topology.queues) {
    expect(args['x-queue-type']).toBe('quorum');
    if (name === 'unrouted') continue;
    if (name.startsWith('retry.')) {
      expect(args).toMatchObject({
        'x-dead-letter-exchange': 'return',
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      });
      expect(args['x-message-ttl']).toBeGreaterThan(0);
      continue;
    }
    expect(args['x-delivery-limit']).toBeGreaterThanOrEqual(1_000);
    expect(args).toMatchObject({
      'x-dead-letter-exchange': 'mail',
      'x-dead-letter-strategy': 'at-least-once',
      'x-overflow': 'reject-publish',
    });
    const key = String(args['x-dead-letter-routing-key']).replace(/^.+(?=\.badmail$)/, '#'); // bound for all stations at once
    expect(bound.has(key)).toBe(true);
  }
});

test('what comes back from the ladder finds its station, and what does not is kept (R11)', () => {
  for (const [name, station] of Object.entries(topology.stations)) {
    for (const lane of station.lanes) {
      expect(topology.bindings).toContainEqual({
        source: 'return',
        queue: queueName(name, lane),
        key: '',
        arguments: { 'x-match': 'all', 'return-to': routingKey(name, lane) },
      });
    }
  }
  expect(topology.exchanges).toContainEqual({ name: 'return', type: 'headers', arguments: { 'alternate-exchange': 'unrouted' } });
  expect(topology.exchanges.find(({ name }) => name === 'mail')?.arguments).toEqual({}); // no alternate: `mandatory` tells publishers
});

describe('permissions (S8)', () => {
  const rows = permissionsOf(topology);
  const of = (user: string) => rows.find((row) => row.user === user);
  test('one row per consumer and the gateway; nobody configures', () => {
    expect(rows).toHaveLength(Object.keys(topology.stations).length + 1);
    expect(rows.every(({ configure }) => configure === '^$')).toBe(true);
  });
  test.each([
    ['translator', 'mts-in', true],
    ['translator', 'mta', false],
    ['translator', 'aq.reports', true],
    ['translator', 'retry.1m', true],
    ['translator', 'gateway.in.badmail', true],
    ['translator', 'mts-in.badmail', false],
    ['translator', 'gateway.in.parked', true],
    ['translator', 'mts-in.parked', false],
    ['advanced-queuing.report', 'mts-in.parked', true],
    ['advanced-queuing.report', 'connector.paris.parked', true],
    ['gateway', 'gateway.in', true],
    ['gateway', 'mts-out', true],
    ['gateway', 'retry.1s', false],
    ['router', 'connector.paris', true],
    ['router', 'store.local-delivery', false],
    ['store-driver.deliver', 'mta', false],
  ])('%s may write %s: %s', (user, key, may) => {
    expect(new RegExp(of(user)?.topicWrite ?? '^$').test(key)).toBe(may);
  });
  test('a service reads its own queues only', () => {
    expect(of('router')?.read).toBe('^(7\\.aq\\.post-categorization|7\\.aq\\.post-categorization\\.badmail)$');
  });
});

test.each([
  ['2.mts-in', 'mts-in'],
  ['5.aq.pre-categorization', 'aq.pre-categorization'],
  ['3.mta.smtp', 'mta.smtp'],
  ['3.mta.smtp.g2', 'mta.smtp'],
  ['8.connector.paris', 'connector.paris'],
  ['8.connector.paris.g3', 'connector.paris'],
  ['2.mts-in.badmail', undefined],
  ['2.nobody', undefined],
  ['retry.1m', undefined],
  ['dead-letters', undefined],
])('the station of queue %s is %s', (queue, station) => {
  expect(stationOfQueue(queue)).toBe(station);
});

test('definitions hold everything, and the generated files name every queue', () => {
  const text = JSON.stringify(definitionsOf(topology));
  for (const { name } of topology.queues) expect(text).toContain(`"${name}"`);
  const markdown = generatedFiles().get('docs/generated/topology.md') ?? '';
  for (const name of Object.keys(stations)) expect(markdown).toContain(queueName(name));
});

test('an unknown station is a bug', () => {
  expect(() => queueName('nowhere')).toThrow(RangeError);
});
