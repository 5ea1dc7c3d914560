import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { waitFor } from '@mailrail/testing';
import { run, say, succeeds } from './commands.ts';

export const workFolder = path.join(import.meta.dirname, '..', '..', '..', '.tools', 'containers');

/** A container engine that answers to `docker`. */
export interface Engine {
  /** For DOCKER_HOST; undefined for the one that answers by itself. */
  host: string | undefined;
  /** Ours alone: its images can be anything, and it ends with us. */
  isPrivate: boolean;
  close: () => Promise<void>;
}

/**
 * The engine that answers here; without one, a private one from Debian's packages: its own socket and folders, gone at the end
 * (its images are kept in `.tools/containers` for the next time).
 *
 * @throws Error for a person, where neither is possible.
 */
export async function openEngine(): Promise<Engine> {
  if (await succeeds('docker', ['info'])) return { host: process.env['DOCKER_HOST'], isPrivate: false, close: async () => {} };
  const canInstall = process.platform === 'linux' && process.getuid?.() === 0 && (await succeeds('apt-get', ['--version']));
  const hasDaemon = await succeeds('dockerd', ['--version']);
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || (!hasDaemon && !canInstall)) {
    throw new Error(
      'no container engine answers (docker info), and a private one can only be started by root on Linux with dockerd or apt-get: ' +
        'start Docker, or set DOCKER_HOST. The container tests need one; all others do without.',
    );
  }
  if (!hasDaemon) await installPackages(['docker.io']);

  await mkdir(workFolder, { recursive: true });
  const socket = path.join(workFolder, 'docker.sock');
  const host = `unix://${socket}`;
  const log = await open(path.join(workFolder, 'dockerd.log'), 'w');
  const command = [
    'dockerd',
    `--data-root=${path.join(workFolder, 'data')}`,
    `--exec-root=${path.join(workFolder, 'exec')}`,
    `--pidfile=${path.join(workFolder, 'dockerd.pid')}`,
    `--host=${host}`,
    '--iptables=false',
    '--ip6tables=false',
  ];
  say('no container engine answers: starting a private one');
  const guard = spawn(process.execPath, [path.join(import.meta.dirname, 'engine-guard.mjs'), ...command], {
    stdio: ['pipe', log.fd, log.fd],
    detached: true, // a terminal's Ctrl-C is for us
  });
  guard.stdin?.on('error', () => {});
  const ended = new Promise<number | null>((resolve) => guard.once('exit', resolve));
  const close = async () => {
    guard.stdin?.end();
    await ended;
    await log.close();
  };
  try {
    await waitFor(
      () => {
        if (guard.exitCode !== null) throw new Error(`it ended with ${guard.exitCode}`);
        return succeeds('docker', ['--host', host, 'info']);
      },
      { what: 'the private container engine answers', timeoutMs: 60_000 },
    );
  } catch (error) {
    await close();
    throw new Error(`a private container engine does not start here; ${path.join(workFolder, 'dockerd.log')} says why`, { cause: error });
  }
  return { host, isPrivate: true, close };
}

/** Installs Debian packages. What they would start by themselves is not started. */
export async function installPackages(names: readonly string[]): Promise<void> {
  say(`installing ${names.join(', ')} with apt-get`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const install = ['-o', 'DPkg::Lock::Timeout=120', 'install', '-y', '-q', '--no-install-recommends', ...names];
  try {
    await run('apt-get', install, { env, timeoutMs: 600_000 });
  } catch {
    await run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', 'update', '-q'], { env, timeoutMs: 300_000 });
    await run('apt-get', install, { env, timeoutMs: 600_000 });
  }
}
