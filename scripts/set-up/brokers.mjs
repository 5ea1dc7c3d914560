// Where RabbitMQ and Redis come from. Nothing is started here: the decision goes to the guard that starts them.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { runWithProgress, SetUpError, say, tail } from './say.mjs';

/** @typedef {{ from: 'url', url: string } | { from: 'container', engine: string, image: string } | { from: 'binary', path: string }} Source */

const kinds = [
  {
    name: 'rabbitmq',
    label: 'RabbitMQ',
    variable: 'AMQP_URL',
    port: 5672,
    binary: 'rabbitmq-server',
    image: ['MAILRAIL_RABBITMQ_IMAGE', 'rabbitmq:4-management'],
    // Debian's /usr/sbin/rabbitmq-server changes user and ignores private folders: the real one comes first.
    folders: [
      '/usr/lib/rabbitmq/bin',
      '/opt/rabbitmq/sbin',
      '/opt/homebrew/sbin',
      '/usr/local/sbin',
      '/opt/homebrew/opt/rabbitmq/sbin',
      '/usr/local/opt/rabbitmq/sbin',
    ],
    packages: { apt: 'rabbitmq-server', brew: 'rabbitmq' },
  },
  {
    name: 'redis',
    label: 'Redis',
    variable: 'REDIS_URL',
    port: 6379,
    binary: 'redis-server',
    image: ['MAILRAIL_REDIS_IMAGE', 'redis:8'],
    folders: ['/usr/bin', '/opt/homebrew/bin', '/usr/local/bin'],
    packages: { apt: 'redis-server', brew: 'redis' },
  },
];

const answers = (command, args, timeout) => spawnSync(command, args, { stdio: 'ignore', timeout }).status === 0;

/** `amqp://user:secret@host` without the secret. */
const shown = (url) => url.replace(/\/\/[^@/]*@/, '//');

