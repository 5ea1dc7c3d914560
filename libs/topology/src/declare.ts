import { amqpUrls, connectFirst } from '@mailrail/broker';
import type { Channel, ChannelModel } from 'amqplib';
import { z } from 'zod';
import type { Topology } from './topology.ts';

export class TopologyMismatch extends Error {
  readonly differences: readonly string[];
  constructor(differences: readonly string[]) {
    super(
      `the broker's topology differs from this version's:\n  ${differences.join('\n  ')}\n` +
        'An existing queue cannot be changed in place: drain and delete it, or move its mail to a new queue, then run the topology command again.',
    );
    this.name = 'TopologyMismatch';
    this.differences = differences;
  }
}

/**
 * Declares everything, then reads it back and compares. The only code that declares; services only look (`checkQueue`).
 * An import of definitions answers yes even where it changed nothing, so each object is asserted, which the broker refuses
 * (406) when it exists with other arguments.
 *
 * @param amqpUrl of the broker; where it has several hosts, the first that answers is told, and tells the others.
 * @param managementUrl when given, bindings are read back, too.
 * @throws TopologyMismatch naming every difference at once.
 */
export async function declareTopology(topology: Topology, amqpUrl: string, managementUrl?: string): Promise<void> {
  const connection = await connectFirst(amqpUrl, 'topology');
  connection.on('error', () => {}); // the failing call below rejects with the reason
  const differences: string[] = [];
  try {
    for (const one of topology.exchanges) {
      await attempt(connection, differences, `exchange ${one.name}`, (channel) =>
        channel.assertExchange(one.name, one.type, { durable: true, arguments: one.arguments }),
      );
    }
    for (const one of topology.queues) {
      await attempt(connection, differences, `queue ${one.name}`, (channel) =>
        channel.assertQueue(one.name, { durable: true, arguments: one.arguments }),
      );
    }
    if (differences.length === 0) {
      const channel = await connection.createChannel();
      channel.on('error', () => {});
      // First out of the old one: were both bound for a moment, every mail of it would be there twice. A publisher that comes in
      // between is told that there is no queue, and tries again.
      for (const { name, replaces } of topology.queues) {
        if (replaces === undefined) continue;
        for (const one of topology.bindings) {
          if (one.queue === name) await channel.unbindQueue(replaces, one.source, one.key, one.arguments);
        }
      }
      for (const one of topology.bindings) await channel.bindQueue(one.queue, one.source, one.key, one.arguments);
      for (const one of topology.retiredBindings) await channel.unbindQueue(one.queue, one.source, one.key, one.arguments);
    }
  } finally {
    await connection.close().catch(() => {});
    channels.delete(connection);
  }
  if (differences.length === 0 && managementUrl !== undefined) {
    differences.push(...(await missingBindings(topology, amqpUrl, managementUrl)));
  }
  if (differences.length > 0) throw new TopologyMismatch(differences);
}

const channels = new WeakMap<ChannelModel, Channel>();

/** A refused assertion closes its channel, so the next one gets a new channel and all differences are found in one run. */
async function attempt(
  connection: ChannelModel,
  differences: string[],
  what: string,
  assert: (channel: Channel) => Promise<unknown>,
): Promise<void> {
  let channel = channels.get(connection);
  if (channel === undefined) {
    channel = await connection.createChannel();
    channel.on('error', () => {});
    channels.set(connection, channel);
  }
  try {
    await assert(channel);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (!/406|PRECONDITION/.test(message)) throw error;
    channels.delete(connection);
    differences.push(`${what}: ${message.replace(/^.*PRECONDITION[_-]FAILED[^a-z]*/i, '').replace(/"$/, '')}`);
  }
}

const BindingRows = z.array(
  z.object({
    source: z.string(),
    destination: z.string(),
    routing_key: z.string(),
    arguments: z.object({ 'return-to': z.string().optional() }),
  }),
);

/** Bindings the broker does not show after they were declared. */
async function missingBindings(topology: Topology, amqpUrl: string, managementUrl: string): Promise<string[]> {
  const vhost = decodeURIComponent(new URL(amqpUrls(amqpUrl)[0] ?? amqpUrl).pathname.slice(1)) || '/';
  const url = new URL(managementUrl);
  const authorization = `Basic ${Buffer.from(`${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`).toString('base64')}`;
  const response = await fetch(`${url.origin}/api/bindings/${encodeURIComponent(vhost)}`, {
    headers: { authorization },
    signal: AbortSignal.timeout(10_000),
  });
  if (!response.ok) return [`bindings could not be read back: management API answered ${response.status}`];
  const rows = BindingRows.safeParse(await response.json());
  if (!rows.success) return ['bindings could not be read back: unexpected answer'];
  const found = new Set(rows.data.map((row) => [row.source, row.destination, row.routing_key, row.arguments['return-to'] ?? ''].join('|')));
  return topology.bindings
    .filter((one) => !found.has([one.source, one.queue, one.key, one.arguments['return-to'] ?? ''].join('|')))
    .map((one) => `binding ${one.source} -> ${one.queue} (${one.key || one.arguments['return-to'] || 'all'}) is missing`);
}
