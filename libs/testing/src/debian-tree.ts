import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** Packages unpacked somewhere, not installed: Debian's mail servers exclude each other as installed ones. */
export interface DebianTree {
  root: string;
  libraries: string; // LD_LIBRARY_PATH that their programs need
}

export interface DebianTreeOptions {
  packages: readonly string[];
  /** Paths below the root of the programs that are to find all their libraries. */
  programs: readonly string[];
  /** Folders below the root with libraries of the packages' own. */
  ownLibraries?: readonly string[];
}

const run = promisify(execFile);

async function output(command: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): Promise<string> {
  return (await run(command, [...args], { ...options, timeout: 120_000, maxBuffer: 10_000_000 })).stdout;
}

/**
 * Fetches Debian's packages and unpacks them into a folder of ours, once; of their libraries those that this machine lacks. Nothing of
 * the system changes.
 *
 * @throws Error where there is no apt, or a package cannot be had.
 */
export async function debianTree(folder: string, options: DebianTreeOptions): Promise<DebianTree> {
  const root = path.join(folder, 'tree');
  const stamp = path.join(folder, 'complete');
  if (!existsSync(stamp)) {
    await rm(folder, { recursive: true, force: true });
    await mkdir(root, { recursive: true });
    await unpackWithLibraries(folder, root, options);
    await writeFile(stamp, '');
  }
  return { root, libraries: libraryPath(root, options) };
}

async function unpackWithLibraries(folder: string, root: string, options: DebianTreeOptions): Promise<void> {
  let wanted = [...options.packages];
  for (let round = 0; round < 5 && wanted.length > 0; round += 1) {
    const needs: string[] = [];
    for (const name of wanted) {
      const file = await download(folder, name);
      await output('dpkg', ['-x', file, root]);
      needs.push(await output('dpkg-deb', ['-f', file, 'Depends']));
    }
    if ((await missingLibraries(root, options)).length === 0) return;
    wanted = [];
    for (const name of new Set(needs.flatMap(libraryPackages))) if (!(await isInstalled(name))) wanted.push(name);
  }
  const missing = await missingLibraries(root, options);
  if (missing.length > 0) throw new Error(`libraries are missing: ${missing.join(', ')}`);
}

/** Names of libraries in a `Depends` field, of alternatives the first. */
export function libraryPackages(depends: string): string[] {
  return depends
    .split(',')
    .map((one) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(one)?.[1] ?? '')
    .filter((name) => name.startsWith('lib') && name !== 'libc6');
}

async function download(folder: string, name: string): Promise<string> {
  const fetch = () => output('apt-get', ['-o', 'APT::Sandbox::User=root', '-q', 'download', name], { cwd: folder });
  await fetch().catch(async () => {
    await output('apt-get', ['-q', 'update']);
    await fetch();
  });
  const file = readdirSync(folder).find((entry) => entry.startsWith(`${name}_`) && entry.endsWith('.deb'));
  if (file === undefined) throw new Error(`apt-get download ${name} left no package`);
  return path.join(folder, file);
}

async function isInstalled(name: string): Promise<boolean> {
  const status = await output('dpkg-query', ['-W', '-f', '${Status}', name]).catch(() => '');
  return status.endsWith(' installed');
}

async function missingLibraries(root: string, options: DebianTreeOptions): Promise<string[]> {
  const env = { ...process.env, LD_LIBRARY_PATH: libraryPath(root, options) };
  const texts = await Promise.all(options.programs.map((program) => output('ldd', [path.join(root, program)], { env })));
  return [...new Set(texts.join('\n').match(/^\s*\S+(?= => not found)/gm) ?? [])].map((name) => name.trim());
}

function libraryPath(root: string, { ownLibraries = [] }: DebianTreeOptions): string {
  const folders = ['usr/lib', 'lib'].flatMap((folder) => {
    const full = path.join(root, folder);
    if (!existsSync(full)) return [];
    return readdirSync(full)
      .filter((name) => name.endsWith('-linux-gnu') || name.includes('-linux-gnueabi'))
      .map((name) => path.join(full, name));
  });
  return [...ownLibraries.map((own) => path.join(root, own)), ...folders].join(':');
}
