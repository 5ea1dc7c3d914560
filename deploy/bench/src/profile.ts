import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { markdownTable } from './table.ts';

/** What `node --cpu-prof` writes; times in microseconds of the monotonic clock. */
export interface CpuProfile {
  nodes: { id: number; callFrame: { functionName: string; url: string; lineNumber: number }; children?: number[] }[];
  startTime: number;
  samples: number[];
  timeDeltas: number[]; // before each sample
}

/** From and to, monotonic ms. */
export type Span = readonly [number, number];

/** A function and the time it ran itself, without what it called. */
export interface SelfTime {
  what: string;
  ms: number;
}

const shown = 12; // functions of a process

/**
 * Functions by their own time within the spans, longest first; idle time is left out. What is Node's own or native is told by who called
 * it: `writev < flush libs/broker/src/x.ts:10`. A call into the system counts with the time it waits there.
 */
export function selfTimes({ nodes, startTime, samples, timeDeltas }: CpuProfile, spans: readonly Span[]): SelfTime[] {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const nameOf = (id: number): string => {
    const own = byId.get(id)?.callFrame;
    if (own === undefined) return '(unknown)';
    const name = own.functionName || '(anonymous)';
    if (isOurs(own.url)) return `${name} ${placeOf(own)}`;
    if (name.startsWith('(')) return name; // garbage collection, the program itself
    for (let above = parents.get(id); above !== undefined; above = parents.get(above)) {
      const caller = byId.get(above)?.callFrame;
      if (caller !== undefined && isOurs(caller.url)) return `${name} < ${caller.functionName || '(anonymous)'} ${placeOf(caller)}`;
    }
    return own.url === '' ? name : `${name} ${own.url}`;
  };
  const names = new Map(nodes.map(({ id }) => [id, nameOf(id)]));
  const byName = new Map<string, number>();
  let at = startTime / 1_000;
  for (const [index, id] of samples.entries()) {
    const ms = (timeDeltas[index] ?? 0) / 1_000;
    at += ms;
    if (!spans.some(([from, to]) => at >= from && at <= to)) continue;
    const name = names.get(id) ?? '(unknown)';
    byName.set(name, (byName.get(name) ?? 0) + ms);
  }
  byName.delete('(idle)');
  return [...byName].map(([what, ms]) => ({ what, ms })).toSorted((a, b) => b.ms - a.ms);
}

const isOurs = (url: string): boolean => url.startsWith('file:') || url.startsWith('/');
const placeOf = ({ url, lineNumber }: { url: string; lineNumber: number }): string =>
  `${url.replace(/^.*\/(?=(?:libs|services|deploy|node_modules)\/)/, '')}:${lineNumber + 1}`;

/** What costs most in each process whose profile is in a folder. @param pids name of a process -> its pid. */
export function profileReport(dir: string, pids: Readonly<Record<string, number>>, spans: readonly Span[]): string {
  const files = readdirSync(dir).filter((name) => name.endsWith('.cpuprofile'));
  const parts = Object.entries(pids).flatMap(([name, pid]) => {
    const file = files.find((one) => one.split('.')[3] === String(pid));
    if (file === undefined) return [];
    const profile: CpuProfile = JSON.parse(readFileSync(path.join(dir, file), 'utf8'));
    const times = selfTimes(profile, spans);
    const allMs = times.reduce((sum, { ms }) => sum + ms, 0);
    const rows = times.slice(0, shown).map(({ what, ms }) => [`${((ms * 100) / allMs).toFixed(1)} %`, what]);
    const columns = [{ title: 'own time', align: 'right' as const }, { title: 'function' }];
    return [`${name}: ${(allMs / 1_000).toFixed(1)} s not idle while it was measured (${file})\n${markdownTable(columns, rows)}`];
  });
  return parts.length === 0 ? `no profiles in ${dir}` : parts.join('\n\n');
}
