import { expect, test } from '@jest/globals';
import { maySweep } from '@mailrail/content-store';
import { mailTo } from '@mailrail/testing';
import { topologyOf } from '@mailrail/topology';
import { queuesWithBodies, waitingMail } from '../src/waiting-mail.ts';

const now = Date.parse('2026-11-24T12:00:00Z');
const hour = 3_600_000;
const bag = (...ages: number[]) =>
  Buffer.from(
    JSON.stringify({
      schema: 'mta.v1',
      mails: ages.map((age) => mailTo(['ada@corp.example'], { origin: { ...mailTo(['x@y.example']).origin, at: now - age } })),
    }),
  );

test('work queues, rungs and dead letters are asked about, parked mail is not', () => {
  const queues = queuesWithBodies(topologyOf([{ name: 'internet', kind: 'smtp' }]));
  expect(queues).toEqual(expect.arrayContaining(['1.gateway.in', '8.connector.internet', '9.aq.reports', 'dead-letters', 'retry.1h']));
  expect(queues.filter((name) => name.endsWith('badmail') || name === 'hold' || name === 'unrouted')).toEqual([]);
});

const retention = 72 * hour;
test.each([
  ['all queues empty', [{ queue: '3.mta', messages: 0, consumers: 0, head: undefined }], true],
  ['mail that is young, with a consumer', [{ queue: '3.mta', messages: 2, consumers: 1, head: bag(hour) }], true],
  ['mail and no consumer', [{ queue: '3.mta', messages: 2, consumers: 0, head: bag(hour) }], false],
  ['a rung needs no consumer', [{ queue: 'retry.1h', messages: 2, consumers: 0, head: bag(hour) }], true],
  ['one old mail in the first bag', [{ queue: '3.mta', messages: 2, consumers: 1, head: bag(hour, 49 * hour) }], false],
  ['a bag nobody can read', [{ queue: '3.mta', messages: 1, consumers: 1, head: Buffer.from('?') }], false],
  ['taken while we looked', [{ queue: '3.mta', messages: 1, consumers: 1, head: undefined }], false],
])('%s: may sweep %s', (_name, facts, ok) => {
  expect(maySweep(waitingMail(facts, now), retention).ok).toBe(ok);
});
