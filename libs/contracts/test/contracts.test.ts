import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from '@jest/globals';
import {
  Bag,
  type Contract,
  contracts,
  contractOf,
  type Envelope,
  hookPoints,
  parseSchemaName,
  readerOf,
  TrackingBag,
  writerOf,
} from '../src/index.ts';

const fixtures = path.join(import.meta.dirname, 'fixtures');
const read = (name: string): unknown => JSON.parse(readFileSync(path.join(fixtures, name), 'utf8'));

/** Every version a reader of this release must understand. */
const versions = Object.values(contracts).flatMap((one: Contract) =>
  [one.version, ...one.previous.map(({ version }) => version)].map((version) => ({ name: `${one.station}.v${version}`, one, version })),
);

describe('fixtures: what is on the bus of an installed version must stay readable', () => {
  test('there is one for each contract and version', () => {
    const expected = versions.map(({ name }) => `${name}.json`);
    expect(readdirSync(fixtures).toSorted()).toEqual([...expected, 'tracking.v1.json'].toSorted());
  });

  test.each(versions)('$name', ({ name, one, version }) => {
    const bag = Bag.parse(read(`${name}.json`));
    expect(bag.schema).toBe(name);
    const reader = readerOf(one, version);
    if (typeof reader === 'string') throw new Error(`${name} is ${reader}`);
    const write = writerOf(one, version);
    for (const mail of bag.mails) {
      const parsed = reader(mail);
      if (!parsed.success) throw parsed.error;
      // Back in its own version it is the same: a roll-back loses nothing.
      expect(write(parsed.data as Envelope)).toEqual({ schema: name, mail });
    }
  });

  test('a new version is written one release after it is read: at most one step behind', () => {
    for (const { version, writes, previous } of Object.values(contracts) as Contract[]) {
      expect([version, ...previous.map((one) => one.version)]).toContain(writes);
      expect(version - writes).toBeLessThanOrEqual(1);
    }
  });

  test('a bag of ten recipients stays under 4 KB', () => {
    const { recipients, ...mail } = contracts.SubmittedMail.schema.parse(Bag.parse(read('mts-in.v1.json')).mails[0]);
    const ten = { ...mail, recipients: Array.from({ length: 10 }, () => recipients[0]) };
    expect(JSON.stringify(ten).length).toBeLessThan(4_096);
  });

  test('tracking', () => {
    expect(TrackingBag.parse(read('tracking.v1.json'))).toEqual(read('tracking.v1.json'));
  });
});

describe('what a contract refuses', () => {
  const { schema } = contracts.ForeignMessage;
  const good = schema.parse(Bag.parse(read('gateway.in.v1.json')).mails[0]);
  const { recipients } = good;
  test.each([
    ['no recipients', { recipients: [] }],
    ['101 recipients (R15)', { recipients: Array.from({ length: 101 }, () => recipients[0]) }],
    ['an address without a type', { sender: 'ada@corp.example' }],
    ['an address with a line end', { sender: 'SMTP:ada@corp.example\r\nBcc: all' }],
    ['an identity that is none', { rootId: 'x' }],
    ['33 groups deep', { expandedVia: Array.from({ length: 33 }, () => 'CN=x') }],
    ['attempt 0', { attempt: 0 }],
    ['a priority of ten', { priority: 10 }],
    ['a time without a mode', { deliverBy: { at: 1, trace: false } }],
  ])('%s', (_name, change) => {
    expect(schema.safeParse({ ...good, ...change }).success).toBe(false);
    expect(schema.safeParse(good).success).toBe(true);
  });
});

test('connector stations share a contract; an unknown station is a bug', () => {
  expect(contractOf('connector.internet')).toBe(contracts.RoutedMail);
  expect(() => contractOf('nowhere')).toThrow(RangeError);
});

test.each([
  ['aq.pre-categorization.v12', { station: 'aq.pre-categorization', version: 12 }],
  ['mta', undefined],
  ['mta.vx', undefined],
])('schema name %s', (name, parsed) => {
  expect(parseSchemaName(name)).toEqual(parsed);
});

test('hook points are named once each', () => {
  expect(new Set(hookPoints).size).toBe(hookPoints.length);
});
