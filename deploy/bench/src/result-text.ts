import { goalLines } from './goals.ts';
import { lineName } from './line.ts';
import { mainTable, processTable, remarks } from './report.ts';
import type { RunResult } from './run.ts';

/** Everything a person reads at the end. */
export function resultText({ summaries, left, late, idlePercent }: RunResult): string {
  const first = summaries.some((one) => one.system === lineName) ? lineName : (summaries[0]?.system ?? lineName);
  const cpu = processTable(summaries, first, 'cpuSecondsPer1000');
  const memory = processTable(summaries, first, 'memoryMb');
  const idle = Object.entries(idlePercent).map(([system, percent]) => `${system} ${percent.toFixed(1)} %`);
  const watch = summaries.find((one) => one.watchErrorMs !== undefined)?.watchErrorMs;
  const notes = [
    `CPU with nothing to do, of one core: ${idle.join(', ')}${idle.length > 1 ? '; each runs on while the other is measured' : ''}`,
    ...(watch === undefined
      ? []
      : [
          `W5 is timed by inotify; the watcher is late by ${watch.p50.median} ms (p50), ${watch.p99.median} ms (p99), and so are its figures.`,
          'Elsewhere the times of files count, which have steps of up to 4 ms.',
        ]),
  ];
  const odd = [
    ...remarks(summaries),
    ...left.map((one) => `not measured: ${one}`),
    ...Object.entries(late).flatMap(([system, { late: came, doubled }]) => [
      ...(came > 0 ? [`${system}: ${came} copies came after they had been given up`] : []),
      ...(doubled > 0 ? [`${system}: ${doubled} copies came a second time, after the counting`] : []),
    ]),
  ];
  return [
    mainTable(summaries),
    cpu && `CPU seconds for 1,000 copies, ${first}:\n${cpu}`,
    memory && `Memory at the end of the workload, MB (PSS), ${first}:\n${memory}`,
    notes.join('\n'),
    odd.join('\n'),
    goalLines(summaries, lineName).join('\n'),
  ]
    .filter((part) => part !== undefined && part !== '')
    .join('\n\n');
}

/** 0: all whole. 1: something was lost or doubled. 2: something was stopped or left out. */
export function exitCode({ summaries, left, late }: Pick<RunResult, 'summaries' | 'left' | 'late'>): number {
  if (!summaries.every(({ whole }) => whole) || Object.values(late).some(({ doubled }) => doubled > 0)) return 1;
  return summaries.every(({ complete }) => complete) && left.length === 0 ? 0 : 2;
}
