// Files that are printed from the code: docs/generated. Every package that prints some exports `generatedFiles(): Map<name, text>`
// from src/generate.ts; names are relative to docs/generated.
import { existsSync, globSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './workspace.mjs';

const folder = path.join(root, 'docs', 'generated');

/** What should be there: relative name -> text. */
async function wanted() {
  const files = new Map();
  for (const module of globSync('{libs,services,services/connectors,deploy}/*/src/generate.ts', { cwd: root }).sort()) {
    const { generatedFiles } = await import(pathToFileURL(path.join(root, module)).href);
    for (const [name, text] of await generatedFiles()) {
      const relative = path.normalize(name).replace(/^docs[/\\]generated[/\\]/, '');
      if (path.isAbsolute(relative) || relative.startsWith('..')) throw new Error(`${module}: ${name} is outside docs/generated`);
      if (files.has(relative)) throw new Error(`${module}: ${relative} is made by two packages`);
      files.set(relative, text);
    }
  }
  return files;
}

function present() {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

/** Writes docs/generated anew; what nobody makes any more goes. @returns {Promise<number>} files written. */
export async function writeGenerated() {
  const files = await wanted();
  for (const name of present()) if (!files.has(name)) rmSync(path.join(folder, name));
  for (const [name, text] of files) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return files.size;
}

/**
 * @param {Map<string, string>} [expected] names relative to docs/generated; by default what the packages make.
 * @returns {Promise<string[]>} one line for each file that is missing, stale or no longer made.
 */
export async function generatedFaults(expected) {
  const files = expected ?? (await wanted());
  const faults = present()
    .filter((name) => !files.has(name))
    .map((name) => `docs/generated/${name} is made by nobody`);
  for (const [name, text] of files) {
    const file = path.join(folder, name);
    if (!existsSync(file)) faults.push(`docs/generated/${name} is missing`);
    else if (readFileSync(file, 'utf8') !== text) faults.push(`docs/generated/${name} is stale`);
  }
  return faults.length === 0 ? [] : [...faults, 'npm run generate writes them'];
}
