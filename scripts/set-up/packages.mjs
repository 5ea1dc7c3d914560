// pnpm at the version package.json pins, and the packages of the lockfile.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { runWithProgress, SetUpError, say, tail } from './say.mjs';

/** npm hands its own settings to what it runs; pnpm must only see those that say where the registry is. */
export function withoutNpmVariables(env) {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !/^npm_/i.test(name) || /^npm_config_(registry|cafile|proxy|https_proxy|noproxy)$/i.test(name)),
  );
}

/** What decides whether the installed packages are the right ones: lockfile, manifests, workspace file, platform. */
function wantedStamp(root) {
  const folders = ['.', ...['services', 'services/connectors', 'libs', 'deploy'].flatMap((folder) => foldersIn(root, folder))];
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}`);
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...folders.map((folder) => path.join(folder, 'package.json'))]) {
    const full = path.join(root, file);
    if (existsSync(full)) hash.update(`\0${file}\0`).update(readFileSync(full));
  }
  return hash.digest('hex');
}

function foldersIn(root, folder) {
  const full = path.join(root, folder);
  if (!existsSync(full)) return [];
  return readdirSync(full, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.join(folder, entry.name))
    .sort();
}

/** The command that is exactly the pinned pnpm: the one on the path if it is that version, else one kept under `.tools/`. */
async function pnpmCommand(root, env) {
  const { packageManager } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));
  const version = /^pnpm@([^+]+)/.exec(packageManager)?.[1];
  if (version === undefined) throw new SetUpError(`package.json: packageManager is "${packageManager}", not pnpm@VERSION`);
  const onPath = spawnSync('pnpm', ['--version'], { encoding: 'utf8', cwd: path.parse(root).root, env });
  if (onPath.stdout?.trim() === version) return ['pnpm'];

  const folder = path.join(root, '.tools', `pnpm-${version}`);
  const native = path.join(folder, 'node_modules', '@pnpm', `exe.${process.platform}-${process.arch}`, 'pnpm');
  const script = path.join(folder, 'node_modules', 'pnpm', 'bin', 'pnpm.mjs');
  if (!existsSync(native) && !existsSync(script)) {
    mkdirSync(folder, { recursive: true });
    const args = [
      'install',
      '--prefix',
      folder,
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--loglevel=error',
      `pnpm@${version}`,
    ];
    const fetched = await runWithProgress(`fetching pnpm ${version}`, 'npm', args, { cwd: folder, env, timeoutMs: 300_000 });
    if (fetched.code !== 0) {
      throw new SetUpError(
        `npm could not fetch pnpm@${version}. Is the npm registry reachable (npm config get registry)? npm said:\n${tail(fetched.output)}`,
      );
    }
  }
  return existsSync(native) ? [native] : [process.execPath, script];
}

/** Installs what the lockfile says, unless a stamp tells that it is installed. Two set-ups at once wait for one another. */
export async function installPackages(root, env) {
  const stamp = path.join(root, 'node_modules', '.mailrail-stamp');
  const isCurrent = () => existsSync(stamp) && readFileSync(stamp, 'utf8') === wantedStamp(root);
  if (isCurrent()) return;
  await withLock(path.join(root, '.tools', 'set-up.lock'), async () => {
    if (isCurrent()) return;
    const clean = { ...withoutNpmVariables(env), CI: 'true' };
    const [command, ...first] = await pnpmCommand(root, clean);
    const args = [...first, 'install', '--frozen-lockfile', '--reporter=append-only'];
    const installed = await runWithProgress('installing packages', command, args, { cwd: root, env: clean });
    if (installed.code !== 0) throw new SetUpError(installFailure(installed.output));
    writeFileSync(stamp, wantedStamp(root));
  });
}

function installFailure(output) {
  const hints = [
    [/ENOSPC|no space left/i, 'The disk is full: about 600 MB are needed here.'],
    [/OUTDATED_LOCKFILE/, 'pnpm-lock.yaml does not fit the package.json files: run pnpm install and commit the lockfile.'],
    [
      /ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN|ERR_PNPM_META_FETCH_FAIL/,
      'The npm registry cannot be reached: check the network, the proxy, npm config get registry.',
    ],
    [/EACCES|EPERM/, 'A file cannot be written: does this folder belong to you?'],
  ];
  const hint = hints.find(([pattern]) => pattern.test(output))?.[1] ?? '';
  return `packages could not be installed. ${hint} pnpm said:\n${tail(output)}`;
}

const isAlive = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
};

/** One holder at a time over all processes. A holder that died leaves a lock that the next one takes over. */
async function withLock(folder, work) {
  mkdirSync(path.dirname(folder), { recursive: true });
  let told = false;
  for (const end = Date.now() + 900_000; ; ) {
    try {
      mkdirSync(folder);
      break;
    } catch (error) {
      if (error.code !== 'EEXIST') throw new SetUpError(`${folder} cannot be written: ${error.message}`);
    }
    const pidFile = path.join(folder, 'pid');
    const holder = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : undefined;
    const age = existsSync(folder) ? Date.now() - statSync(folder).mtimeMs : 0;
    if (holder === undefined ? age > 10_000 : !isAlive(holder)) rmSync(folder, { recursive: true, force: true });
    else if (Date.now() > end)
      throw new SetUpError(`another set-up (process ${holder}) holds ${folder} for 15 minutes: end it, or remove that folder`);
    else {
      if (!told) say(`waiting for another set-up (process ${holder ?? 'unknown'})`);
      told = true;
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
  }
  try {
    writeFileSync(path.join(folder, 'pid'), String(process.pid));
    return await work();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
