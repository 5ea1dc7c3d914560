import { dnKey } from '../dn.ts';
import { gate } from '../gate.ts';
import type { Entry } from '../port.ts';
import type { LdapServer } from './server-url.ts';

/** Batches of one call that are on their way at once; more only makes others wait. */
const batchesAtOnce = 4;

/** Servers by what they have: those with the same base stand in for each other. */
export function groupedByBase(servers: readonly LdapServer[]): Map<string | undefined, LdapServer[]> {
  const groups = new Map<string | undefined, LdapServer[]>();
  const keys = new Map<string, string | undefined>();
  for (const server of servers) {
    const key = server.base === undefined ? '' : dnKey(server.base);
    if (!keys.has(key)) keys.set(key, server.base);
    const base = keys.get(key);
    groups.set(base, [...(groups.get(base) ?? []), server]);
  }
  return groups;
}

/** Asks in batches, some at once. @returns the answers in the order of the batches. */
export async function inBatches<Value>(
  questions: readonly string[],
  size: number,
  ask: (some: readonly string[]) => Promise<Value>,
): Promise<Value[]> {
  if (questions.length === 0) return [];
  if (questions.length <= size) return [await ask(questions)];
  const place = gate(batchesAtOnce);
  const work: Promise<Value>[] = [];
  for (let at = 0; at < questions.length; at += size) {
    const some = questions.slice(at, at + size);
    work.push(place(() => ask(some)));
  }
  return Promise.all(work);
}

/** Values that differ by key, each as it came first. */
export function distinct(values: readonly string[], keyOf: (value: string) => string): string[] {
  const seen = new Map<string, string>();
  for (const value of values) {
    const key = keyOf(value);
    if (!seen.has(key)) seen.set(key, value);
  }
  return [...seen.values()];
}

/** The owners of addresses from several parts of a directory, each once. */
export function merged(found: readonly Map<string, Entry[]>[]): Map<string, Entry[]> {
  const [only] = found;
  if (found.length === 1 && only !== undefined) return only;
  const all = new Map<string, Entry[]>();
  for (const owners of found) {
    for (const [key, entries] of owners) {
      const before = all.get(key) ?? [];
      all.set(key, [...before, ...entries.filter(({ id }) => !before.some((one) => one.id === id))]);
    }
  }
  return all;
}
