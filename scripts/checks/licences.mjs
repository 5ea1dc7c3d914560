// The licences of everything that runs outside tests: dependencies of our packages, and theirs, wherever they lead.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { root, workspacePackages } from './workspace.mjs';

const allowed = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'MIT-0',
  'BlueOak-1.0.0',
  'Unlicense',
  'CC0-1.0',
  'Python-2.0',
]);

function licenceOf({ license, licenses }) {
  if (typeof license === 'string') return license;
  if (typeof license === 'object' && license !== null) return license.type ?? '';
  if (Array.isArray(licenses)) return licenses.map((one) => one.type ?? one).join(' OR ');
  return '';
}

/** An expression is fine when one of its OR alternatives consists of allowed licences only. */
export function isAllowed(expression) {
  const plain = expression.replaceAll(/[()]/g, ' ');
  return plain.split(/\sOR\s/i).some((alternative) => alternative.split(/\sAND\s/i).every((one) => allowed.has(one.trim())));
}

/** @returns {{ faults: string[], count: number }} */
export function licenceFaults() {
  const packages = workspacePackages();
  const ours = new Set(packages.map(({ manifest }) => manifest.name));
  const seen = new Set();
  const faults = [];
  const visit = (from, manifest) => {
    const optional = new Set(Object.keys(manifest.optionalDependencies ?? {}));
    for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
      if (ours.has(name)) continue;
      const folder = find(name, from);
      if (folder === undefined) {
        if (!optional.has(name)) faults.push(`${name}, needed by ${manifest.name}, is not installed`);
        continue;
      }
      if (seen.has(folder)) continue;
      seen.add(folder);
      const dependency = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
      const licence = licenceOf(dependency);
      if (!isAllowed(licence)) faults.push(`${dependency.name}@${dependency.version}: licence "${licence}" is not in the list`);
      visit(folder, dependency);
    }
  };
  const neverRun = new Set(['libs/testing', 'deploy/e2e']); // but by tests
  for (const { folder, manifest } of packages) if (!neverRun.has(folder)) visit(path.join(root, folder), manifest);
  return { faults, count: seen.size };
}

/** Where Node would find a package from a folder, its real path. */
function find(name, from) {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const candidate = path.basename(folder) === 'node_modules' ? path.join(folder, name) : path.join(folder, 'node_modules', name);
    if (existsSync(path.join(candidate, 'package.json'))) return realpathSync(candidate);
    if (folder === path.dirname(folder)) return undefined;
  }
}
