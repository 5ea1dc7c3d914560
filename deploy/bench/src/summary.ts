import { sum } from './account.ts';
import { isComplete, isWhole, type Latency, type Repetition } from './repetition.ts';
import { median, rounded, type Spread, spread } from './statistics.ts';

export type LatencySpread = Record<keyof Latency, Spread>;

/** All repetitions of one workload on one system: one JSON line. Figures are medians with the smallest and largest. */
export interface Summary {
  workload: string;
  system: string;
  repetitions: number;
  n: number; // copies of one repetition
  perSecond: Spread | undefined;
  seconds: Spread | undefined;
  acceptedPerSecond: Spread | undefined;
  replyMs: LatencySpread | undefined;
  deliveryMs: LatencySpread | undefined;
  watchErrorMs: LatencySpread | undefined;
  /** CPU seconds for 1,000 copies; `undefined` where it was not measured or a process was started again. */
  cpuSecondsPer1000: { total: Spread; by: Record<string, number> } | undefined;
  generatorCpuSecondsPer1000: Spread | undefined;
  sinkCpuSecondsPer1000: Spread | undefined;
  memoryMb: { total: Spread; by: Record<string, number> } | undefined;
  // Sums over the repetitions:
  lost: number;
  doubled: number;
  misplaced: number;
  waiting: number;
  foreign: number;
  refused: number;
  deferred: number;
  dropped: number;
  rejected: number;
  unanswered: number;
  unsent: number;
  stopped: number; // repetitions that reached the time limit
  restarted: string[]; // processes that died meanwhile
  whole: boolean;
  complete: boolean;
}

/** @param repetitions at least one. */
export function summarize(workload: string, system: string, repetitions: readonly Repetition[]): Summary {
  const over = (figure: (one: Repetition) => number | undefined): Spread | undefined => shown(spread(repetitions.map(figure)));
  const total = (figure: (one: Repetition) => number): number => repetitions.reduce((all, one) => all + figure(one), 0);
  const latencyOver = (which: (one: Repetition) => Latency | undefined): LatencySpread | undefined => {
    const [p50, p99, max] = [over((one) => which(one)?.p50), over((one) => which(one)?.p99), over((one) => which(one)?.max)];
    return p50 === undefined || p99 === undefined || max === undefined ? undefined : { p50, p99, max };
  };
  const per1000 = (seconds: number | undefined, { arrived }: Repetition) =>
    seconds === undefined || arrived === 0 ? undefined : (seconds * 1_000) / arrived;
  const restarted = [...new Set(repetitions.flatMap((one) => one.restarted))];
  return {
    workload,
    system,
    repetitions: repetitions.length,
    n: repetitions[0]?.n ?? 0,
    perSecond: over((one) => one.perSecond),
    seconds: over((one) => one.seconds),
    acceptedPerSecond: over((one) => one.acceptedPerSecond),
    replyMs: latencyOver((one) => one.replyMs),
    deliveryMs: latencyOver((one) => one.deliveryMs),
    watchErrorMs: latencyOver((one) => one.watchErrorMs),
    cpuSecondsPer1000:
      restarted.length > 0
        ? undefined
        : byProcess(repetitions.map((one) => one.cpuSeconds && mapValues(one.cpuSeconds, (seconds) => per1000(seconds, one) ?? 0))),
    generatorCpuSecondsPer1000: over((one) => per1000(one.generatorCpuSeconds, one)),
    sinkCpuSecondsPer1000: over((one) => per1000(one.sinkCpuSeconds, one)),
    memoryMb: byProcess(repetitions.map((one) => one.memoryMb)),
    lost: total((one) => one.lost),
    doubled: total((one) => one.doubled),
    misplaced: total((one) => one.misplaced),
    waiting: total((one) => one.waiting),
    foreign: total((one) => one.foreign),
    refused: total((one) => one.refused),
    deferred: total((one) => one.deferred),
    dropped: total((one) => one.dropped),
    rejected: total((one) => one.rejected),
    unanswered: total((one) => one.unanswered),
    unsent: total((one) => one.unsent),
    stopped: repetitions.filter((one) => one.ended === 'time up').length,
    restarted,
    whole: repetitions.every(isWhole),
    complete: repetitions.every(isComplete),
  };
}

function byProcess(
  all: readonly (Readonly<Record<string, number>> | undefined)[],
): { total: Spread; by: Record<string, number> } | undefined {
  const known = all.filter((one) => one !== undefined);
  const total = shown(spread(known.map(sum)));
  if (total === undefined) return undefined;
  const names = [...new Set(known.flatMap((one) => Object.keys(one)))];
  return { total, by: Object.fromEntries(names.map((name) => [name, rounded(median(known.map((one) => one[name] ?? 0)) ?? 0)])) };
}

function mapValues(values: Readonly<Record<string, number>>, change: (value: number) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

function shown(value: Spread | undefined): Spread | undefined {
  return value === undefined ? undefined : { median: rounded(value.median), min: rounded(value.min), max: rounded(value.max) };
}
