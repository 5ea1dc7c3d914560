import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { lineFiles } from './line-files.ts';
import { generatedMark } from './manifest.ts';
import { organizationFiles, readOrganization } from './organization-files.ts';

const repository = path.join(import.meta.dirname, '..', '..', '..');
const folder = path.join(repository, 'k8s');

export function repositoryVersion(): string {
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(path.join(repository, 'package.json'), 'utf8')));
  return version;
}

/** Files that belong to an organization folder and were written by a person: its people, and authorities that sign certificates. */
export function besideOrganization(directory: string): string[] {
  return readdirSync(directory).filter((name) => /\.(ldif|pem)$/.test(name));
}

/** Every generated file under `k8s/`: relative name -> text. */
export function manifestFiles(): Map<string, string> {
  const version = repositoryVersion();
  const files = lineFiles(version);
  for (const file of globSync('**/organization.yaml', { cwd: folder }).sort()) {
    const own = path.dirname(file);
    const text = readFileSync(path.join(folder, file), 'utf8');
    const printed = organizationFiles(readOrganization(text, `k8s/${file}`), version, besideOrganization(path.join(folder, own)));
    for (const [name, content] of printed) files.set(path.join(own, name), content);
  }
  return files;
}

/** Generated files that are there, made by whichever version. */
function present(): string[] {
  return globSync('**/*.yaml', { cwd: folder }).filter((name) => readFileSync(path.join(folder, name), 'utf8').startsWith(generatedMark));
}

/** Writes them anew; what is no longer made goes. @returns files written. */
export function writeManifests(): number {
  const files = manifestFiles();
  for (const name of present()) if (!files.has(name)) rmSync(path.join(folder, name));
  for (const [name, text] of files) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return files.size;
}

/** @returns one line for each file that is missing, stale or no longer made. */
export function manifestFaults(): string[] {
  const files = manifestFiles();
  const faults = present()
    .filter((name) => !files.has(name))
    .map((name) => `k8s/${name} is made by nobody`);
  for (const [name, text] of files) {
    const file = path.join(folder, name);
    if (!existsSync(file)) faults.push(`k8s/${name} is missing`);
    else if (readFileSync(file, 'utf8') !== text) faults.push(`k8s/${name} is stale`);
  }
  return faults.length === 0 ? [] : [...faults, 'npm run generate writes them'];
}
