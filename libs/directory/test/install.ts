import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
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
  // Other tests may install at the same time: one after the other, each with the file that says to start no servers.
  await run('flock', ['-o', path.join(tmpdir(), 'mailrail-apt.lock'), 'sh', '-c', script, 'sh', ...packages], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    timeout: 280_000,
    maxBuffer: 50_000_000,
  });
}

const script = `policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  printf '#!/bin/sh\\nexit 101\\n' > $policy
  chmod 755 $policy
fi
apt() { apt-get -o DPkg::Lock::Timeout=240 -q "$@"; }
apt install -y --no-install-recommends "$@" || { apt update && apt install -y --no-install-recommends "$@"; }`;
