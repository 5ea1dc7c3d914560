import { randomUUID } from 'node:crypto';
import { brokersForTests } from './brokers.ts';

export interface Vhost {
  name: string;
  amqpUrl: string; // leads into the vhost
  managementUrl: string; // with user and password; paths are `/api/queues/${encodeURIComponent(name)}`
  /** The management API: `api('GET', 'queues/' + vhost)`. @throws Error for an answer over 299. */
  api: (method: string, path: string, body?: unknown) => Promise<unknown>;
  /** Removes the vhost with everything in it; open connections are closed by the broker. */
  drop: () => Promise<void>;
}

/**
 * A vhost of the test's own on the brokers of the run, through the management API. Cheap: some milliseconds.
 *
 * @param broker another broker than the run's, for example one from `startBroker`.
 */
export async function freshVhost(broker: { amqpUrl: string; managementUrl: string } = brokersForTests()): Promise<Vhost> {
  const name = `test-${randomUUID()}`;
  const management = new URL(broker.managementUrl);
  const user = decodeURIComponent(management.username);
  const authorization = `Basic ${btoa(`${user}:${decodeURIComponent(management.password)}`)}`;
  const api = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(`${management.origin}/api/${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(15_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`management API: ${method} ${path} answered ${answer.status} ${text.slice(0, 300)}`);
    return text === '' ? undefined : JSON.parse(text);
  };
  await api('PUT', `vhosts/${name}`, {});
  await api('PUT', `permissions/${name}/${encodeURIComponent(user)}`, { configure: '.*', write: '.*', read: '.*' });
  const amqpUrl = new URL(broker.amqpUrl);
  amqpUrl.pathname = `/${name}`;
  return {
    name,
    amqpUrl: amqpUrl.href,
    managementUrl: broker.managementUrl,
    api,
    drop: async () => {
      await api('DELETE', `vhosts/${name}`);
    },
  };
}
