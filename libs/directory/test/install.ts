import { execFile } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);

/**
 * Makes sure that programs are there: where they are not, Debian's packages of them are installed. Servers the packages bring are
 * not started.
 *
 * @param files absolute paths of the programs.
 * @throws Error saying what to install, where that cannot be done here.
 */
export async function ensureInstalled(files: readonly string[], packages: readonly string[]): Promise<void> {
  if (files.every((file) => existsSync(file))) return;
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get'))
    throw new Error(`needed and not there: ${files.join(', ')}; install ${packages.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, timeout: 280_000, maxBuffer: 50_000_000 };
  // Other tests may install at the same time: dpkg waits for its lock, and the lock file here keeps the policy for both.
  const apt = (...args: string[]) =>
    run('flock', ['-o', '/tmp/mailrail-apt.lock', 'apt-get', '-o', 'DPkg::Lock::Timeout=240', '-q', ...args], options);
  const policy = '/usr/sbin/policy-rc.d';
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const install = ['install', '-y', '--no-install-recommends', ...packages];
    await apt(...install).catch(async () => {
      await apt('update');
      await apt(...install);
    });
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}