/** Whether one of the hosts of `scheme://user:password@host:port,host2:port/rest` takes connections. */
async function reachable(url, port) {
  const hosts = /^[a-z][a-z0-9+.-]*:\/\/(?:[^@/?#]*@)?([^/?#]+)/i.exec(url)?.[1]?.split(',') ?? [];
  for (const host of hosts) if (await takesConnections(host.trim(), port)) return true;
  return false;
}

function takesConnections(host, usualPort) {
  return new Promise((resolve) => {
    const [, name = '', port] = /^(\[[^\]]+\]|[^:]+)(?::(\d+))?$/.exec(host) ?? [];
    if (name === '' || Number(port ?? 0) > 65_535) return resolve(false);
    const socket = connect(Number(port ?? usualPort), name.replace(/^\[|\]$/g, ''));
    const end = (value) => {
      socket.destroy();
      resolve(value);
    };
    socket.setTimeout(3_000, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/** The first container engine whose daemon answers, or undefined. */
function containerEngine(env) {
  if (env.MAILRAIL_CONTAINERS === 'never') return undefined;
  return ['docker', 'podman'].find((engine) => answers(engine, ['info'], 8_000));
}

/** Whether the image is there or can be fetched; what stands in the way is said. */
async function hasImage(engine, image, env) {
  if (answers(engine, ['image', 'inspect', image], 15_000)) return true;
  if (env.MAILRAIL_PULL === 'never') return false;
  const pulled = await runWithProgress(`fetching image ${image} with ${engine}`, engine, ['pull', image], { timeoutMs: 300_000 });
  if (pulled.code === 0) return true;
  say(
    `${engine} answers, but image ${image} is not there and cannot be fetched (${pulled.output.trim().split('\n').at(-1)?.slice(0, 160)}); looking further`,
  );
  return false;
}

function localBinary({ binary, folders }) {
  const onPath = (process.env.PATH ?? '').split(path.delimiter).filter((folder) => folder !== '');
  for (const folder of [...folders, ...onPath]) {
    const file = path.join(folder, binary);
    if (!existsSync(file)) continue;
    const real = realpathSync(file);
    if (/script-wrapper/.test(real) || readFileSync(real).subarray(0, 4_000).includes('su rabbitmq')) continue;
    return file;
  }
  return undefined;
}

/** What would bring the missing ones, as a command for a person. */
function installCommand(missing) {
  const names = (manager) => missing.map((kind) => kind.packages[manager]).join(' ');
  if (process.platform === 'darwin') return `brew install ${names('brew')}`;
  if (answers('apt-get', ['--version'], 5_000)) return `sudo apt-get install --no-install-recommends ${names('apt')}`;
  return `install ${missing.map((kind) => kind.binary).join(' and ')} with your package manager`;
}

/** Installs with the system's package manager when this user may. @returns false when there is no way to. */
async function installFromSystem(missing, env) {
  if (env.MAILRAIL_INSTALL === 'never') return false;
  const labels = missing.map((kind) => kind.label).join(' and ');
  if (process.platform === 'darwin' && answers('brew', ['--version'], 10_000)) {
    const packages = missing.map((kind) => kind.packages.brew);
    say(`${labels} not found: installing ${packages.join(', ')} with Homebrew (MAILRAIL_INSTALL=never forbids it)`);
    return (await runWithProgress(`brew install ${packages.join(' ')}`, 'brew', ['install', ...packages])).code === 0;
  }
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !answers('apt-get', ['--version'], 5_000)) return false;

  const packages = missing.map((kind) => kind.packages.apt);
  say(`${labels} not found: installing ${packages.join(', ')} with apt-get, about 100 MB (MAILRAIL_INSTALL=never forbids it)`);
  const environment = { ...env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '-q', '--no-install-recommends', ...packages];
  // The packages would start servers of the system's own; this file, only while they install, says not to.
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const first = await runWithProgress(`apt-get install ${packages.join(' ')}`, 'apt-get', install, { env: environment });
    if (first.code === 0) return true;
    await runWithProgress('apt-get update', 'apt-get', ['-o', 'DPkg::Lock::Timeout=120', 'update', '-q'], { env: environment });
    const second = await runWithProgress(`apt-get install ${packages.join(' ')}`, 'apt-get', install, { env: environment });
    if (second.code === 0) return true;
    say(`apt-get could not install ${packages.join(' ')}:\n${tail(second.output, 15)}`);
    return false;
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

/**
 * Decides for each broker: a URL that was given, a container engine that has (or can fetch) the images, a server on this machine,
 * the system's package manager. Nothing of all that: one message with every way out.
 *
 * @returns {Promise<Record<'rabbitmq' | 'redis', Source>>}
 */
export async function decideBrokers(env = process.env) {
  const decided = {};
  for (const kind of kinds) {
    const url = env[kind.variable];
    if (url === undefined || url === '') continue;
    if (!(await reachable(url, kind.port))) {
      throw new SetUpError(
        `${kind.variable} is ${shown(url)}, but nothing answers there. Start that server, correct the variable, or unset it so that a private one is used`,
      );
    }
    decided[kind.name] = { from: 'url', url };
  }
  const open = () => kinds.filter((kind) => decided[kind.name] === undefined);

  const engine = open().length === 0 ? undefined : containerEngine(env);
  if (engine !== undefined) {
    for (const kind of open()) {
      const image = env[kind.image[0]] ?? kind.image[1];
      if (await hasImage(engine, image, env)) decided[kind.name] = { from: 'container', engine, image };
    }
  }
  const takeLocal = () => {
    for (const kind of open()) {
      const file = localBinary(kind);
      if (file !== undefined) decided[kind.name] = { from: 'binary', path: file };
    }
  };
  takeLocal();
  if (open().length > 0 && (await installFromSystem(open(), env))) takeLocal();
  if (open().length > 0) throw new SetUpError(waysOut(open(), engine));
  return decided;
}

function waysOut(missing, engine) {
  const asRoot = process.platform === 'linux' && process.getuid?.() !== 0;
  return [
    `no ${missing.map((kind) => kind.label).join(' and no ')} to be had. One of these helps:`,
    `  - ${installCommand(missing)}${asRoot ? ' (this user is not root, so it was not tried)' : ''}`,
    engine === undefined
      ? '  - start Docker or Podman; the servers then come as containers'
      : `  - let ${engine} have the images: ${missing.map((kind) => `${engine} pull ${kind.image[1]}`).join('; ')}`,
    `  - set ${missing.map((kind) => kind.variable).join(' and ')} to servers that run already`,
  ].join('\n');
}
