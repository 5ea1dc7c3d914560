import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import amqp, { type ConfirmChannel } from 'amqplib';
import { silentLog } from '@mailrail/telemetry';
import { freshVhost, type TcpProxy, tcpProxy, type Vhost, waitFor } from '@mailrail/testing';
import { type Bus, type BusOptions, type Delivery, openBus, PublishError, queueFacts } from '../src/index.ts';

let vhost: Vhost;
let proxy: TcpProxy;
let channel: ConfirmChannel;
let admin: Awaited<ReturnType<typeof amqp.connect>>;
const open: Bus[] = [];

beforeAll(async () => {
  vhost = await freshVhost();
  proxy = await tcpProxy(Number(new URL(vhost.amqpUrl).port));
  admin = await amqp.connect(vhost.amqpUrl);
  channel = await admin.createConfirmChannel();
  for (const exchange of ['mail', 'probe'])
    await channel.assertExchange(exchange, exchange === 'mail' ? 'topic' : 'fanout', { durable: true });
  await declare();
});
async function declare() {
  await channel.assertQueue('work', { durable: true, arguments: { 'x-queue-type': 'quorum' } });
  await channel.bindQueue('work', 'mail', 'work');
}
afterEach(async () => {
  await proxy.heal();
  await Promise.all(open.splice(0).map((bus) => bus.close()));
  await channel.purgeQueue('work');
});
afterAll(async () => {
  await proxy.close();
  await admin.close();
  await vhost.drop();
});

function bus(options: Partial<BusOptions> = {}): Bus {
  const url = new URL(vhost.amqpUrl);
  url.port = String(proxy.port);
  const one = openBus({ url: url.href, name: 'test', log: silentLog, backoffMs: { first: 20, most: 200 }, probeEveryMs: 200, ...options });
  open.push(one);
  return one;
}
let serial = 0;
const message = (key = 'work', body: Buffer = Buffer.from('x')) => {
  serial += 1;
  return { exchange: 'mail', key, body, messageId: `m${serial}`, type: 'test', headers: {} };
};
function consuming(options: Partial<BusOptions> = {}) {
  const taken: Delivery[] = [];
  const one = bus({ ...options, consume: { queues: ['work'], prefetch: 64, onDelivery: (delivery) => taken.push(delivery) } });
  return { taken, bus: one };
}
const up = (one: Bus) => waitFor(() => one.state() === 'up' && one.ready(), { what: 'the bus is up', timeoutMs: 15_000 });

describe('publishing', () => {
  test('a 4 KB message is confirmed within 20 ms at window 1: Nagle is off', async () => {
    const one = bus();
    await one.start();
    const times: number[] = [];
    for (let index = 0; index < 20; index += 1) {
      const before = performance.now();
      await one.publish(message('work', Buffer.alloc(4_096, 120)));
      times.push(performance.now() - before);
    }
    expect(times.sort((a, b) => a - b)[10]).toBeLessThan(20);
  });

  test('nothing bound for the key: returned is a failure, though the broker acknowledges', async () => {
    const one = bus();
    await one.start();
    await expect(one.publish(message('nowhere'))).rejects.toMatchObject({ name: 'PublishError', kind: 'returned' });
    await one.publish(message());
  });

  test('a missing exchange ends this life of the connections, and the next one works', async () => {
    const one = bus();
    await one.start();
    await expect(one.publish({ ...message(), exchange: 'missing' })).rejects.toMatchObject({ kind: 'unknown' });
    await up(one);
    await one.publish(message());
  });

  test('a publication that belongs to an earlier life is not sent (R9)', async () => {
    const one = bus();
    await one.start();
    const before = one.epoch();
    proxy.cut();
    await waitFor(() => one.epoch() > before, { what: 'a new life' });
    await up(one);
    await expect(one.publish(message(), before)).rejects.toMatchObject({ kind: 'stale' });
    expect((await channel.checkQueue('work')).messageCount).toBe(0);
  });

  test('connection cut with messages unconfirmed: each is told, and it goes on alone', async () => {
    const one = bus();
    await one.start();
    const results = Array.from({ length: 200 }, () =>
      one.publish(message()).then(
        () => 'ok',
        (error: unknown) => (error instanceof PublishError ? error.kind : 'other'),
      ),
    );
    proxy.cut();
    const told = await Promise.all(results);
    expect(told.filter((kind) => kind === 'other')).toEqual([]);
    await up(one);
    await one.publish(message());
  });

  test('the network swallows everything: the confirm deadline ends it, and it recovers alone', async () => {
    const one = bus({ confirmTimeoutMs: 400 });
    await one.start();
    await up(one);
    proxy.blackhole();
    await expect(one.publish(message())).rejects.toMatchObject({ kind: 'unknown' });
    await proxy.heal();
    await up(one);
    await one.publish(message());
  }, 30_000);

  test('more unconfirmed messages than the window: they wait, and all go', async () => {
    const one = bus({ maxUnconfirmed: 8 });
    await one.start();
    await Promise.all(Array.from({ length: 100 }, () => one.publish(message())));
    expect((await channel.checkQueue('work')).messageCount).toBe(100);
  });
});

