import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import amqp, { type ConfirmChannel } from 'amqplib';
import { freshVhost, type Vhost, waitFor } from '@mailrail/testing';
import { declareTopology, moveReplaced, queueOf, type Station, stations, topologyOf } from '../src/index.ts';

const before = topologyOf([]);
/** The next release: the queue of the mta has other arguments. */
const mta: Station = { ...stations.mta, generation: 2 };
const after = topologyOf([], { ...stations, mta });
const [oldQueue, newQueue] = ['3.mta', '3.mta.g2'];

let vhost: Vhost;
let connection: Awaited<ReturnType<typeof amqp.connect>>;
let channel: ConfirmChannel;
beforeEach(async () => {
  vhost = await freshVhost();
  await declareTopology(before, vhost.amqpUrl);
  connection = await amqp.connect(vhost.amqpUrl);
  connection.on('error', () => {});
  channel = await connection.createConfirmChannel();
  channel.on('error', () => {});
});
afterEach(async () => {
  await connection.close().catch(() => {});
  await vhost.drop();
});
const publish = async (id: string, key = 'mta', headers: Record<string, unknown> = {}) => {
  channel.publish('mail', key, Buffer.from(`{"id":"${id}"}`), {
    persistent: true,
    mandatory: true,
    messageId: id,
    type: 'mta.v1',
    timestamp: 1_700_000_000,
    headers: { mails: 1, 'sent-at-ms': 5, ...headers },
  });
  await channel.waitForConfirms();
};
/** A queue's depth; `undefined` when there is none. */
const depth = async (queue: string): Promise<number | undefined> => {
  const looking = await connection.createChannel();
  looking.on('error', () => {});
  try {
    const { messageCount } = await looking.checkQueue(queue);
    await looking.close();
    return messageCount;
  } catch {
    return undefined;
  }
};
const taken = async (queue: string) => {
  const ids: string[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (message === false) return ids;
    ids.push(String(message.properties.messageId));
  }
};

test('a later generation is another queue, for the same key and the same badmail', () => {
  expect(queueOf('mta', mta, 'normal')).toBe(newQueue);
  expect(queueOf('mta', mta, 'high')).toBe('3.mta.high.g2');
  expect(after.queues.find(({ name }) => name === newQueue)).toMatchObject({ replaces: oldQueue });
  expect(after.queues.filter(({ name }) => name.startsWith('3.mta.') && name.endsWith('badmail')).map(({ name }) => name)).toEqual(
    before.queues.filter(({ name }) => name.startsWith('3.mta.') && name.endsWith('badmail')).map(({ name }) => name),
  );
  const keysOf = (queue: string, topology: typeof before) =>
    topology.bindings.filter((one) => one.queue === queue).map(({ source, key }) => `${source} ${key}`);
  expect(keysOf(newQueue, after)).toEqual(keysOf(oldQueue, before));
});

test('declared: from now on mail goes into the new queue alone, what comes back from the ladder, too; what waited stays', async () => {
  await publish('waited');
  await declareTopology(after, vhost.amqpUrl, vhost.managementUrl);
  await publish('new');
  await publish('back', 'retry.1s', { 'return-to': 'mta' });
  await waitFor(async () => (await depth(newQueue)) === 2, { what: 'two in the new queue' });
  expect([await taken(oldQueue), (await taken(newQueue)).toSorted()]).toEqual([['waited'], ['back', 'new']]);
});

describe('moving', () => {
  test('everything, each once, with what it carries; and the old queue goes when it is told to', async () => {
    const ids = Array.from({ length: 300 }, (_, index) => `m${index}`);
    for (const id of ids) await publish(id);
    await declareTopology(after, vhost.amqpUrl);
    expect(await moveReplaced(after, vhost.amqpUrl)).toEqual([
      { from: oldQueue, to: newQueue, messages: 300, left: 0, consumers: 0, removed: false },
    ]);
    const first = await channel.get(newQueue);
    if (first === false) throw new Error('nothing there');
    expect(first.content.toString()).toBe('{"id":"m0"}');
    expect(first.properties).toMatchObject({ messageId: 'm0', type: 'mta.v1', timestamp: 1_700_000_000, deliveryMode: 2 });
    expect(first.properties.headers).toMatchObject({ mails: 1, 'sent-at-ms': 5 });
    channel.nack(first, false, true);
    expect((await taken(newQueue)).toSorted()).toEqual(ids.toSorted());
    expect(await moveReplaced(after, vhost.amqpUrl, { remove: true })).toMatchObject([{ messages: 0, removed: true }]);
    expect(await depth(oldQueue)).toBeUndefined();
    expect(await moveReplaced(after, vhost.amqpUrl)).toEqual([]);
  });

  test('a delivery count of the old queue does not go along', async () => {
    await publish('peeked');
    for (let peek = 0; peek < 2; peek += 1) {
      const message = await channel.get(oldQueue);
      if (message !== false) channel.nack(message, false, true);
      await waitFor(async () => (await depth(oldQueue)) === 1, { what: 'back in its queue' });
    }
    await declareTopology(after, vhost.amqpUrl);
    await moveReplaced(after, vhost.amqpUrl);
    const moved = await channel.get(newQueue);
    expect(moved === false ? undefined : moved.properties.headers).toEqual({ mails: 1, 'sent-at-ms': 5, 'x-delivery-count': 0 });
  });

  test('a queue that somebody still consumes is not removed', async () => {
    await declareTopology(after, vhost.amqpUrl);
    await channel.consume(oldQueue, () => {});
    expect(await moveReplaced(after, vhost.amqpUrl, { remove: true })).toMatchObject([{ consumers: 1, removed: false }]);
    expect(await depth(oldQueue)).toBe(0);
  });

  test('before it is declared: said, and nothing is changed', async () => {
    await publish('waits');
    await expect(moveReplaced(after, vhost.amqpUrl)).rejects.toThrow('3.mta.g2 does not exist: run the topology command first');
    expect(await depth(oldQueue)).toBe(1);
  });
});

describe('going back', () => {
  test('mail goes into the old queue alone again, and what waited in the new one with it; the old release finds all as it needs it', async () => {
    await declareTopology(after, vhost.amqpUrl);
    await publish('in the new one');
    expect(await moveReplaced(after, vhost.amqpUrl, { back: true })).toMatchObject([
      { from: newQueue, to: oldQueue, messages: 1, left: 0 },
    ]);
    await publish('after');
    expect(await depth(newQueue)).toBe(0);
    await declareTopology(before, vhost.amqpUrl, vhost.managementUrl);
    expect((await taken(oldQueue)).toSorted()).toEqual(['after', 'in the new one']);
  });

  test('not when the old queue was removed', async () => {
    await declareTopology(after, vhost.amqpUrl);
    await moveReplaced(after, vhost.amqpUrl, { remove: true });
    await publish('stays');
    await expect(moveReplaced(after, vhost.amqpUrl, { back: true })).rejects.toThrow(/was removed/);
    expect(await depth(newQueue)).toBe(1);
  });
});
