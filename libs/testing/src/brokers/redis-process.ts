import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { waitFor } from '../wait-for.ts';
import { freePorts } from './ports.ts';
import { commandLine, gone, pidIn, signal, within } from './processes.ts';
import type { OwnServer } from './rabbitmq-process.ts';
import { reapedAtDeath, removedAtDeath } from './reaped.ts';

export interface OwnRedis extends OwnServer {
  readonly redisUrl: string;
  readonly dir: string;
}

export interface RedisOptions {
  binary: string;
  /** Data and log; kept at `close`, and written to disk every second. Without it a temporary folder and no persistence. */
  dir?: string | undefined;
  port?: number | undefined;
  /** More lines of its configuration; later ones win. */
  settings?: readonly string[] | undefined;
  /** A Sentinel instead of a server; `settings` says what it watches. */
  sentinel?: boolean | undefined;
}

/** A Redis of our own on loopback. Resolves when it answers. @throws Error when it does not in 30 s. */
export async function startRedis(options: RedisOptions): Promise<OwnRedis> {
  const dir = path.resolve(options.dir ?? (await mkdtemp(path.join(tmpdir(), 'mailrail-redis-'))));
  const remove = options.dir === undefined ? removedAtDeath(dir) : undefined;
  await mkdir(dir, { recursive: true });
  await endLeftOver(dir);
  const [port = 0] = await freePorts([options.port ?? 0]);
  const redisUrl = `redis://127.0.0.1:${port}`;
  const lasting = options.dir !== undefined;
  const log = path.join(dir, 'redis.log');
  const settings = [
    'bind 127.0.0.1',
    `port ${port}`,
    `dir "${dir}"`,
    `logfile "${log}"`,
    `pidfile "${path.join(dir, 'pid')}"`,
    'daemonize no',
    ...(options.sentinel === true ? [] : serverSettings(lasting)),
    ...(options.settings ?? []),
  ];
  const file = path.join(dir, 'redis.conf');
  await writeFile(file, `${settings.join('\n')}\n`);

  let server: ChildProcess | undefined;
  let ending = false;
  const self: OwnRedis = {
    redisUrl,
    dir,
    onDeath: undefined,
    get pid() {
      return server?.pid ?? 0;
    },
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    close: async () => {
      await end(lasting ? 'SIGTERM' : 'SIGKILL');
      await remove?.();
    },
  };

  async function start(): Promise<void> {
    ending = false;
    await rm(log, { force: true });
    const child = spawn(options.binary, options.sentinel === true ? [file, '--sentinel'] : [file], { stdio: 'ignore', detached: true });
    server = child;
    reapedAtDeath(child);
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    child.once('exit', () => {
      if (!ending && server === child) self.onDeath?.();
    });
    const client = new Redis(redisUrl, {
      lazyConnect: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
    });
    client.on('error', () => {}); // told by connect()
    try {
      await waitFor(
        async () => {
          if (failure !== undefined || child.exitCode !== null) throw new Error('it ended', { cause: failure });
          if (client.status !== 'ready') await client.connect();
          return (await client.ping()) === 'PONG';
        },
        { timeoutMs: 30_000, what: 'Redis starts' },
      );
    } catch (error) {
      await end('SIGKILL');
      throw new Error(`Redis does not start, see ${log}`, { cause: error });
    } finally {
      client.disconnect();
    }
  }

  async function end(name: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    ending = true;
    const child = server;
    if (child === undefined) return;
    child.kill(name);
    if (!(await within(gone(child), 10_000))) child.kill('SIGKILL');
    await gone(child);
    server = undefined;
  }

  await start();
  return self;
}

/** One that an earlier owner of this folder left running is ended first. It shows its address in its name. */
async function endLeftOver(dir: string): Promise<void> {
  const pid = pidIn(path.join(dir, 'pid'));
  const settings = await readFile(path.join(dir, 'redis.conf'), 'utf8').catch(() => '');
  const port = /^port (\d+)$/m.exec(settings)?.[1];
  const left = () => pid !== undefined && port !== undefined && commandLine(pid).includes(`redis-server 127.0.0.1:${port}`);
  if (pid === undefined || !left()) return;
  signal(pid, 'SIGTERM');
  await waitFor(() => !left(), { timeoutMs: 10_000, what: `Redis ${pid} ends` });
}

function serverSettings(lasting: boolean): string[] {
  return [
    'databases 256',
    'save ""',
    `appendonly ${lasting ? 'yes' : 'no'}`,
    'appendfsync everysec',
    // What may go when memory is short is what ends first anyway; what has no end (the counts) stays.
    'maxmemory 512mb',
    'maxmemory-policy volatile-ttl',
  ];
}
