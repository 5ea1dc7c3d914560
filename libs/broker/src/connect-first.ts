import amqp, { type ChannelModel } from 'amqplib';
import { amqpUrls } from './amqp-hosts.ts';

/**
 * A connection for a short errand, to the first host of a broker that answers.
 *
 * @param url as for `openBus`.
 * @param name in the console's list of connections.
 * @throws Error, what the last host answered, within about ten seconds.
 */
export async function connectFirst(url: string, name: string): Promise<ChannelModel> {
  const hosts = amqpUrls(url);
  let failure: unknown;
  for (const host of hosts) {
    try {
      return await amqp.connect(host, {
        noDelay: true,
        timeout: Math.max(2_000, 10_000 / hosts.length),
        clientProperties: { connection_name: name },
      });
    } catch (error) {
      failure = error;
    }
  }
  throw failure instanceof Error ? failure : new Error(String(failure));
}
