import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import amqp from 'amqplib';
import { balance, type Counts, redisLedger } from '@mailrail/ledger';
import { mailboxFolder } from '@mailrail/mail';
import { silentLog } from '@mailrail/telemetry';
import { freshVhost, redisForTests, waitFor } from '@mailrail/testing';
import { badmailQueue, ladder, rungQueue, topologyOf } from '@mailrail/topology';

const root = path.resolve(import.meta.dirname, '../../..');

export interface Endpoints {
  ready: boolean;
  site: string;
  smtp: string;
  http: string;
  submission: { url: string; user: string; password: string };
  submissions: string;
  apiKey: string;
  in: string;
  maildir: string;
  sink: string;
  amqp: string;
  management: string;
  redis: string;
  pids: Record<string, number>;
  admin: Record<string, string>;
}

export interface SystemOptions {
  processes?: 'one' | 'each';
  organization?: string; // file
  directory?: string; // file or ldap URL
  scale?: string; // stage=N
  data?: string;
  amqpUrl?: string; // other than the run's broker, for faults of the broker itself
  managementUrl?: string;
  redisUrl?: string;
  args?: readonly string[];
  root?: string; // of another build of the repository
  env?: Readonly<Record<string, string>>;
}

/** A whole line, started as a user starts it, on a vhost and a Redis database of its own. */
export async function startSystem(options: SystemOptions = {}) {
  const vhost = options.amqpUrl === undefined ? await freshVhost() : undefined;
  const redis = options.redisUrl === undefined ? await redisForTests() : undefined;
  const data = options.data ?? (await mkdtemp(path.join(tmpdir(), 'mailrail-e2e-')));
  const amqpUrl = options.amqpUrl ?? vhost?.amqpUrl ?? '';
  const redisUrl = options.redisUrl ?? redis?.redisUrl ?? '';
  const launcher = launch(data, amqpUrl, redisUrl, options.managementUrl ?? vhost?.managementUrl ?? '', options);
  const endpointsFile = path.join(data, 'endpoints.json');
  const read = (): Endpoints => JSON.parse(readFileSync(endpointsFile, 'utf8'));
  let endpoints: Endpoints;
  try {
    endpoints = await waitFor(
      () => {
        if (launcher.child.exitCode !== null) throw new Error(`the launcher ended with ${launcher.child.exitCode}:\n${launcher.output()}`);
        if (!existsSync(endpointsFile)) return undefined;
        const now = read();
        return now.ready ? now : undefined;
      },
      { what: 'endpoints.json says ready', timeoutMs: 100_000 },
    );
  } catch (error) {
    launcher.child.kill('SIGKILL');
    throw new Error(`the line did not start:\n${launcher.output()}\n${logsOf(data)}`, { cause: error });
  }

  const ledger = redisLedger({ url: redisUrl, log: silentLog });
  const connection = await amqp.connect(amqpUrl, { noDelay: true }).catch(() => undefined);
  connection?.on('error', () => {});
  const topology = topologyOf([{ name: 'internet', kind: 'smtp' }]);

  const system = {
    data,
    amqpUrl,
    redisUrl,
    vhost,
    /** As the launcher has written them last: pids change when a stage is started again. */
    get endpoints(): Endpoints {
      return read();
    },
    first: endpoints,
    output: launcher.output,

    /** Files in a mailbox, new and seen, oldest first. */
    mailbox(address: string): string[] {
      return filesOf(path.join(endpoints.maildir.replace('%a', mailboxFolder(address))));
    },
    /** Files the built-in sink has kept. */
    sink(): string[] {
      return filesOf(path.join(data, 'sink', 'Maildir'));
    },
    read: (file: string) => readFile(file, 'latin1'),

    async counts(): Promise<Counts> {
      const counts = await ledger.counts();
      if (counts === 'silent') throw new Error('the ledger does not answer');
      return counts;
    },

    /** Messages in a queue. */
    async depth(queue: string): Promise<number> {
      if (connection === undefined) throw new Error('no connection to the broker');
      const channel = await connection.createChannel();
      channel.on('error', () => {});
      try {
        return (await channel.checkQueue(queue)).messageCount;
      } finally {
        await channel.close().catch(() => {});
      }
    },
    /** A message of a queue, looked at and put back. */
    async peek(queue: string) {
      if (connection === undefined) throw new Error('no connection to the broker');
      const channel = await connection.createChannel();
      const message = await channel.get(queue);
      await channel.close();
      return message === false ? undefined : message;
    },

    /** Waits until every recipient that was accepted has come to an end, and the counts balance (E5). @returns the counts */
    async settled(expected: { accepted?: number } = {}, timeoutMs = 60_000): Promise<Counts> {
      let last: Counts = {};
      try {
        return await waitFor(
          async () => {
            last = await system.counts();
            return (expected.accepted === undefined || (last.accepted ?? 0) >= expected.accepted) && balance(last).open === 0
              ? last
              : undefined;
          },
          { what: 'the counts balance', timeoutMs },
        );
      } catch (error) {
        throw new Error(
          `not settled: ${JSON.stringify(last)}, off by ${balance(last).open}; ${await system.whereMailIs()}\n${launcher.output().slice(-2_000)}`,
          { cause: error },
        );
      }
    },
    /** Queues that hold something, for a message a person can use. */
    async whereMailIs(): Promise<string> {
      const queues = topology.queues.map(({ name }) => name);
      const found = await Promise.all(queues.map(async (queue) => [queue, await system.depth(queue).catch(() => -1)] as const));
      return (
        found
          .filter(([, count]) => count !== 0)
          .map(([queue, count]) => `${queue}: ${count}`)
          .join(', ') || 'all queues are empty'
      );
    },
    waitingQueues: ladder.map(({ name }) => rungQueue(name)),
    badmail: (station: string) => badmailQueue(station),

    /** Kills one process of the line as `kill -9` does. @returns its pid */
    kill(name: string): number {
      const pid = read().pids[name];
      if (pid === undefined) throw new Error(`no process ${name}: ${Object.keys(read().pids).join(', ')}`);
      process.kill(pid, 'SIGKILL');
      return pid;
    },
    /** Waits until the launcher has started a killed process again. */
    async revived(name: string, killedPid: number): Promise<void> {
      await waitFor(() => (read().pids[name] ?? killedPid) !== killedPid && read().ready, {
        what: `${name} runs again`,
        timeoutMs: 60_000,
      });
    },

    /** Stops the line as Ctrl-C does. @returns its exit code */
    async stopLine(): Promise<number | null> {
      return launcher.stop();
    },
    async close(): Promise<void> {
      await launcher.stop();
      await ledger.close();
      await connection?.close().catch(() => {});
      await vhost?.drop();
      await redis?.drop();
      if (options.data === undefined) await rm(data, { recursive: true, force: true });
    },
  };
  return system;
}
export type System = Awaited<ReturnType<typeof startSystem>>;

