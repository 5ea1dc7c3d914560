import type { Spread } from './statistics.ts';
import { rounded } from './statistics.ts';
import type { Summary } from './summary.ts';
import { markdownTable } from './table.ts';

type Figure = { title: string; of: (summary: Summary) => Spread | number | undefined; ratio?: boolean; range?: boolean };

/** Columns of the main table. A ratio is the line's figure by the other system's. */
const figureColumns: readonly Figure[] = [
  { title: 'reps', of: (one) => one.repetitions },
  { title: 'copies', of: (one) => one.n },
  { title: 'copies/s', of: (one) => one.perSecond, ratio: true, range: true },
  { title: 'accepted/s', of: (one) => one.acceptedPerSecond, ratio: true },
  { title: 'seconds', of: (one) => one.seconds, ratio: true },
  { title: 'to 250 p50 ms', of: (one) => one.replyMs?.p50, ratio: true },
  { title: 'p99 ms', of: (one) => one.replyMs?.p99, ratio: true },
  { title: '250 to copy p50 ms', of: (one) => one.deliveryMs?.p50, ratio: true },
  { title: 'p99 ms', of: (one) => one.deliveryMs?.p99, ratio: true },
  { title: 'CPU s/1,000', of: (one) => one.cpuSecondsPer1000?.total, ratio: true },
  { title: 'generator', of: (one) => one.generatorCpuSecondsPer1000 },
  { title: 'PSS MB', of: (one) => one.memoryMb?.total, ratio: true },
  { title: 'lost', of: (one) => one.lost },
  { title: 'doubled', of: (one) => one.doubled },
];

/** The main table: one row for each workload and system, and the ratio below when there are two. */
export function mainTable(summaries: readonly Summary[]): string {
  const rows: string[][] = [];
  for (const group of byWorkload(summaries)) {
    for (const summary of group) rows.push([summary.workload, summary.system, ...figureColumns.map((figure) => cell(figure, summary))]);
    const [first, second] = group;
    if (first !== undefined && second !== undefined) {
      rows.push(['', `${first.system} : ${second.system}`, ...figureColumns.map((figure) => ratioCell(figure, first, second))]);
    }
  }
  const columns = [{ title: 'workload' }, { title: 'system' }, ...figureColumns.map(({ title }) => ({ title, align: 'right' as const }))];
  return markdownTable(columns, rows);
}

/** Where CPU time or memory goes: a row for each process, a column for each workload. `undefined` when nothing was measured. */
export function processTable(summaries: readonly Summary[], system: string, which: 'cpuSecondsPer1000' | 'memoryMb'): string | undefined {
  const measured = summaries.filter((one) => one.system === system && one[which] !== undefined);
  if (measured.length === 0) return undefined;
  const names = [...new Set(measured.flatMap((one) => Object.keys(one[which]?.by ?? {})))];
  const rows = names.map((name) => [name, ...measured.map((one) => text(one[which]?.by[name]))]);
  const total = ['all', ...measured.map((one) => text(one[which]?.total.median))];
  const columns = [{ title: 'process' }, ...measured.map(({ workload }) => ({ title: workload, align: 'right' as const }))];
  return markdownTable(columns, [...rows, total]);
}

/** What is out of the ordinary, a line each. */
export function remarks(summaries: readonly Summary[]): string[] {
  return summaries.flatMap((one) => {
    const counts = (['misplaced', 'waiting', 'foreign', 'refused', 'deferred', 'dropped', 'rejected', 'unanswered', 'unsent'] as const)
      .filter((name) => one[name] > 0)
      .map((name) => `${one[name]} ${name}`);
    const stopped = one.stopped > 0 ? [`${one.stopped} of ${one.repetitions} repetitions stopped at the time limit`] : [];
    const died = one.restarted.length > 0 ? [`started again meanwhile: ${one.restarted.join(', ')}`] : [];
    const said = [...stopped, ...died, ...counts];
    return said.length === 0 ? [] : [`${one.workload} ${one.system}: ${said.join(', ')}`];
  });
}

/** Copies of a workload's own systems stand together. */
export function byWorkload(summaries: readonly Summary[]): Summary[][] {
  const groups = new Map<string, Summary[]>();
  for (const one of summaries) groups.set(one.workload, [...(groups.get(one.workload) ?? []), one]);
  return [...groups.values()];
}

function cell({ of, range }: Figure, summary: Summary): string {
  const value = of(summary);
  if (value === undefined || typeof value === 'number') return text(value);
  const isOne = value.min === value.max;
  return range === true && !isOne ? `${text(value.median)} [${text(value.min)}..${text(value.max)}]` : text(value.median);
}

function ratioCell(figure: Figure, first: Summary, second: Summary): string {
  if (figure.ratio !== true) return '';
  const ratio = ratioOf(figure.of(first), figure.of(second));
  return ratio === undefined ? '' : ratio.toFixed(2);
}

/** First by second; `undefined` unless both are above 0. */
export function ratioOf(first: Spread | number | undefined, second: Spread | number | undefined): number | undefined {
  const value = (one: Spread | number | undefined) => (typeof one === 'number' ? one : one?.median) ?? 0;
  return value(first) > 0 && value(second) > 0 ? value(first) / value(second) : undefined;
}

const text = (value: number | undefined): string => (value === undefined ? '' : String(rounded(value)));
