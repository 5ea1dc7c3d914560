// The packages of this repository and its own files, as the checks see them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = path.dirname(path.dirname(path.dirname(fileURLToPath(import.meta.url))));
const notOurs = new Set(['node_modules', '.git', '.tools', '.mailrail', 'coverage', 'results', 'dist']);

/** Folders (relative) and manifests of all workspace packages. */
export function workspacePackages() {
  return ['services', 'services/connectors', 'libs', 'deploy']
    .flatMap((folder) => readdirSync(path.join(root, folder), { withFileTypes: true }).map((entry) => path.join(folder, entry.name)))
    .filter((folder) => existsSync(path.join(root, folder, 'package.json')))
    .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(path.join(root, folder, 'package.json'), 'utf8')) }));
}

/** Every file of ours, relative to the root. */
export function ownFiles(folder = '.') {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.join(folder, entry.name);
    if (entry.isDirectory()) return notOurs.has(entry.name) ? [] : ownFiles(name);
    return entry.isFile() ? [name] : [];
  });
}
