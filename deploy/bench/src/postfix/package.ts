import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { output } from '../child.ts';
import { BenchError } from '../system.ts';

/** Postfix unpacked somewhere, not installed. */
export interface PostfixTree {
  root: string;
  commands: string; // postmap, ...
  daemons: string; // master, smtpd, ...
  meta: string; // postfix-files
  libraries: string; // LD_LIBRARY_PATH that its programs need
}

const programs = ['usr/lib/postfix/sbin/master', 'usr/lib/postfix/sbin/smtpd', 'usr/lib/postfix/sbin/virtual', 'usr/sbin/postmap'];

/**
 * Debian's Postfix package, fetched and unpacked into a folder of ours once. It is not installed: nothing of the system's mail changes.
 *
 * @throws BenchError where there is no apt, or the package cannot be had.
 */
export async function postfixTree(folder: string, say: (text: string) => void): Promise<PostfixTree> {
  const root = path.join(folder, 'tree');
  const stamp = path.join(folder, 'complete');
  if (!existsSync(stamp)) {
    say(`fetching Debian's package postfix into ${folder} (unpacked there, not installed)`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(root, { recursive: true });
    try {
      await unpackWithLibraries(folder, root);
    } catch (error) {
      throw new BenchError(`Postfix cannot be fetched (Debian or Ubuntu with a package mirror is needed): ${reasonOf(error)}`);
    }
    await writeFile(stamp, '');
  }
  return {
    root,
    commands: path.join(root, 'usr/sbin'),
    daemons: path.join(root, 'usr/lib/postfix/sbin'),
    meta: path.join(root, 'etc/postfix'),
    libraries: libraryPath(root),
  };
}

/** The package, and of its libraries those that this machine lacks. */
async function unpackWithLibraries(folder: string, root: string): Promise<void> {
  let wanted = ['postfix'];
  for (let round = 0; round < 5 && wanted.length > 0; round += 1) {
    const needs: string[] = [];
    for (const name of wanted) {
      const file = await download(folder, name);
      await output('dpkg', ['-x', file, root]);
      needs.push(await output('dpkg-deb', ['-f', file, 'Depends']));
    }
    if ((await missingLibraries(root)).length === 0) return;
    wanted = [];
    for (const name of new Set(needs.flatMap(libraryPackages))) if (!(await isInstalled(name))) wanted.push(name);
  }
  const missing = await missingLibraries(root);
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

async function missingLibraries(root: string): Promise<string[]> {
  const env = { ...process.env, LD_LIBRARY_PATH: libraryPath(root) };
  const texts = await Promise.all(programs.map((program) => output('ldd', [path.join(root, program)], { env })));
  return [...new Set(texts.join('\n').match(/^\s*\S+(?= => not found)/gm) ?? [])].map((name) => name.trim());
}

function libraryPath(root: string): string {
  const folders = ['usr/lib', 'lib'].flatMap((folder) => {
    const full = path.join(root, folder);
    if (!existsSync(full)) return [];
    return readdirSync(full)
      .filter((name) => name.endsWith('-linux-gnu') || name.includes('-linux-gnueabi'))
      .map((name) => path.join(full, name));
  });
  return [path.join(root, 'usr/lib/postfix'), ...folders].join(':');
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
