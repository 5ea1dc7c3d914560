import { connectFirst } from './connect-first.ts';

/** What can be seen of a queue without taking anything. */
export interface QueueFacts {
  queue: string;
  messages: number; // ready ones; what consumers hold is not counted
  consumers: number;
  head: Buffer | undefined; // body of the message that waits longest
}

/**
 * Looks at queues: depth, consumers, and the first message of each, which is put back. For what runs seldom: each look counts as a
 * delivery of that message, far below the delivery limit.
 *
 * @param url as for `openBus`; where it has several hosts, the first that answers.
 * @throws Error when no host answers within ten seconds, or a queue does not exist.
 */
export async function queueFacts(url: string, queues: readonly string[]): Promise<QueueFacts[]> {
  const connection = await connectFirst(url, 'looking at queues');
  connection.on('error', () => {}); // the call in hand rejects with it
  try {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    const facts: QueueFacts[] = [];
    for (const queue of queues) {
      const { messageCount, consumerCount } = await channel.checkQueue(queue);
      const message = messageCount === 0 ? false : await channel.get(queue);
      if (message !== false) channel.nack(message, false, true);
      facts.push({ queue, messages: messageCount, consumers: consumerCount, head: message === false ? undefined : message.content });
    }
    await channel.close();
    return facts;
  } finally {
    await connection.close().catch(() => {});
  }
}
