import { connectFirst } from '@mailrail/broker';
import { openRedis } from '@mailrail/redis';
import { reasonOf } from './error-code.ts';

/**
 * Whether servers that somebody named let us in. Asked before anything is started with them: a line runs on, with possible duplicates,
 * when its Redis is away, and what a broker says of a wrong login names neither the variable nor the user.
 *
 * @throws Error naming the variable, the server without its password, and what is wrong.
 */
export async function checkGivenBrokers({
  amqpUrl,
  redisUrl,
}: {
  amqpUrl?: string | undefined;
  redisUrl?: string | undefined;
}): Promise<void> {
  if (amqpUrl !== undefined) await checkAmqp(amqpUrl);
  if (redisUrl !== undefined) await checkRedis(redisUrl);
}

/** `amqp://user:secret@host` -> `amqp://host`. */
const shown = (url: string) => url.replace(/\/\/[^@/]*@/, '//');

async function checkAmqp(url: string): Promise<void> {
  try {
    await (await connectFirst(url, 'mailrail start')).close();
  } catch (error) {
    throw new Error(`AMQP_URL: ${shown(url)}: ${amqpReason(reasonOf(error), url)}`, { cause: error });
  }
}

function amqpReason(reason: string, url: string): string {
  const user = /\/\/([^:@/]*)(?::[^@/]*)?@/.exec(url)?.[1] || 'guest';
  if (reason.includes('ACCESS_REFUSED') || reason.includes('ACCESS-REFUSED'))
    return `the broker refuses the login of ${user}: user or password is wrong, or this user may come from its own machine only`;
  if (reason.includes('ConnectionOpenOk'))
    return `the broker does not let ${user} into this virtual host: it is not there, or the user has no rights in it`;
  if (/ETIMEDOUT|Socket closed|ECONNRESET|unexpected/i.test(reason)) return `what answers there does not speak AMQP (${reason})`;
  return reason;
}

async function checkRedis(url: string): Promise<void> {
  const { client } = openRedis(url, { queueWhileAway: true, autoPipelining: false, commandTimeoutMs: 4_000, retryMs: () => 500 });
  let heard: string | undefined;
  client.on('error', (error: Error) => {
    heard ??= error.message;
  });
  try {
    await client.ping();
  } catch (error) {
    throw new Error(`REDIS_URL: ${shown(url)}: ${redisReason(heard ?? reasonOf(error))}`, { cause: error });
  } finally {
    client.disconnect();
  }
}

function redisReason(reason: string): string {
  if (/WRONGPASS|NOAUTH|invalid password|AUTH <password>/i.test(reason)) return `it refuses the login: ${reason}`;
  return /RESP type|closed|timed out|Protocol error|max retries|ECONNRESET|EPIPE/i.test(reason)
    ? `what answers there does not speak Redis (${reason})`
    : reason;
}
