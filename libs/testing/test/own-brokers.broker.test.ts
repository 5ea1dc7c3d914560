import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, test } from '@jest/globals';
import amqp from 'amqplib';
import { Redis } from 'ioredis';
import { commandLine } from '../src/brokers/processes.ts';
import { startRabbitMq } from '../src/brokers/rabbitmq-process.ts';
import { brokerSources } from '../src/brokers/sources.ts';
import { startBroker, startOwnRedis, waitFor } from '../src/index.ts';

const folders: string[] = [];
const folder = async () => {
  const made = await mkdtemp(path.join(tmpdir(), 'mailrail-test-'));
  folders.push(made);
  return made;
};
afterEach(async () => {
  for (const one of folders.splice(0)) await rm(one, { recursive: true, force: true });
});
/** A zombie that nobody has waited for yet has no command line any more: it is gone. */
const isThere = (pid: number) => commandLine(pid) !== '';
async function depth(amqpUrl: string): Promise<number> {
  const connection = await amqp.connect(amqpUrl, { noDelay: true });
  const channel = await connection.createChannel();
  const { messageCount } = await channel.checkQueue('q');
  await connection.close();
  return messageCount;
}
/** A quorum queue says 0 until it has elected its leader anew. */
const keptOne = (amqpUrl: string) =>
  waitFor(async () => (await depth(amqpUrl)) === 1, { timeoutMs: 20_000, what: 'the confirmed message is there' });
/**
 * RabbitMQ writes the names of its quorum queues to disk half a second after they were declared. Killed before that, it finds the
 * queue again without what it held; what is confirmed after that is safe.
 */
