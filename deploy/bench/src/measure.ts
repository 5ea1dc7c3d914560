import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import type { Arrival, ArrivalCounter, Waited } from './arrivals.ts';
import { type ArrivalWatch, watchArrivals } from './arrival-watch.ts';
import type { Generator } from './generator/generator.ts';
import { type LoadJob, type LoadResult, monotonicMs } from './generator/job.ts';
import { cpuOf, difference, memoryOf, type Roots } from './processes.ts';
import type { Latency, Repetition } from './repetition.ts';
import { percentile } from './statistics.ts';
import type { System } from './system.ts';
import { type Copy, copyOf, type Tally, tally } from './tally.ts';

/** One load on one system: which mails, and where each is to come out. */
export interface Load {
  recipients: readonly string[];
  /** Where the mail for a recipient comes out: one place, or all of a group's. */
  placesOf: (recipient: string) => readonly string[];
  count: number;
  sessions: number;
  reuse: boolean;
  perSecond: number | undefined;
  messageBytes: number;
  limitMs: number;
  quietMs: number;
}

export interface Instruments {
  generator: Generator;
  counter: ArrivalCounter;
  /** Folders to watch for the time of arrival; empty when file times will do. */
  watched: readonly string[];
  /** Processes that are no part of the system but work for it. */
  sinkRoots: (() => Roots) | undefined;
  /** How late the watcher is; measured by the caller, since it needs folders of its own. */
  watchErrorMs: Latency | undefined;
}

/** What a repetition leaves for the audit at the end: copies that come late are told from copies that come twice. */
export interface Sent {
  tag: string;
  expected: ReadonlySet<Copy>;
  found: Set<Copy>;
}

/** Runs one repetition. @throws Error when the generator dies. */
export async function measure(system: System, load: Load, instruments: Instruments): Promise<{ repetition: Repetition; sent: Sent }> {
  const { generator, counter, watched, sinkRoots, watchErrorMs } = instruments;
  const tag = `b${randomBytes(6).toString('hex')}`;
  const job: LoadJob = { kind: 'load', ...system.smtp, ...load, tag, withinMs: load.limitMs };
  counter.mark();
  const watch = watched.length === 0 ? undefined : watchArrivals(watched);
  const roots = system.roots();
  const account = accountant({ ...prefixed('system ', roots), ...prefixed('sink ', sinkRoots?.() ?? {}), generator: generator.pid });

  const result = await generator.run(jobFields(job));
  const { expected, possible } = copies(load, result);
  const waiting = await collectAll(counter, tag, { expected, possible, ...limits(load, result) });
  const used = account();
  const memory = canAccount ? memoryOf(roots) : undefined;
  watch?.close();

  const sent: Sent = { tag, expected, found: waiting.found };
  const rootsNow = system.roots();
  const cpu = canAccount ? unprefixed('system ', used) : undefined;
  const sinkCpu = canAccount && sinkRoots !== undefined ? Object.values(unprefixed('sink ', used)).reduce((sum, one) => sum + one, 0) : undefined;
  return {
    sent,
    repetition: {
      ...figures(load, result, waiting.arrivals, watch),
      n: load.recipients.length === 0 ? 0 : totalCopies(load),
      watchErrorMs,
      cpuSeconds: cpu,
      generatorCpuSeconds: used['generator'] ?? 0,
      sinkCpuSeconds: sinkCpu,
      memoryMb: memory,
      lost: waiting.ended === 'time up' ? 0 : waiting.lost,
      waiting: waiting.ended === 'time up' ? waiting.lost : 0,
      doubled: waiting.doubled,
      misplaced: waiting.misplaced,
      foreign: waiting.foreign,
      refused: result.refused,
      deferred: result.deferred,
      dropped: result.dropped,
      rejected: result.rejected,
      unanswered: result.unanswered,
      unsent: result.unsent,
      ended: result.unsent > 0 && waiting.ended === 'complete' ? 'time up' : waiting.ended,
      restarted: Object.keys(roots).filter((name) => rootsNow[name] !== roots[name]),
    },
  };
}
const canAccount = existsSync('/proc/self/stat');

/** Only what the generator needs goes to its process. */
function jobFields({ kind, host, port, recipients, count, sessions, reuse, perSecond, tag, messageBytes, withinMs }: LoadJob): LoadJob {
  return { kind, host, port, recipients, count, sessions, reuse, perSecond, tag, messageBytes, withinMs };
}

const limits = ({ quietMs, limitMs }: Load, { startedAt }: LoadResult) => ({
  quietMs,
  until: Math.max(startedAt + limitMs, monotonicMs() + 1_000),
});

