import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import amqp from 'amqplib';
import { Redis } from 'ioredis';
import { waitFor } from '../wait-for.ts';
import { freePorts } from './ports.ts';

export interface ContainerRabbitMq {
  amqpUrl: string;
  managementUrl: string;
  pid: number; // of the server's first process, seen from here; 0 when the engine does not tell
  close: () => Promise<void>;
}
export interface ContainerRedis {
  redisUrl: string;
  pid: number;
  close: () => Promise<void>;
}

const plugins = '[rabbitmq_management,rabbitmq_prometheus,rabbitmq_shovel,rabbitmq_shovel_management].\n';
const flags = '+sbwt none +sbwtdcpu none +sbwtdio none';
const settings = [
  'listeners.tcp.default = 5672',
  'loopback_users = none', // inside the container nobody comes from loopback; the ports are published on the host's loopback only
  'management.tcp.port = 15672',
  'collect_statistics_interval = 5000',
  'disk_free_limit.absolute = 50MB',
];

/**
 * RabbitMQ and Redis as containers for a line that runs here, by the engine's command line: data in folders of ours, ports on
 * loopback, gone at `close`. Tests use testcontainers instead.
 */
export async function rabbitMqContainer(options: {
  engine: string;
  image: string;
  dir: string;
  ports: { amqp: number; management: number };
}): Promise<ContainerRabbitMq> {
  const { engine, image } = options;
  const dir = path.resolve(options.dir);
  await mkdir(path.join(dir, 'container'), { recursive: true });
  await chmod(path.join(dir, 'container'), 0o777); // the server's user inside is not ours
  await writeFile(path.join(dir, 'enabled_plugins'), plugins);
  await writeFile(path.join(dir, 'container.conf'), `${settings.join('\n')}\n`);
  const [amqpPort = 0, managementPort = 0] = await freePorts([options.ports.amqp, options.ports.management]);
  const name = containerName(dir, 'rabbitmq');
  const ports = [`127.0.0.1:${amqpPort}:5672`, `127.0.0.1:${managementPort}:15672`];
  const volumes = [
    `${path.join(dir, 'container')}:/var/lib/rabbitmq`,
    `${path.join(dir, 'enabled_plugins')}:/etc/rabbitmq/enabled_plugins:ro`,
    `${path.join(dir, 'container.conf')}:/etc/rabbitmq/rabbitmq.conf:ro`,
  ];
  const environment = [`RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=${flags}`, 'RABBITMQ_NODENAME=mailrail@localhost'];
  await run({ engine, image, name, ports, volumes, environment, command: ['rabbitmq-server'] });
  const amqpUrl = `amqp://guest:guest@127.0.0.1:${amqpPort}`;
  const managementUrl = `http://guest:guest@127.0.0.1:${managementPort}`;
  await rabbitMqAnswers(amqpUrl, managementUrl);
  return { amqpUrl, managementUrl, pid: await firstPid(engine, name), close: () => stop(engine, name) };
}

export async function redisContainer(options: { engine: string; image: string; dir: string; port: number }): Promise<ContainerRedis> {
  const { engine, image } = options;
  const dir = path.resolve(options.dir);
  await mkdir(path.join(dir, 'container'), { recursive: true });
  await chmod(path.join(dir, 'container'), 0o777);
  const [port = 0] = await freePorts([options.port]);
  const name = containerName(dir, 'redis');
  await run({
    engine,
    image,
    name,
    ports: [`127.0.0.1:${port}:6379`],
    volumes: [`${path.join(dir, 'container')}:/data`],
    environment: [],
    command:
      'redis-server --dir /data --bind 0.0.0.0 --protected-mode no --appendonly yes --appendfsync everysec --maxmemory 512mb --maxmemory-policy volatile-ttl'.split(
        ' ',
      ),
  });
  const redisUrl = `redis://127.0.0.1:${port}`;
  await redisAnswers(redisUrl);
  return { redisUrl, pid: await firstPid(engine, name), close: () => stop(engine, name) };
}

/** Loaded only where containers are used. With an engine on this machine, published ports are reached on loopback, as all else here. */
async function testcontainers() {
  if (!/^(tcp|ssh|https?):/.test(process.env['DOCKER_HOST'] ?? '')) process.env['TESTCONTAINERS_HOST_OVERRIDE'] ??= '127.0.0.1';
  return import('testcontainers');
}

