import { execFile } from 'node:child_process';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Manifest } from '../../src/manifest.ts';
import { operatorKinds } from './operator-kinds.ts';
import { repository } from './overlays.ts';

const groups: readonly [RegExp, string][] = [
  [/^keda\.sh\//, '@kubernetes-models/keda'],
  [/^cert-manager\.io\//, '@kubernetes-models/cert-manager'],
  [/^monitoring\.coreos\.com\//, '@kubernetes-models/prometheus-operator'],
];

/** Module that has the schema and the type of a kind. */
function moduleOf({ apiVersion, kind }: Manifest): string {
  const from = groups.find(([pattern]) => pattern.test(apiVersion))?.[1] ?? 'kubernetes-models';
  return `${from}/${apiVersion}/${kind}`;
}
const nameOf = ({ kind, metadata: { name } }: Manifest) => `${kind} ${name}`;

/** What the schemas of Kubernetes and of the operators say: wrong types, missing fields. They pass unknown fields. */
export async function schemaFaults(manifests: readonly Manifest[]): Promise<string[]> {
  const faults: string[] = [];
  for (const manifest of manifests) {
    const own = operatorKinds[manifest.kind];
    if (own !== undefined) {
      const parsed = own.safeParse(manifest);
      if (!parsed.success) faults.push(`${nameOf(manifest)}: ${z.prettifyError(parsed.error)}`);
      continue;
    }
    const loaded: Record<string, unknown> = await import(moduleOf(manifest));
    // The packages export a class of the kind's name whose instances validate themselves.
    const Model = loaded[manifest.kind] as new (data: object) => { validate(): void };
    try {
      new Model(manifest).validate();
    } catch (error) {
      faults.push(`${nameOf(manifest)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return faults;
}

/**
 * What the types of the same packages say when each document is printed as a constant of its type and compiled: unknown fields at
 * any depth, and labels that are no text.
 */
export async function typeFaults(manifests: readonly Manifest[]): Promise<string[]> {
  const typed = manifests.filter(({ kind }) => operatorKinds[kind] === undefined);
  const lines: string[] = [];
  const starts: { line: number; name: string }[] = [];
  for (const [at, manifest] of typed.entries()) {
    lines.push(`import type { I${manifest.kind} as T${at} } from '${moduleOf(manifest)}';`);
    starts.push({ line: lines.length + 1, name: nameOf(manifest) });
    lines.push(...`export const d${at}: T${at} = ${JSON.stringify(manifest, null, 1)};`.split('\n'));
  }
  // Where the packages of this one are found.
  const folder = path.join(import.meta.dirname, '..', '..', 'node_modules', '.cache', `schemas-${process.pid}-${counter++}`);
  await mkdir(folder, { recursive: true });
  const file = path.join(folder, 'documents.ts');
  await writeFile(file, lines.join('\n'));
  try {
    const options = '--noEmit --strict --module nodenext --target es2024 --skipLibCheck --types node --ignoreConfig'.split(' ');
    const output = await compilerOutput([...options, file], folder);
    if (output === undefined) return [];
    const found = [...output.matchAll(/documents\.ts\((\d+),\d+\): error (.*)/g)].map(([, line = '0', text = '']) => {
      const document = starts.findLast((one) => one.line <= Number(line) + 1);
      return `${document?.name ?? '?'}: ${text}`;
    });
    return found.length > 0 ? found : [output];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
let counter = 0;

/** @returns what the compiler says when it does not pass, undefined when it does. */
function compilerOutput(args: readonly string[], cwd: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [path.join(repository, 'node_modules/typescript/bin/tsc'), ...args],
      { cwd, timeout: 60_000 },
      (error, stdout) => resolve(error === null ? undefined : stdout || error.message),
    );
  });
}
