/**
 * Owns the brokers of one test run or one line. Its parent holds our stdin: when that closes, however the parent died, everything
 * that was started here is stopped. Signals are ignored, since a terminal's Ctrl-C reaches us as well and the parent decides.
 *
 * argv[2]: JSON of `GuardOptions`. stdout: JSON lines, `GuardReport`. A server that dies is started again on the same ports and data.
 */
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { rabbitMqContainer, rabbitMqForTests, redisContainer, redisContainerForTests } from './containers.ts';
import type { BrokerUrls, GuardOptions, GuardReport } from './guarded.ts';
import { type OwnServer, startRabbitMq } from './rabbitmq-process.ts';
import { startRedis } from './redis-process.ts';
import { brokerSources, type Sources } from './sources.ts';

const options: GuardOptions = JSON.parse(process.argv[2] ?? '{}');
const tell = (report: GuardReport) => process.stdout.write(`${JSON.stringify(report)}\n`);
const closers: (() => Promise<void>)[] = [];
let closing = false;

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {});
process.stdout.on('error', () => {}); // nobody reads any more: stdin says so, too

const starting = start(brokerSources(), options);
process.stdin.resume().once('end', close).once('error', close);

function close(): void {
  if (closing) return;
  closing = true;
  // A server that is still starting is waited for: only then is it known what there is to stop.
  void starting
    .catch(() => undefined)
    .then(() => Promise.allSettled(closers.map((one) => one())))
    .then(() => process.exit(0));
}

try {
  const urls = await starting;
  tell({ event: 'ready', ...urls });
} catch (error) {
  tell({ event: 'failed', reason: error instanceof Error ? error.message : String(error) });
  await Promise.allSettled(closers.map((one) => one()));
  process.exit(1);
}

async function start(sources: Sources, { dir, ports = {}, managementUrl }: GuardOptions): Promise<BrokerUrls> {
  const rabbitMq = async (): Promise<Pick<BrokerUrls, 'amqpUrl' | 'managementUrl'> & { pids: number[] }> => {
    const source = sources.rabbitmq;
    switch (source.from) {
      case 'url':
        return { amqpUrl: source.url, managementUrl: managementUrl ?? '', pids: [] };
      case 'container': {
        const wanted = { amqp: ports.amqp ?? 0, management: ports.management ?? 0 };
        const server =
          dir === undefined && source.engine === 'docker'
            ? await rabbitMqForTests(source.image)
            : await rabbitMqContainer({ ...source, dir: path.join(dir ?? process.cwd(), 'broker'), ports: wanted });
        closers.push(server.close);
        return { amqpUrl: server.amqpUrl, managementUrl: server.managementUrl, pids: server.pid > 0 ? [server.pid] : [] };
      }
      case 'binary': {
        const server = await startRabbitMq({
          binary: source.path,
          dir: dir === undefined ? undefined : path.join(dir, 'broker'),
          ports: { amqp: ports.amqp ?? 0, management: ports.management ?? 0 },
        });
        keep('rabbitmq', server, () => [server.pid, server.epmdPid]);
        return { amqpUrl: server.amqpUrl, managementUrl: server.managementUrl, pids: [server.pid, server.epmdPid] };
      }
      default:
        return unreachable(source);
    }
  };
  const redis = async (): Promise<Pick<BrokerUrls, 'redisUrl'> & { pids: number[] }> => {
    const source = sources.redis;
    switch (source.from) {
      case 'url':
        return { redisUrl: source.url, pids: [] };
      case 'container': {
        const server =
          dir === undefined && source.engine === 'docker'
            ? await redisContainerForTests(source.image)
            : await redisContainer({ ...source, dir: path.join(dir ?? process.cwd(), 'redis'), port: ports.redis ?? 0 });
        closers.push(server.close);
        return { redisUrl: server.redisUrl, pids: server.pid > 0 ? [server.pid] : [] };
      }
      case 'binary': {
        const server = await startRedis({
          binary: source.path,
          dir: dir === undefined ? undefined : path.join(dir, 'redis'),
          port: ports.redis,
        });
        keep('redis', server, () => [server.pid]);
        return { redisUrl: server.redisUrl, pids: [server.pid] };
      }
      default:
        return unreachable(source);
    }
  };
  // Both are waited for even when one fails, so that what did start is known and stopped.
  const [broker, cache] = await Promise.allSettled([rabbitMq(), redis()]);
  if (broker.status === 'rejected') throw broker.reason;
  if (cache.status === 'rejected') throw cache.reason;
  return {
    amqpUrl: broker.value.amqpUrl,
    managementUrl: broker.value.managementUrl,
    redisUrl: cache.value.redisUrl,
    from: { rabbitmq: sources.rabbitmq.from, redis: sources.redis.from },
    pids: { rabbitmq: broker.value.pids, redis: cache.value.pids },
  };
}

/** Closes it at the end and starts it again when it dies by itself, with a pause that grows from 1 s to 30 s. */
function keep(name: 'rabbitmq' | 'redis', server: OwnServer, pids: () => number[]): void {
  closers.push(server.close);
  let deaths = 0;
  let upSince = Date.now();
  const again = async (): Promise<void> => {
    if (Date.now() - upSince > 60_000) deaths = 0;
    deaths += 1;
    tell({ event: 'died', name });
    await pause(Math.min(30_000, 500 * 2 ** deaths));
    if (closing) return;
    try {
      await server.start();
      upSince = Date.now();
      tell({ event: 'restarted', name, pids: pids() });
    } catch (error) {
      tell({ event: 'trouble', name, reason: error instanceof Error ? error.message : String(error) });
      if (!closing) void again();
    }
  };
  server.onDeath = () => {
    if (!closing) void again();
  };
}

function unreachable(source: never): never {
  throw new Error(`no such source: ${JSON.stringify(source)}`);
}
