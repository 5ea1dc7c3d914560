import { readdirSync, readFileSync } from 'node:fs';

/** Name of a process (or of a tree of them) -> pid of its root. */
export type Roots = Readonly<Record<string, number>>;

/** One process as the kernel tells of it. */
export interface ProcessStat {
  pid: number;
  parent: number;
  /** User and system time, of itself and of the children it has waited for, in seconds; steps of 10 ms. */
  cpuSeconds: number;
}

const ticksPerSecond = 100; // USER_HZ of every Linux that Node runs on

/** One line of `/proc/<pid>/stat`. @returns `undefined` for another text. See proc_pid_stat(5). */
export function parseStat(text: string): ProcessStat | undefined {
  const pid = Number.parseInt(text, 10);
  // The command's name stands in brackets and may hold brackets and blanks itself.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const field = (number: number) => Number(fields[number - 3]); // numbered as in the manual, from 1; the third is the first here
  const cpuSeconds = (field(14) + field(15) + field(16) + field(17)) / ticksPerSecond;
  const parent = field(4);
  return Number.isInteger(pid) && Number.isInteger(parent) && Number.isFinite(cpuSeconds) ? { pid, parent, cpuSeconds } : undefined;
}

/** All processes of this machine that can be read. */
export function allProcesses(proc = '/proc'): ProcessStat[] {
  return readdirSync(proc)
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => parseStat(textOf(`${proc}/${name}/stat`)) ?? []);
}

/** For each root the processes below it and itself. A process belongs to the nearest root above it. */
export function treesOf(roots: Roots, processes: readonly ProcessStat[]): Map<string, ProcessStat[]> {
  const byPid = new Map(processes.map((one) => [one.pid, one]));
  const nameOf = new Map(Object.entries(roots).map(([name, pid]) => [pid, name]));
  const trees = new Map<string, ProcessStat[]>(Object.keys(roots).map((name) => [name, []]));
  for (const process of processes) {
    let at: ProcessStat | undefined = process;
    for (let depth = 0; at !== undefined && !nameOf.has(at.pid) && depth < 100; depth += 1) at = byPid.get(at.parent);
    const name = at === undefined ? undefined : nameOf.get(at.pid);
    if (name !== undefined) trees.get(name)?.push(process);
  }
  return trees;
}

/** CPU seconds each tree has used so far. 0 for a root that is gone. */
export function cpuOf(roots: Roots, proc = '/proc'): Record<string, number> {
  const trees = treesOf(roots, allProcesses(proc));
  return Object.fromEntries([...trees].map(([name, tree]) => [name, tree.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0)]));
}

/** Memory each tree holds, in MB (2^20), shared pages divided by those who share them (PSS). 0 where it cannot be read. */
export function memoryOf(roots: Roots, proc = '/proc'): Record<string, number> {
  const trees = treesOf(roots, allProcesses(proc));
  return Object.fromEntries(
    [...trees].map(([name, tree]) => [name, tree.reduce((sum, { pid }) => sum + pssKb(textOf(`${proc}/${pid}/smaps_rollup`)), 0) / 1_024]),
  );
}

/** The `Pss:` line of smaps_rollup, in KB. */
export function pssKb(text: string): number {
  return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0);
}

/** After minus before, process by process; not below 0 (a root that was started again begins anew). */
export function difference(after: Readonly<Record<string, number>>, before: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(after).map(([name, value]) => [name, Math.max(0, value - (before[name] ?? 0))]));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return ''; // it has ended, or is not ours
  }
}