/** The same for a test run: throw-away containers by testcontainers. */
export async function rabbitMqForTests(image: string): Promise<ContainerRabbitMq> {
  const { GenericContainer } = await testcontainers();
  const container = await new GenericContainer(image)
    .withExposedPorts(5672, 15672)
    .withCommand(['rabbitmq-server'])
    .withCopyContentToContainer([
      { content: plugins, target: '/etc/rabbitmq/enabled_plugins', mode: 0o644 },
      { content: `${settings.join('\n')}\n`, target: '/etc/rabbitmq/rabbitmq.conf', mode: 0o644 },
    ])
    .withEnvironment({ RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: flags, RABBITMQ_NODENAME: 'mailrail@localhost' })
    .start();
  const amqpUrl = `amqp://guest:guest@${container.getHost()}:${container.getMappedPort(5672)}`;
  const managementUrl = `http://guest:guest@${container.getHost()}:${container.getMappedPort(15672)}`;
  await rabbitMqAnswers(amqpUrl, managementUrl);
  return {
    amqpUrl,
    managementUrl,
    pid: 0,
    close: async () => {
      await container.stop();
    },
  };
}

export async function redisContainerForTests(image: string): Promise<ContainerRedis> {
  const { GenericContainer } = await testcontainers();
  const container = await new GenericContainer(image)
    .withExposedPorts(6379)
    .withCommand(['redis-server', '--save', '', '--appendonly', 'no', '--databases', '256', '--bind', '0.0.0.0', '--protected-mode', 'no'])
    .start();
  const redisUrl = `redis://${container.getHost()}:${container.getMappedPort(6379)}`;
  await redisAnswers(redisUrl);
  return {
    redisUrl,
    pid: 0,
    close: async () => {
      await container.stop();
    },
  };
}

async function rabbitMqAnswers(amqpUrl: string, managementUrl: string): Promise<void> {
  const management = new URL(managementUrl);
  const authorization = `Basic ${btoa(`${management.username}:${management.password}`)}`;
  await waitFor(
    async () => {
      const connection = await amqp.connect(amqpUrl, { noDelay: true, timeout: 3_000 });
      await connection.close();
      const answer = await fetch(`${management.origin}/api/whoami`, { headers: { authorization }, signal: AbortSignal.timeout(3_000) });
      await answer.arrayBuffer();
      return answer.ok;
    },
    { timeoutMs: 120_000, what: 'RabbitMQ in a container answers' },
  );
}

async function redisAnswers(redisUrl: string): Promise<void> {
  const client = new Redis(redisUrl, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0, enableOfflineQueue: false });
  client.on('error', () => {}); // told by connect()
  try {
    await waitFor(
      async () => {
        if (client.status !== 'ready') await client.connect();
        return (await client.ping()) === 'PONG';
      },
      { timeoutMs: 60_000, what: 'Redis in a container answers' },
    );
  } finally {
    client.disconnect();
  }
}

async function run(options: {
  engine: string;
  image: string;
  name: string;
  ports: readonly string[];
  volumes: readonly string[];
  environment: readonly string[];
  command: readonly string[];
}): Promise<void> {
  const { engine, image, name, ports, volumes, environment } = options;
  const each = (option: string, values: readonly string[]) => values.flatMap((value) => [option, value]);
  const settings = [...each('--publish', ports), ...each('--volume', volumes), ...each('--env', environment)];
  await command(engine, ['rm', '--force', name]).catch(() => ''); // left by a start that was killed
  await command(engine, [
    'run',
    '--detach',
    '--rm',
    '--name',
    name,
    '--hostname',
    'mailrail',
    '--stop-timeout',
    '10',
    ...settings,
    image,
    ...options.command,
  ]);
}

/** One container for one data folder, so that the next start finds what a killed one left. */
function containerName(dir: string, what: string): string {
  return `mailrail-${what}-${createHash('sha256').update(dir).digest('hex').slice(0, 12)}`;
}

async function firstPid(engine: string, name: string): Promise<number> {
  const pid = Number((await command(engine, ['inspect', '--format', '{{.State.Pid}}', name]).catch(() => '')).trim());
  return Number.isInteger(pid) ? pid : 0;
}

async function stop(engine: string, name: string): Promise<void> {
  await command(engine, ['stop', name]).catch(() => command(engine, ['rm', '--force', name]).catch(() => ''));
}

function command(engine: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    // A group of its own: Ctrl-C on the terminal must not end a `stop` half-way.
    const child = spawn(engine, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000, detached: true });
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      errors += String(chunk);
    });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${engine} ${args[0]}: ${errors.trim() || `ended with ${code}`}`)),
    );
  });
}
