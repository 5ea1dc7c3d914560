import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { Manifest } from '../manifest.ts';
import { applyPatch } from './json-patch.ts';
import { type Generator, Kustomization, PatchOperations } from './kustomization.ts';
import { nameSuffix } from './name-suffix.ts';
import { podSpecsOf, renameReferences } from './references.ts';

const AnyManifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }),
});

/** An object on its way through the layers. */
interface Item {
  manifest: Manifest;
  generated: boolean; // its name gets a suffix at the end
}

/**
 * Renders a kustomization as `kubectl kustomize` does, for the part of kustomize that `Kustomization` knows. Here because checks
 * must run where there is no kubectl; where there is one, a test compares the two.
 *
 * @throws Error naming the file, for anything outside that part, a name used twice, or a patch that finds nothing.
 */
export function render(folder: string): Manifest[] {
  const items = accumulate(folder, []);
  const renamed = new Map<string, string>();
  for (const { manifest, generated } of items) {
    if (!generated || (manifest.kind !== 'ConfigMap' && manifest.kind !== 'Secret')) continue;
    const { kind, metadata } = manifest;
    const name = `${metadata.name}-${nameSuffix(kind, dataOf(manifest))}`;
    renamed.set(key(kind, metadata.namespace, metadata.name), name);
    metadata.name = name;
  }
  for (const { manifest } of items) {
    renameReferences(manifest, (kind, name) => renamed.get(key(kind, manifest.metadata.namespace, name)) ?? name);
  }
  return items.map(({ manifest }) => manifest);
}

const key = (kind: string, namespace: string | undefined, name: string) => `${kind}/${namespace ?? ''}/${name}`;

/** Reads one folder and lays it onto what is there: resources, components, generators, then what changes all of it. */
function accumulate(folder: string, before: Item[]): Item[] {
  const file = path.join(folder, 'kustomization.yaml');
  const parsed = Kustomization.safeParse(parse(readFileSync(file, 'utf8')));
  if (!parsed.success) throw new Error(`${file}:\n${z.prettifyError(parsed.error)}`);
  const kustomization = parsed.data;
  // A component sees and changes what its parent has so far; a resource folder stands for itself.
  let items = kustomization.kind === 'Component' ? before : [];
  for (const resource of kustomization.resources) {
    const target = path.join(folder, resource);
    items.push(...(statSync(target).isDirectory() ? accumulate(target, []) : documents(target)));
  }
  for (const component of kustomization.components) items = accumulate(path.join(folder, component), items);
  for (const generator of kustomization.configMapGenerator) generate(items, 'ConfigMap', generator, folder);
  for (const generator of kustomization.secretGenerator) generate(items, 'Secret', generator, folder);
  patch(items, kustomization, file);
  if (kustomization.namespace !== undefined) setNamespace(items, kustomization.namespace);
  setImages(items, kustomization);
  const seen = new Set<string>();
  for (const { manifest } of items) {
    const { kind, apiVersion, metadata } = manifest;
    const id = `${apiVersion.split('/')[0]} ${key(kind, metadata.namespace, metadata.name)}`;
    if (seen.has(id)) throw new Error(`${file}: ${kind} ${metadata.name} is there twice`);
    seen.add(id);
  }
  return items;
}

function documents(file: string): Item[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw new Error(`${file}: ${error.message}`);
    const parsed = AnyManifest.safeParse(document.toJS());
    if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
    return { manifest: parsed.data as Manifest, generated: false }; // looseObject is the same shape with an index
  });
}

function generate(items: Item[], kind: 'ConfigMap' | 'Secret', { name, behavior, literals, files }: Generator, folder: string): void {
  const encode = (text: string) => (kind === 'Secret' ? Buffer.from(text).toString('base64') : text);
  const data: Record<string, string> = {};
  for (const literal of literals) {
    const at = literal.indexOf('=');
    data[literal.slice(0, at)] = encode(literal.slice(at + 1));
  }
  for (const file of files) data[path.basename(file)] = encode(readFileSync(path.join(folder, file), 'utf8'));
  const there = items.find(({ manifest }) => manifest.kind === kind && manifest.metadata.name === name);
  if (behavior === 'merge') {
    if (there === undefined) throw new Error(`${folder}: there is no ${kind} ${name} to merge into`);
    Object.assign(dataOf(there.manifest), data);
    return;
  }
  if (there !== undefined) throw new Error(`${folder}: ${kind} ${name} is there already`);
  const type = kind === 'Secret' ? { type: 'Opaque' } : {};
  items.push({ manifest: { apiVersion: 'v1', kind, metadata: { name }, data, ...type }, generated: true });
}

const Data = z.record(z.string(), z.string());

function dataOf(manifest: Manifest): Record<string, string> {
  const data = Data.parse(manifest['data'] ?? {});
  manifest['data'] = data;
  return data;
}

function patch(items: readonly Item[], { patches }: Kustomization, file: string): void {
  for (const { target, patch } of patches) {
    const operations = PatchOperations.safeParse(parse(patch));
    if (!operations.success) throw new Error(`${file}: a patch is no list of JSON patch operations:\n${z.prettifyError(operations.error)}`);
    const [label, value] = target.labelSelector?.split('=') ?? [];
    const meant = items.filter(
      ({ manifest: { kind, metadata } }) =>
        kind === target.kind &&
        (target.name === undefined || metadata.name === target.name) &&
        (label === undefined || metadata.labels?.[label] === value),
    );
    // kustomize passes over a patch that meets nothing. A patch for one object by name must not be passed over here.
    if (meant.length === 0 && target.name !== undefined)
      throw new Error(`${file}: a patch is for ${target.kind} ${target.name}, which is not there`);
    for (const { manifest } of meant) {
      try {
        applyPatch(manifest, structuredClone(operations.data));
      } catch (error) {
        throw new Error(`${file}: ${manifest.kind} ${manifest.metadata.name}: ${error instanceof Error ? error.message : String(error)}`, {
          cause: error,
        });
      }
    }
  }
}

function setNamespace(items: readonly Item[], namespace: string): void {
  for (const { manifest } of items) {
    if (manifest.kind === 'Namespace') manifest.metadata.name = namespace;
    else manifest.metadata.namespace = namespace;
  }
}

function setImages(items: readonly Item[], { images }: Kustomization): void {
  for (const { manifest } of items) {
    for (const { containers = [], initContainers = [] } of podSpecsOf(manifest)) {
      for (const container of [...initContainers, ...containers]) {
        const [name = '', tag = ''] = /^(.*?)(?::([^:/]*))?$/.exec(container.image)?.slice(1) ?? [];
        const change = images.find((one) => one.name === name);
        if (change === undefined) continue;
        container.image = `${change.newName ?? name}:${change.newTag ?? tag}`;
      }
    }
  }
}
