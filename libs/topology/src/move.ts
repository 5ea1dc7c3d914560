import { setTimeout as pause } from 'node:timers/promises';
import amqp, { type ChannelModel, type ConfirmChannel, type ConsumeMessage } from 'amqplib';
import type { Topology } from './topology.ts';

/** What was moved from one queue to another, and what is left. */
export interface Moved {
  from: string;
  to: string;
  messages: number;
  left: number; // ready in the queue that was left; what its consumers have in hand is not among them
  consumers: number; // of that queue
  removed: boolean;
}

const window = 128; // messages in hand at once
const lookAgainMs = 50;

/**
 * Moves the mail of each queue that another has replaced into the new one, or back for a roll-back. `declareTopology` has bound the new
 * queue in place of the old; going back binds the old one again, first of all.
 *
 * Each message is published to the other queue, confirmed, and only then acknowledged: a crash repeats some, and derived identities
 * recognise them. Consumers may go on meanwhile. Run it again as often as needed.
 *
 * @param options `back` from the new queues into the old; `remove` deletes a queue that is empty and that nobody consumes.
 * @returns one row for each replaced queue that exists.
 * @throws Error when the broker does not take a message, or when there is no old queue to go back to.
 */
export async function moveReplaced(
  topology: Topology,
  amqpUrl: string,
  { back = false, remove = false }: { back?: boolean; remove?: boolean } = {},
): Promise<Moved[]> {
  const pairs = topology.queues.flatMap(({ name, replaces }) => (replaces === undefined ? [] : [{ name, replaces }]));
  if (pairs.length === 0) return [];
  const connection = await amqp.connect(amqpUrl, { noDelay: true, timeout: 5_000 });
  connection.on('error', () => {}); // the failing call below rejects with the reason
  try {
    const moved: Moved[] = [];
    for (const { name, replaces } of pairs) {
      const [from, to] = back ? [name, replaces] : [replaces, name];
      if (!(await exists(connection, from))) continue;
      if (!(await exists(connection, to))) {
        throw new Error(
          back ? `${to} was removed: there is nothing to go back to` : `${to} does not exist: run the topology command first`,
        );
      }
      const channel = await connection.createConfirmChannel();
      channel.on('error', () => {});
      const bindings = topology.bindings.filter(({ queue }) => queue === name);
      for (const one of bindings) await channel.unbindQueue(from, one.source, one.key, one.arguments);
      for (const one of bindings) await channel.bindQueue(to, one.source, one.key, one.arguments);
      moved.push(await moveMessages(channel, from, to, remove));
      await channel.close();
    }
    return moved;
  } finally {
    await connection.close().catch(() => {});
  }
}

async function exists(connection: ChannelModel, queue: string): Promise<boolean> {
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  try {
    await channel.checkQueue(queue);
    await channel.close();
    return true;
  } catch (error) {
    if (error instanceof Error && /404|NOT_FOUND/.test(error.message)) return false; // and the channel is closed by it
    throw error;
  }
}

async function moveMessages(channel: ConfirmChannel, from: string, to: string, remove: boolean): Promise<Moved> {
  const inHand: ConsumeMessage[] = [];
  await channel.prefetch(window);
  const { consumerTag } = await channel.consume(from, (message) => {
    if (message !== null) inHand.push(message);
  });
  let messages = 0;
  const handAll = async () => {
    for (let batch = inHand.splice(0); batch.length > 0; batch = inHand.splice(0)) {
      await handOn(channel, batch, to);
      messages += batch.length;
    }
  };
  do {
    await handAll();
    await pause(lookAgainMs);
  } while (inHand.length > 0 || (await channel.checkQueue(from)).messageCount > 0);
  await channel.cancel(consumerTag);
  await handAll();
  const { messageCount: left, consumerCount: consumers } = await channel.checkQueue(from);
  // Without a consumer nobody has anything in hand, and nothing is bound any more: it stays as empty as it is.
  const removed = remove && left === 0 && consumers === 0;
  if (removed) await channel.deleteQueue(from);
  return { from, to, messages, left, consumers, removed };
}

/** As it was, but for what the broker itself writes into headers: a delivery count that goes along would be one of another queue. */
async function handOn(channel: ConfirmChannel, batch: readonly ConsumeMessage[], to: string): Promise<void> {
  let refused: string | undefined;
  const returned = ({ fields }: { fields: { replyText?: string } }) => {
    refused = fields.replyText ?? 'not routed';
  };
  channel.on('return', returned);
  for (const { content, properties } of batch) {
    const headers = Object.fromEntries(Object.entries(properties.headers ?? {}).filter(([name]) => !name.startsWith('x-')));
    channel.publish('', to, content, {
      persistent: true,
      mandatory: true,
      headers,
      messageId: properties.messageId,
      type: properties.type,
      timestamp: properties.timestamp,
      appId: properties.appId,
      contentType: properties.contentType,
    });
  }
  await channel.waitForConfirms();
  channel.off('return', returned);
  if (refused !== undefined) throw new Error(`${to} did not take a message: ${refused}`);
  for (const message of batch) channel.ack(message);
}
