import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import amqp from 'amqplib';
import { waitFor } from '../wait-for.ts';
import { againIfPortTaken, freePorts, PortTaken } from './ports.ts';
import { commandLine, gone, pidIn, signal, within } from './processes.ts';
import { reapedAtDeath, removedAtDeath } from './reaped.ts';

/** A server that this process started and owns. */
export interface OwnServer {
  /** The process that serves. Changes with `start`. */
  readonly pid: number;
  /** Ends it as it likes to be ended, and kills it when that takes long. Data stay. */
  stop: () => Promise<void>;
  /** SIGKILL, as a crash. Data stay. */
  kill: () => Promise<void>;
  /** Starts it again on the same ports and data, after `stop`, `kill` or a death of its own. */
  start: () => Promise<void>;
  /** Stops it, and removes its folder when that was a temporary one. */
  close: () => Promise<void>;
  /** Called when it ends without having been told to. */
  onDeath: (() => void) | undefined;
}

export interface OwnRabbitMq extends OwnServer {
  readonly amqpUrl: string;
  readonly managementUrl: string; // with user and password
  readonly metricsUrl: string;
  readonly dir: string;
  readonly node: string; // name of the Erlang node
  /** Its epmd, a process of its own. */
  readonly epmdPid: number;
  /** `rabbitmqctl` against this node, for example to raise an alarm. @throws Error with its output when it fails. */
  ctl: (...args: string[]) => Promise<string>;
}

export interface RabbitMqOptions {
  /** `rabbitmq-server` of the distribution itself, never Debian's wrapper in /usr/sbin. */
  binary: string;
  /** Data, configuration, log and cookie; kept at `close`. Without it a temporary folder, removed at `close`. */
  dir?: string | undefined;
  /** Wanted ports; taken ones are replaced. */
  ports?: { amqp?: number; management?: number } | undefined;
  /** More lines of rabbitmq.conf. */
  settings?: readonly string[] | undefined;
}

/**
 * After SIGTERM queues are closed within a fraction of a second, but with the management plugin the node then waits 5 s for its
 * HTTP listeners. What was confirmed is on disk anyway, so it is not waited for that long.
 */
const quietMs = 3_000;
const plugins = ['rabbitmq_management', 'rabbitmq_prometheus', 'rabbitmq_shovel', 'rabbitmq_shovel_management'];
/** One name for ever: the data folder is keyed by it, so that a start on other ports finds its mail again. */
const node = 'mailrail@localhost';
const loopback = '-kernel inet_dist_use_interface {127,0,0,1}';

/**
 * A RabbitMQ node of our own: own data, ports, epmd and cookie, on loopback only. Resolves when AMQP and the management API answer.
 * Where another program takes one of its ports meanwhile, ports are chosen a second time.
 *
 * @throws Error with the end of the server's output when it does not come up in 90 s.
 */
export function startRabbitMq(options: RabbitMqOptions): Promise<OwnRabbitMq> {
  return againIfPortTaken(() => startOnce(options));
}

