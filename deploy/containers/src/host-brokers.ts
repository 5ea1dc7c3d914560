import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import amqp from 'amqplib';
import { freePorts, waitFor } from '@mailrail/testing';
import type { Containers } from './containers.ts';
import type { Images } from './images.ts';

export interface HostBrokers {
  amqpUrl: string;
  managementUrl: string;
  redisUrl: string;
  /** Resolves when RabbitMQ answers again after it was killed. */
  answers: () => Promise<void>;
  close: () => Promise<void>;
}

/**
 * RabbitMQ and Redis as containers on this machine's network, each on loopback ports of its own, so that they can be killed and come
 * back where they were. Their data outlives the kill.
 */
export async function startHostBrokers(containers: Containers, images: Images, label: string): Promise<HostBrokers> {
  const [amqpPort = 0, management = 0, distribution = 0, epmd = 0, redis = 0] = await freePorts([0, 0, 0, 0, 0]);
  const folder = await mkdtemp(path.join(tmpdir(), 'mailrail-brokers-'));
  const settings = [
    `listeners.tcp.1 = 127.0.0.1:${amqpPort}`,
    `management.tcp.ip = 127.0.0.1`,
    `management.tcp.port = ${management}`,
    'loopback_users = none',
    'disk_free_limit.absolute = 50MB',
    '',
  ];
  await writeFile(path.join(folder, 'rabbitmq.conf'), settings.join('\n'), { mode: 0o644 });
  await writeFile(path.join(folder, 'enabled_plugins'), '[rabbitmq_management].\n', { mode: 0o644 });
  const environment = {
    RABBITMQ_NODENAME: `mailrail${amqpPort}@localhost`,
    RABBITMQ_DIST_PORT: String(distribution),
    ERL_EPMD_PORT: String(epmd),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}',
  };
  await containers.start('rabbitmq', [
    '--network=host',
    '--user=rabbitmq',
    '--memory=1g',
    ...Object.entries(environment).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
    `--volume=${path.join(folder, 'rabbitmq.conf')}:/etc/rabbitmq/rabbitmq.conf:ro`,
    `--volume=${path.join(folder, 'enabled_plugins')}:/etc/rabbitmq/enabled_plugins:ro`,
    `--volume=${label}-rabbitmq:/var/lib/rabbitmq`,
    images.rabbitmq,
    'rabbitmq-server',
  ]);
  const redisCommand = [
    'redis-server',
    '--port',
    String(redis),
    '--bind',
    '127.0.0.1',
    '--dir',
    '/data',
    '--appendonly',
    'yes',
    '--save',
    '',
  ];
  await containers.start('redis', [
    '--network',
    'host',
    '--memory',
    '512m',
    '--volume',
    `${label}-redis:/data`,
    images.redis,
    ...redisCommand,
  ]);

  const amqpUrl = `amqp://guest:guest@127.0.0.1:${amqpPort}`;
  const managementUrl = `http://guest:guest@127.0.0.1:${management}`;
  const answers = async () => {
    let ended = false;
    await waitFor(
      async () => {
        ended = (await containers.state('rabbitmq')).status === 'exited';
        if (ended) return true;
        const connection = await amqp.connect(amqpUrl, { noDelay: true, timeout: 3_000 });
        await connection.close();
        const answer = await fetch(`http://127.0.0.1:${management}/api/whoami`, {
          headers: { authorization: `Basic ${btoa('guest:guest')}` },
          signal: AbortSignal.timeout(3_000),
        });
        await answer.arrayBuffer();
        return answer.ok;
      },
      { what: 'RabbitMQ in its container answers', timeoutMs: 120_000 },
    );
    if (ended) throw new Error(`RabbitMQ ended:\n${await containers.logs('rabbitmq')}`);
  };
  await answers();
  return {
    amqpUrl,
    managementUrl,
    redisUrl: `redis://127.0.0.1:${redis}`,
    answers,
    close: () => rm(folder, { recursive: true, force: true }),
  };
}
