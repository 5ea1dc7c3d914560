import { isDeepStrictEqual } from 'node:util';
import type { PatchOperation } from './kustomization.ts';

/**
 * Applies operations of RFC 6902 to a document, in place. `add`, `replace`, `remove` and `test` are what manifests need.
 *
 * @throws Error for a path that is not there, and for a test that fails.
 */
export function applyPatch(document: unknown, operations: readonly PatchOperation[]): void {
  for (const operation of operations) {
    const parts = operation.path
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    const last = parts.pop();
    if (last === undefined) throw new Error(`patch: the whole document (${operation.op} "") cannot be changed`);
    let parent = document;
    for (const part of parts) parent = child(parent, part, operation.path);
    if (Array.isArray(parent)) applyToArray(parent, last, operation);
    else if (isObject(parent)) applyToObject(parent, last, operation);
    else throw new Error(`patch: ${operation.path}: there is nothing to change`);
  }
}

function applyToArray(parent: unknown[], key: string, operation: PatchOperation): void {
  const end = operation.op === 'add' ? parent.length : parent.length - 1;
  const at = key === '-' && operation.op === 'add' ? parent.length : /^\d+$/.test(key) ? Number(key) : -1;
  if (at < 0 || at > end) throw new Error(`patch: ${operation.path}: no such place in the list`);
  switch (operation.op) {
    case 'add':
      parent.splice(at, 0, operation.value);
      return;
    case 'replace':
      parent[at] = operation.value;
      return;
    case 'remove':
      parent.splice(at, 1);
      return;
    case 'test':
      test(parent[at], operation);
      return;
    default:
      unreachable(operation);
  }
}

function applyToObject(parent: Record<string, unknown>, key: string, operation: PatchOperation): void {
  if (operation.op !== 'add' && !Object.hasOwn(parent, key)) throw new Error(`patch: ${operation.path} is not there`);
  switch (operation.op) {
    case 'add':
    case 'replace':
      parent[key] = operation.value;
      return;
    case 'remove':
      delete parent[key];
      return;
    case 'test':
      test(parent[key], operation);
      return;
    default:
      unreachable(operation);
  }
}

function test(found: unknown, { path, value }: { path: string; value: unknown }): void {
  if (!isDeepStrictEqual(found, value)) throw new Error(`patch: ${path} is ${JSON.stringify(found)}, not ${JSON.stringify(value)}`);
}

function child(parent: unknown, key: string, path: string): unknown {
  const found = Array.isArray(parent) ? parent[Number(key)] : isObject(parent) && Object.hasOwn(parent, key) ? parent[key] : undefined;
  if (found === undefined) throw new Error(`patch: ${path}: ${key} is not there`);
  return found;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unreachable(operation: never): never {
  throw new Error(`patch: no such operation ${JSON.stringify(operation)}`);
}
