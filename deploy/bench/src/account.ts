import { existsSync } from 'node:fs';
import { cpuOf, difference, memoryOf, type Roots } from './processes.ts';

/** Whether this system tells what processes use (Linux does). */
export const canAccount = existsSync('/proc/self/stat');

/** Several groups of processes, told apart. */
export type Groups = Readonly<Record<string, Roots>>;
export type Used<Names extends string> = Record<Names, Record<string, number>>;

/** @returns a function that returns the CPU seconds each process has used since, by group. */
export function startAccount<Given extends Groups>(groups: Given): () => Used<keyof Given & string> {
  const before = snapshot(groups);
  return () => {
    const after = snapshot(groups);
    return Object.fromEntries(Object.keys(groups).map((group) => [group, difference(after[group] ?? {}, before[group] ?? {})])) as Used<
      keyof Given & string // the keys are those of the groups
    >;
  };
}

function snapshot(groups: Groups): Record<string, Record<string, number>> {
  if (!canAccount) return {};
  // One look at /proc for all, so that the groups are of the same moment.
  const flat = Object.fromEntries(
    Object.entries(groups).flatMap(([group, roots]) => Object.entries(roots).map(([name, pid]) => [`${group}\n${name}`, pid])),
  );
  const used = cpuOf(flat);
  const result: Record<string, Record<string, number>> = {};
  for (const [key, seconds] of Object.entries(used)) {
    const [group = '', name = ''] = key.split('\n');
    (result[group] ??= {})[name] = seconds;
  }
  return result;
}

/** PSS in MB by process, `undefined` where it cannot be told. */
export function memoryNow(roots: Roots): Record<string, number> | undefined {
  return canAccount ? memoryOf(roots) : undefined;
}

export const sum = (values: Readonly<Record<string, number>>): number => Object.values(values).reduce((total, value) => total + value, 0);