async function startOnce(options: RabbitMqOptions): Promise<OwnRabbitMq> {
  const dir = path.resolve(options.dir ?? (await mkdtemp(path.join(tmpdir(), 'mailrail-rabbitmq-'))));
  const remove = options.dir === undefined ? removedAtDeath(dir) : undefined;
  await mkdir(path.join(dir, 'home'), { recursive: true });
  await mkdir(path.join(dir, 'log'), { recursive: true });
  await endLeftOver(dir);
  const [amqpPort = 0, managementPort = 0, metricsPort = 0, distributionPort = 0, epmdPort = 0] = await freePorts([
    options.ports?.amqp ?? 0,
    options.ports?.management ?? 0,
    0,
    0,
    0,
  ]);
  const listened = [amqpPort, managementPort, metricsPort, distributionPort, epmdPort];
  await writeSettings(dir, { amqpPort, managementPort, metricsPort, more: options.settings ?? [] });
  const env = {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    LANG: 'C.UTF-8',
    HOSTNAME: 'localhost',
    HOME: path.join(dir, 'home'),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: node,
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_CONFIG_FILE: path.join(dir, 'rabbitmq.conf'),
    RABBITMQ_ADVANCED_CONFIG_FILE: path.join(dir, 'advanced.config'),
    RABBITMQ_CONF_ENV_FILE: path.join(dir, 'rabbitmq-env.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: path.join(dir, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: path.join(dir, 'data'),
    RABBITMQ_LOG_BASE: path.join(dir, 'log'),
    RABBITMQ_PID_FILE: path.join(dir, 'pid'),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: `${loopback} +sbwt none +sbwtdcpu none +sbwtdio none`,
    RABBITMQ_CTL_ERL_ARGS: loopback,
  };
  const amqpUrl = `amqp://guest:guest@127.0.0.1:${amqpPort}`;
  const managementUrl = `http://guest:guest@127.0.0.1:${managementPort}`;

  let epmd: ChildProcess | undefined;
  let server: ChildProcess | undefined;
  let ending = false;
  const self: OwnRabbitMq = {
    amqpUrl,
    managementUrl,
    metricsUrl: `http://127.0.0.1:${metricsPort}/metrics`,
    dir,
    node,
    onDeath: undefined,
    get pid() {
      return pidIn(path.join(dir, 'pid')) ?? server?.pid ?? 0;
    },
    get epmdPid() {
      return epmd?.pid ?? 0;
    },
    ctl: async (...args) => {
      const program = path.join(path.dirname(options.binary), 'rabbitmqctl');
      const { stdout } = await promisify(execFile)(program, ['--quiet', ...args], { env, timeout: 60_000 });
      return stdout;
    },
    start,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    close: async () => {
      // Data that nobody will read again need no clean stop.
      await end(remove === undefined ? 'SIGTERM' : 'SIGKILL');
      await remove?.();
    },
  };

  async function start(): Promise<void> {
    ending = false;
    await rm(path.join(dir, 'pid'), { force: true });
    // Ours and in the foreground; else the node would leave one behind as a daemon.
    epmd = spawn(await epmdProgram(), ['-port', String(epmdPort), '-address', '127.0.0.1'], { env, stdio: 'ignore', detached: true });
    epmd.once('error', () => {}); // the node fails to start then, and says so
    reapedAtDeath(epmd);
    const output = openSync(path.join(dir, 'log', 'stdout'), 'w');
    const child = spawn(options.binary, [], { env, cwd: dir, stdio: ['ignore', output, output], detached: true });
    closeSync(output);
    server = child;
    reapedAtDeath(child);
    let failure: Error | undefined;
    child.once('error', (error) => {
      failure = error;
    });
    child.once('exit', () => {
      if (!ending && server === child) self.onDeath?.();
    });
    try {
      await waitFor(
        async () => {
          if (failure !== undefined || child.exitCode !== null || child.signalCode !== null) return { up: false };
          const connection = await amqp.connect(amqpUrl, { noDelay: true, timeout: 3_000 });
          await connection.close();
          const answer = await fetch(`http://127.0.0.1:${managementPort}/api/whoami`, {
            headers: { authorization: `Basic ${btoa('guest:guest')}` },
            signal: AbortSignal.timeout(3_000),
          });
          await answer.arrayBuffer();
          return answer.ok ? { up: true } : undefined;
        },
        { timeoutMs: 90_000, what: 'RabbitMQ starts' },
      ).then(({ up }) => {
        if (!up) throw new Error('RabbitMQ ended while it started', failure === undefined ? {} : { cause: failure });
      });
    } catch (error) {
      await end('SIGKILL');
      const output = lastLines(path.join(dir, 'log', 'stdout'));
      const taken = /eaddrinuse|address already in use/i.test(output);
      const [Failure, what] = taken
        ? [PortTaken, `another program took one of its ports (${listened.join(', ')})`]
        : [Error, error instanceof Error ? error.message : String(error)];
      throw new Failure(`${what}; its output ends with:\n${output}`, { cause: error });
    }
  }

  async function end(name: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    ending = true;
    const child = server;
    if (child?.pid !== undefined) {
      const inside = pidIn(path.join(dir, 'pid')); // the starting script's child: it may end a moment later
      // A clean stop goes to the Erlang node alone: the starting script would call rabbitmqctl, which takes seconds.
      if (name === 'SIGTERM') signal(inside ?? -child.pid, 'SIGTERM');
      if (name === 'SIGKILL' || !(await within(gone(child), quietMs))) signal(-child.pid, 'SIGKILL');
      await gone(child);
      signal(-child.pid, 'SIGKILL'); // Erlang's port programs, should one have outlived it
      if (inside !== undefined) await waitFor(() => commandLine(inside) === '', { what: `RabbitMQ ${inside} ends` });
    }
    server = undefined;
    if (epmd !== undefined) {
      epmd.kill('SIGKILL');
      await gone(epmd);
      epmd = undefined;
    }
  }

  await start();
  return self;
}

async function writeSettings(
  dir: string,
  {
    amqpPort,
    managementPort,
    metricsPort,
    more,
  }: { amqpPort: number; managementPort: number; metricsPort: number; more: readonly string[] },
): Promise<void> {
  const cookie = path.join(dir, 'home', '.erlang.cookie');
  if (!existsSync(cookie)) await writeFile(cookie, randomBytes(20).toString('hex'));
  await chmod(cookie, 0o400);
  await writeFile(path.join(dir, 'enabled_plugins'), `[${plugins.join(',')}].\n`);
  await writeFile(path.join(dir, 'rabbitmq-env.conf'), '');
  const settings = [
    `listeners.tcp.default = 127.0.0.1:${amqpPort}`,
    'management.tcp.ip = 127.0.0.1',
    `management.tcp.port = ${managementPort}`,
    'prometheus.tcp.ip = 127.0.0.1',
    `prometheus.tcp.port = ${metricsPort}`,
    'collect_statistics_interval = 5000',
    'disk_free_limit.absolute = 50MB', // the default (memory times something) blocks publishers on a small disk
    'log.file.level = info',
    'log.file.rotation.size = 10485760',
    'log.file.rotation.count = 2',
    ...more,
  ];
  await writeFile(path.join(dir, 'rabbitmq.conf'), `${settings.join('\n')}\n`);
}

/** A node that an earlier owner of this folder left running (it was killed together with its guard) is ended first. */
async function endLeftOver(dir: string): Promise<void> {
  const pid = pidIn(path.join(dir, 'pid'));
  if (pid === undefined || !commandLine(pid).includes(`${dir}/`)) return;
  signal(pid, 'SIGTERM');
  const left = () => commandLine(pid).includes(`${dir}/`);
  const ended = await waitFor(() => !left(), { timeoutMs: 10_000, what: `RabbitMQ ${pid} ends` }).catch(() => false);
  if (ended) return;
  signal(pid, 'SIGKILL');
  await waitFor(() => !left(), { timeoutMs: 10_000, what: `RabbitMQ ${pid} ends` });
}

/** Debian keeps epmd beside the Erlang it belongs to; elsewhere it is on the path. */
async function epmdProgram(): Promise<string> {
  for (const base of ['/usr/lib/erlang', '/usr/local/lib/erlang', '/opt/homebrew/lib/erlang']) {
    if (!existsSync(base)) continue;
    const runtime = (await readdir(base))
      .filter((name) => name.startsWith('erts-'))
      .sort()
      .at(-1);
    const file = runtime === undefined ? undefined : path.join(base, runtime, 'bin', 'epmd');
    if (file !== undefined && existsSync(file)) return file;
  }
  return 'epmd';
}

function lastLines(file: string): string {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-25).join('\n');
  } catch {
    return '(no output)';
  }
}