function launch(data: string, amqpUrl: string, redisUrl: string, managementUrl: string, options: SystemOptions) {
  const args = [
    path.join(options.root ?? root, 'deploy/local/src/start.ts'),
    '--data',
    data,
    '--samples',
    'none',
    '--processes',
    options.processes ?? 'one',
    ...(options.args?.includes('--port-base') === true ? [] : ['--port-base', String(portBase())]),
    ...(options.organization === undefined ? [] : ['--organization', options.organization]),
    ...(options.directory === undefined ? [] : ['--directory', options.directory]),
    ...(options.scale === undefined ? [] : ['--scale', options.scale]),
    ...(options.args ?? []),
  ];
  const child: ChildProcess = spawn(process.execPath, args, {
    cwd: options.root ?? root,
    env: {
      ...process.env,
      ...options.env,
      AMQP_URL: amqpUrl,
      REDIS_URL: redisUrl,
      MGMT_URL: managementUrl,
      NODE_OPTIONS: '',
    },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let text = '';
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-20_000);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    child,
    output: () => text,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGINT');
      return ended;
    },
  };
}

/** A block of ports of its own, so that lines that start at the same time do not want the same. */
export function portBase(): number {
  return 20_000 + Math.floor(Math.random() * 1_000) * 40;
}

/** The end of each log, for a message a person can use. */
function logsOf(data: string): string {
  const folder = path.join(data, 'logs');
  if (!existsSync(folder)) return '';
  return readdirSync(folder)
    .map((name) => `${name}: ${readFileSync(path.join(folder, name), 'utf8').slice(-600)}`)
    .join('\n');
}

function filesOf(maildir: string): string[] {
  return ['new', 'cur'].flatMap((folder) => {
    const directory = path.join(maildir, folder);
    return existsSync(directory)
      ? readdirSync(directory)
          .toSorted()
          .map((name) => path.join(directory, name))
      : [];
  });
}