/** Copies of accepted mails must come out; those of mails without a 250 may. */
function copies(load: Load, { acceptedAt }: LoadResult): { expected: Set<Copy>; possible: Set<Copy> } {
  const expected = new Set<Copy>();
  const possible = new Set<Copy>();
  for (let number = 0; number < load.count; number += 1) {
    const which = (acceptedAt[number] ?? 0) > 0 ? expected : possible;
    for (const place of load.placesOf(recipientOf(load, number))) which.add(copyOf(number, place));
  }
  return { expected, possible };
}

const recipientOf = ({ recipients }: Load, number: number) => recipients[number % recipients.length] ?? '';

function totalCopies(load: Load): number {
  return Array.from({ length: load.count }, (_, number) => load.placesOf(recipientOf(load, number)).length).reduce((sum, one) => sum + one, 0);
}

type Collected = Tally & { arrivals: Arrival[]; foreign: number; ended: Waited };

/** Waits for all copies; looks into what came, and waits on when foreign mail was taken for ours. */
async function collectAll(
  counter: ArrivalCounter,
  tag: string,
  options: { expected: Set<Copy>; possible: Set<Copy>; quietMs: number; until: number },
): Promise<Collected> {
  const { expected, possible } = options;
  const arrivals: Arrival[] = [];
  let foreign = 0;
  let missing: Iterable<Copy> = expected;
  for (;;) {
    const ended = await counter.wait(perPlace(missing), options);
    const collected = counter.collect([tag]);
    foreign += collected.foreign;
    for (const arrival of collected.of.get(tag) ?? []) arrivals.push(arrival);
    const result = tally(
      expected,
      possible,
      arrivals.map(({ number, place }) => copyOf(number, place)),
    );
    if (result.lost === 0 || ended !== 'complete') return { ...result, arrivals, foreign, ended: result.lost === 0 ? 'complete' : ended };
    missing = [...expected].filter((copy) => !result.found.has(copy));
  }
}

function perPlace(wanted: Iterable<Copy>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const copy of wanted) {
    const place = copy.slice(copy.indexOf(' ') + 1);
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  return counts;
}

function figures(
  load: Load,
  result: LoadResult,
  arrivals: readonly Arrival[],
  watch: ArrivalWatch | undefined,
): Pick<Repetition, 'accepted' | 'arrived' | 'seconds' | 'perSecond' | 'acceptedPerSecond' | 'replyMs' | 'deliveryMs'> {
  const acceptedAt = [...result.acceptedAt].filter((at) => at > 0);
  const lastAcceptedAt = acceptedAt.reduce((last, at) => Math.max(last, at), result.startedAt);
  const monotonic = ({ place, name, atMs }: Arrival) => watch?.seen.get(`${place}/${name}`) ?? atMs - result.epochOffsetMs;
  const lastArrivedAt = arrivals.reduce((last, one) => Math.max(last, monotonic(one)), result.startedAt);
  const seconds = (lastArrivedAt - result.startedAt) / 1_000;
  const reply = acceptedAt.length === 0 ? [] : [...result.acceptedAt].flatMap((at, number) => (at > 0 ? [at - (result.dotAt[number] ?? at)] : []));
  const delivery = arrivals.flatMap((arrival) => {
    const accepted = result.acceptedAt[arrival.number] ?? 0;
    return accepted > 0 ? [monotonic(arrival) - accepted] : [];
  });
  return {
    accepted: acceptedAt.length,
    arrived: arrivals.length,
    seconds,
    perSecond: seconds > 0 ? arrivals.length / seconds : 0,
    acceptedPerSecond: load.count > 1 && acceptedAt.length > 0 ? (acceptedAt.length * 1_000) / (lastAcceptedAt - result.startedAt) : undefined,
    replyMs: latency(reply),
    deliveryMs: latency(delivery),
  };
}

export function latency(valuesMs: readonly number[]): Latency | undefined {
  const [p50, p99, max] = [percentile(valuesMs, 0.5), percentile(valuesMs, 0.99), percentile(valuesMs, 1)];
  return p50 === undefined || p99 === undefined || max === undefined ? undefined : { p50, p99, max };
}

/** @returns a function that returns the CPU seconds each has used since. */
function accountant(roots: Roots): () => Record<string, number> {
  if (!canAccount) return () => ({});
  const before = cpuOf(roots);
  return () => difference(cpuOf(roots), before);
}

const prefixed = (prefix: string, roots: Roots): Roots => Object.fromEntries(Object.entries(roots).map(([name, pid]) => [prefix + name, pid]));
function unprefixed(prefix: string, values: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(values).flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])));
}