describe('consuming', () => {
  test('acknowledged is gone, the rest comes again after a cut, and old acks harm nothing', async () => {
    const { taken, bus: one } = consuming();
    await one.start();
    for (let index = 0; index < 10; index += 1) await one.publish(message('work', Buffer.from(String(index))));
    await waitFor(() => taken.length === 10, { what: 'ten taken' });
    for (const delivery of taken.slice(0, 4)) delivery.ack();
    const first = taken.splice(0);
    await new Promise((resolve) => setImmediate(resolve));
    proxy.cut();
    await waitFor(() => taken.length >= 6, { what: 'six again' });
    for (const delivery of first) delivery.ack(); // stale: dropped
    await one.publish(message('work', Buffer.from('after')));
    await waitFor(() => taken.some(({ content }) => content.toString() === 'after'), { what: 'goes on' });
    // Acks on their way when the line was cut may be lost: then those come again, too. What was not acknowledged always does.
    expect(new Set(taken.map(({ content }) => content.toString()))).toEqual(
      new Set([
        ...taken.filter(({ content }) => Number(content.toString()) < 4).map(({ content }) => content.toString()),
        '4',
        '5',
        '6',
        '7',
        '8',
        '9',
        'after',
      ]),
    );
    expect(taken.filter(({ content }) => content.toString() !== 'after').every(({ redelivered }) => redelivered)).toBe(true);
  });

  test('consumer cancelled because its queue is gone: back as soon as the queue is', async () => {
    const { taken, bus: one } = consuming();
    await one.start();
    await up(one);
    await channel.deleteQueue('work');
    await waitFor(() => one.state() === 'down', { what: 'noticed' });
    await declare();
    await up(one);
    await one.publish(message());
    await waitFor(() => taken.length === 1, { what: 'taken' });
  });

  test('a queue that is missing at start: not ready, and ready once it was declared', async () => {
    await channel.deleteQueue('work');
    const { bus: one } = consuming();
    void one.start();
    await waitFor(() => Date.now() - one.lastTriedAt() < 1_000 && one.state() === 'down', { what: 'tried' });
    expect(one.ready()).toBe(false);
    await declare();
    await up(one);
  });

  test('stopped: nothing more is taken, what is in hand can still be acknowledged', async () => {
    const { taken, bus: one } = consuming();
    await one.start();
    await one.publish(message());
    await waitFor(() => taken.length === 1, { what: 'taken' });
    await one.stopConsuming();
    await one.publish(message());
    taken[0]?.ack();
    await one.close();
    expect((await channel.checkQueue('work')).messageCount).toBe(1);
    expect(taken).toHaveLength(1);
  });
});

describe('a broker with two hosts', () => {
  let other: TcpProxy;
  beforeAll(async () => {
    other = await tcpProxy(Number(new URL(vhost.amqpUrl).port));
  });
  afterAll(async () => other.close());
  const bothHosts = () => {
    const { username, password, pathname } = new URL(vhost.amqpUrl);
    return `amqp://${username}:${password}@127.0.0.1:${proxy.port},127.0.0.1:${other.port}${pathname}`;
  };
  const hostInUse = () => (proxy.connections > 0 ? proxy : other.connections > 0 ? other : undefined);

  test('each life of the pair is at one host, and the next one at the other', async () => {
    const { taken, bus: one } = consuming({ url: bothHosts() });
    await one.start();
    await up(one);
    for (let life = 0; life < 3; life += 1) {
      const now = hostInUse();
      expect(proxy.connections * other.connections).toBe(0);
      expect(proxy.connections + other.connections).toBe(2); // one to publish, one to consume
      now?.cut();
      await waitFor(() => hostInUse() !== undefined && hostInUse() !== now, { what: 'the other host' });
      await up(one);
      await one.publish(message('work', Buffer.from(`life ${life}`)));
      await waitFor(() => taken.some(({ content }) => content.toString() === `life ${life}`), { what: 'taken' });
    }
  });

  test('one host down: the other serves, whichever was to be first', async () => {
    await proxy.refuse();
    for (const random of [() => 0, () => 0.9]) {
      const one = bus({ url: bothHosts(), random });
      await one.start();
      await up(one);
      await one.publish(message());
      expect(other.connections).toBeGreaterThan(0);
      await one.close();
    }
    expect(await queueFacts(bothHosts(), ['work'])).toMatchObject([{ queue: 'work', messages: 2 }]);
  });

  test('both down, then one comes: it is found within a pause', async () => {
    await Promise.all([proxy.refuse(), other.refuse()]);
    const one = bus({ url: bothHosts() });
    void one.start();
    await waitFor(() => one.epoch() >= 4, { what: 'both tried twice' });
    expect(one.state()).toBe('down');
    await other.heal();
    await up(one);
  });
});