async function queueIsKnownOnDisk(dir: string): Promise<void> {
  await waitFor(
    async () => {
      for (const file of await readdir(path.join(dir, 'data'), { recursive: true })) {
        const id = /quorum\/[^/]+\/(2F_[A-Z0-9]+)$/.exec(file)?.[1];
        if (id === undefined) continue;
        const names = await readFile(path.join(dir, 'data', path.dirname(file), 'names.dets'));
        if (names.includes(id)) return true;
      }
      return false;
    },
    { what: 'the queue is known on disk' },
  );
}
async function put(amqpUrl: string): Promise<void> {
  const connection = await amqp.connect(amqpUrl, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  await channel.assertQueue('q', { arguments: { 'x-queue-type': 'quorum' } });
  channel.sendToQueue('q', Buffer.from('kept'), { persistent: true });
  await channel.waitForConfirms();
  await connection.close();
}

describe('a RabbitMQ of our own', () => {
  test('listens on loopback only, and keeps what it confirmed over a crash and a new start on other ports', async () => {
    const dir = await folder();
    const first = await startBroker({ dir });
    const { amqpUrl, pid } = first;
    const { ports } = await listening(pid);
    expect(ports.length).toBeGreaterThan(2);
    expect(ports.filter((address) => !address.startsWith('127.0.0.1:'))).toEqual([]);
    await put(amqpUrl);
    await queueIsKnownOnDisk(dir);
    await first.kill();
    expect(isThere(pid)).toBe(false);
    await first.start();
    await keptOne(amqpUrl);
    await first.close();

    const second = await startBroker({ dir });
    await keptOne(second.amqpUrl);
    await second.kill();
    await second.close();
    expect(existsSync(path.join(dir, 'data'))).toBe(true);
  }, 120_000);
});

/** Local addresses of listening sockets of a process, from /proc. */
async function listening(pid: number): Promise<{ ports: string[] }> {
  const inodes = new Set<string>();
  for (const fd of await readdir(`/proc/${pid}/fd`)) {
    const inode = /^socket:\[(\d+)\]$/.exec(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''))?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  const ports: string[] = [];
  for (const table of ['tcp', 'tcp6']) {
    const rows = (await readFile(`/proc/${pid}/net/${table}`, 'utf8').catch(() => '')).split('\n').slice(1);
    for (const row of rows) {
      const fields = row.trim().split(/\s+/);
      const [hex = '', port = ''] = (fields[1] ?? '').split(':');
      if (fields[3] !== '0A' || !inodes.has(fields[9] ?? '')) continue;
      const address =
        hex.length === 8
          ? (hex.match(/../g) ?? [])
              .map((byte) => Number.parseInt(byte, 16))
              .reverse()
              .join('.')
          : hex;
      ports.push(`${address}:${Number.parseInt(port, 16)}`);
    }
  }
  return { ports };
}

function rabbitmqServer(): string {
  const { rabbitmq } = brokerSources({ PATH: process.env['PATH'], MAILRAIL_CONTAINERS: 'never' });
  if (rabbitmq.from !== 'binary') throw new Error('this test needs an installed RabbitMQ');
  return rabbitmq.path;
}

test('a port taken between its choice and the start is replaced', async () => {
  const dir = await folder();
  const program = path.join(dir, 'rabbitmq-server');
  const once = path.join(dir, 'failed-once');
  const words = 'could_not_start_listener,"127.0.0.1",5672,eaddrinuse';
  await writeFile(program, `#!/bin/sh\n[ -e '${once}' ] && exec '${rabbitmqServer()}' "$@"\n: > '${once}'\necho '${words}'\nexit 1\n`);
  await chmod(program, 0o755);
  const rabbitmq = await startRabbitMq({ binary: program });
  await rabbitmq.close();

  await rm(once);
  await writeFile(program, `#!/bin/sh\necho '${words}'\nexit 1\n`);
  await expect(startRabbitMq({ binary: program })).rejects.toThrow(/another program took one of its ports \(\d+(, \d+)*\); its output/);
}, 120_000);

test('a Redis of our own keeps its data over stop and start', async () => {
  const redis = await startOwnRedis({ dir: await folder() });
  const client = new Redis(redis.redisUrl);
  await client.set('kept', 'yes');
  client.disconnect();
  await redis.stop();
  await redis.start();
  const again = new Redis(redis.redisUrl);
  expect(await again.get('kept')).toBe('yes');
  again.disconnect();
  await redis.close();
});

const ownServers = { ...process.env, AMQP_URL: '', REDIS_URL: '', MAILRAIL_BROKERS: '', MAILRAIL_CONTAINERS: 'never' };
const guarded = path.join(import.meta.dirname, '..', 'src', 'brokers', 'guarded.ts');

test('under a guard a server that dies comes back, and a parent killed with SIGKILL leaves none behind', async () => {
  const program = `import { guardedBrokers } from ${JSON.stringify(guarded)};
    const { pids } = await guardedBrokers({ onReport: (report) => tell(report.event) });
    const tell = (event) => console.log(JSON.stringify({ event, pids: [...pids.rabbitmq, ...pids.redis] }));
    tell('ready');
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: ownServers,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const reports = createInterface({ input: parent.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<{ event: string; pids: number[] }> => JSON.parse((await reports.next()).value ?? '{}');

  const before = await next();
  expect(before.event).toBe('ready');
  expect(before.pids.length).toBeGreaterThanOrEqual(3); // RabbitMQ, its epmd, Redis
  expect(before.pids.filter((pid) => !isThere(pid))).toEqual([]);

  process.kill(before.pids.at(-1) ?? 0, 'SIGKILL');
  expect((await next()).event).toBe('died');
  const after = await next();
  expect(after.event).toBe('restarted');
  expect(after.pids.at(-1)).not.toBe(before.pids.at(-1));
  expect(after.pids.filter((pid) => !isThere(pid))).toEqual([]);

  parent.kill('SIGKILL');
  await waitFor(() => after.pids.every((pid) => !isThere(pid)), { timeoutMs: 20_000, what: 'all servers end' });
}, 90_000);

test('a test process that dies takes the servers it started itself along', async () => {
  const program = `import { startOwnRedis } from ${JSON.stringify(path.join(import.meta.dirname, '..', 'src', 'index.ts'))};
    const all = [await startOwnRedis(), await startOwnRedis()];
    console.log(JSON.stringify(all.map(({ pid, dir }) => ({ pid, dir }))));
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    env: ownServers,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string];
  const servers: { pid: number; dir: string }[] = JSON.parse(line);
  expect(servers.filter(({ pid }) => !isThere(pid))).toEqual([]);
  parent.kill('SIGKILL');
  await waitFor(() => servers.every(({ pid, dir }) => !isThere(pid) && !existsSync(dir)), {
    what: 'both and their folders go',
    timeoutMs: 30_000,
  });
}, 60_000);
