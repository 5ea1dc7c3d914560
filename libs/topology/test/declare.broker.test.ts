import { afterAll, beforeAll, expect, test } from '@jest/globals';
import amqp, { type ConfirmChannel } from 'amqplib';
import { freshVhost, type Vhost, waitFor } from '@mailrail/testing';
import { declareTopology, TopologyMismatch, topologyOf } from '../src/index.ts';

const topology = topologyOf([{ name: 'internet', kind: 'smtp' }]);
let vhost: Vhost;
let connection: Awaited<ReturnType<typeof amqp.connect>>;
let channel: ConfirmChannel;
beforeAll(async () => {
  vhost = await freshVhost();
  await declareTopology(topology, vhost.amqpUrl, vhost.managementUrl);
  connection = await amqp.connect(vhost.amqpUrl);
  channel = await connection.createConfirmChannel();
});
afterAll(async () => {
  await connection.close();
  await vhost.drop();
});
const publish = async (key: string, headers: Record<string, unknown>) => {
  channel.publish('mail', key, Buffer.from('{}'), { persistent: true, mandatory: true, headers });
  await channel.waitForConfirms();
};
const got = (queue: string) =>
  waitFor(
    async () => {
      const message = await channel.get(queue, { noAck: true });
      return message === false ? undefined : message;
    },
    { what: `a message in ${queue}` },
  );

test('declared again: nothing to do', async () => {
  await declareTopology(topology, vhost.amqpUrl, vhost.managementUrl);
});

test('a rung hands back to the station of `return-to`', async () => {
  await publish('retry.1s', { 'return-to': 'mta.smtp' });
  const message = await got('3.mta.smtp');
  expect(message.properties.headers?.['x-death']?.[0]).toMatchObject({ queue: 'retry.1s', reason: 'expired' });
});

test('a mail for a station that is no more is kept in `unrouted`, and does not stop those behind it', async () => {
  await publish('retry.1s', { 'return-to': 'connector.gone' });
  await publish('retry.1s', { 'return-to': 'mta' });
  await got('3.mta');
  await got('unrouted');
});

test('what the broker gives up goes to where it is parked from, and what is parked to the badmail lane, also on an older line', async () => {
  // As a release before bound it: both in one lane.
  await channel.bindQueue('2.mts-in.badmail', 'mail', 'mts-in.badmail');
  await declareTopology(topology, vhost.amqpUrl);
  await publish('mts-in', {});
  const message = await waitFor(async () => (await channel.get('2.mts-in')) || undefined, { what: 'the message' });
  channel.nack(message, false, false);
  const given = await got('dead-letters');
  expect(given.properties.headers?.['x-first-death-reason']).toBe('rejected');
  await publish('mts-in.parked', { reason: 'not JSON' });
  const parked = await got('2.mts-in.badmail'); // and nothing came before it
  expect(parked.properties.headers).toMatchObject({ reason: 'not JSON' });
});

test('what differs is named, all of it at once, and nothing is changed', async () => {
  const other = await freshVhost();
  const before = await amqp.connect(other.amqpUrl);
  const setUp = await before.createChannel();
  await setUp.assertExchange('mail', 'fanout', { durable: true });
  await setUp.assertQueue('3.mta', { durable: true });
  await setUp.assertQueue('retry.1s', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await before.close();
  const failure = await declareTopology(topology, other.amqpUrl).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(TopologyMismatch);
  expect(failure instanceof TopologyMismatch ? failure.differences.map((one) => one.split(':')[0]) : []).toEqual([
    'exchange mail',
    'queue 3.mta',
    'queue retry.1s',
  ]);
  await other.drop();
});
