import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { startAccount, sum } from './account.ts';
import type { ArrivalCounter } from './arrivals.ts';
import { type Audit, startAudit } from './audit.ts';
import type { Generator } from './generator/generator.ts';
import { maildirCounter } from './maildir-counter.ts';
import { type Instruments, type Load, measure } from './measure.ts';
import type { People } from './people.ts';
import type { Span } from './profile.ts';
import type { Repetition } from './repetition.ts';
import { sinkCounter } from './sink-counter.ts';
import { type Summary, summarize } from './summary.ts';
import { BenchError, type Sink, type System } from './system.ts';
import { watchError } from './watch-error.ts';
import { limitMs, messageBytes, quietMs, type Workload } from './workloads.ts';

const betweenMs = 1_000; // what follows a delivery (acknowledgements, logs) is over by then
const idleMs = 3_000;

export interface RunPlan {
  systems: readonly System[]; // measured in turn
  people: People;
  sink: Sink | undefined;
  workloads: readonly Workload[];
  count: number | undefined;
  repetitions: number;
  generator: Generator;
  dir: string; // for the watcher's own folders
  clean: boolean;
  say: (text: string) => void;
  /** Called when a workload is through. */
  onSummaries: (summaries: readonly Summary[]) => void;
}

export interface RunResult {
  summaries: Summary[];
  /** What was not measured and why. */
  left: string[];
  /** Copies that came after they had been counted, by system. */
  late: Record<string, ReturnType<Audit['result']>>;
  /** CPU of each system with nothing to do, in percent of one core. */
  idlePercent: Record<string, number>;
  /** When the first system was measured, monotonic ms. */
  spans: Span[];
}

/** One system and what counts its mail. */
interface Bench {
  system: System;
  counters: Record<Workload['to'], ArrivalCounter | undefined>;
  audit: Audit;
  abandoned: boolean; // it did not finish a workload in time, nor after it
}

/**
 * Measures all workloads on all systems in alternation, A B A B, so that what else happens on the machine meets both.
 *
 * @throws BenchError when the first mails do not arrive.
 */
export async function run(plan: RunPlan): Promise<RunResult> {
  const { systems, workloads, repetitions, say } = plan;
  const benches = systems.map((system) => benchOf(system, plan));
  for (const bench of benches) await warmUp(bench, plan);
  const idlePercent = await idle(systems);

  const summaries: Summary[] = [];
  const left: string[] = [];
  const spans: Span[] = [];
  for (const workload of workloads) {
    const results = new Map<Bench, Repetition[]>();
    const last = repetitions * (workload.times ?? 1);
    for (let repetition = 1; repetition <= last; repetition += 1) {
      for (const bench of benches) {
        const why = whyNot(workload, bench, plan);
        if (why !== undefined) {
          if (repetition === 1) left.push(`${workload.name} ${bench.system.name}: ${why}`);
          continue;
        }
        say(`${workload.name} ${bench.system.name} ${repetition}/${last}: ${workload.does}`);
        const result = await repeat(workload, bench, plan);
        results.set(bench, [...(results.get(bench) ?? []), result]);
        if (bench === benches[0]) spans.push([result.startedAt, result.startedAt + result.seconds * 1_000]);
        say(`  ${short(result)}`);
        await pause(betweenMs);
      }
    }
    const those = [...results].map(([{ system }, all]) => summarize(workload.name, system.name, all));
    summaries.push(...those);
    plan.onSummaries(those);
  }
  for (const { audit, counters } of benches) for (const counter of Object.values(counters)) if (counter !== undefined) audit.check(counter);
  return {
    summaries,
    left,
    spans,
    late: Object.fromEntries(benches.map(({ system, audit }) => [system.name, audit.result()])),
    idlePercent,
  };
}

function benchOf(system: System, { people, sink }: RunPlan): Bench {
  const boxes = (addresses: readonly string[]) => maildirCounter(addresses.map(system.newFolder));
  return {
    system,
    audit: startAudit(),
    abandoned: false,
    counters: {
      users: boxes(people.users),
      relayed: sink === undefined ? undefined : sinkCounter(sink.list),
      group: people.group === undefined ? undefined : boxes(people.group.members),
    },
  };
}

function whyNot({ to }: Workload, { counters, abandoned }: Bench, { sink }: RunPlan): string | undefined {
  if (abandoned) return 'an earlier workload did not end';
  if (to === 'relayed' && sink === undefined) return 'there is no sink whose list can be read';
  if (counters[to] === undefined) return 'no group was given (--group, --members)';
  return undefined;
}

function loadOf(workload: Workload, { system }: Bench, { people, count }: RunPlan): Load {
  const { to, sessions, reuse, perSecond } = workload;
  const group = people.group ?? { address: '', members: [] };
  const members = group.members.map(system.newFolder);
  return {
    recipients: to === 'users' ? people.users : to === 'relayed' ? people.relayed : [group.address],
    placesOf: (recipient) => (to === 'users' ? [system.newFolder(recipient)] : to === 'relayed' ? [recipient] : members),
    count: to === 'group' ? workload.count : (count ?? workload.count),
    sessions,
    reuse,
    perSecond,
    messageBytes,
    limitMs,
    quietMs,
  };
}

async function repeat(workload: Workload, bench: Bench, plan: RunPlan): Promise<Repetition> {
  const { system, counters, audit } = bench;
  const counter = counters[workload.to];
  if (counter === undefined) throw new Error(`${workload.name} without a counter`);
  audit.check(counter);
  const watched = workload.watched === true ? plan.people.users.map(system.newFolder) : [];
  const { repetition, sent } = await measure(system, loadOf(workload, bench, plan), {
    ...instruments(plan, workload, counter),
    watched,
    watchErrorMs: watched.length > 0 ? await watchError(plan.generator, plan.dir) : undefined,
  });
  audit.add(sent);
  if (plan.clean && workload.to !== 'relayed') for (const file of sent.files) rmSync(file, { force: true });
  if (repetition.waiting > 0) bench.abandoned = !(await drained(counter, repetition.waiting));
  return repetition;
}

function instruments({ generator, sink }: RunPlan, { to }: Workload, counter: ArrivalCounter): Instruments {
  const sinkRoots = () => (to === 'relayed' ? (sink?.roots() ?? {}) : {});
  return { generator, counter, watched: [], watchErrorMs: undefined, sinkRoots };
}

/** What a stopped workload left behind would be measured with the next one: it gets a minute to end. */
async function drained(counter: ArrivalCounter, copies: number): Promise<boolean> {
  const end = performance.now() + 60_000;
  let came = 0;
  while (came < copies && performance.now() < end) {
    await pause(1_000);
    const { of, foreign } = counter.collect([]);
    came += foreign + [...of.values()].flat().length;
  }
  return came >= copies;
}

/** One mail to each recipient there will be: mailboxes exist, processes run, code is compiled. Nothing of it is counted. */
async function warmUp(bench: Bench, plan: RunPlan): Promise<void> {
  const kinds = new Set(plan.workloads.map(({ to }) => to));
  for (const to of kinds) {
    const workload: Workload = { name: 'warm-up', does: '', to, count: 1, sessions: 4, reuse: false };
    if (whyNot(workload, bench, plan) !== undefined) continue;
    const counter = bench.counters[to];
    if (counter === undefined) continue;
    plan.say(`${bench.system.name}: one mail to ${to === 'group' ? 'the group' : `each of the ${to}`}, not counted`);
    const load = loadOf(workload, bench, plan);
    const warm = { ...load, count: load.recipients.length };
    const { repetition } = await measure(bench.system, warm, instruments(plan, workload, counter));
    if (repetition.lost + repetition.waiting > 0 || repetition.accepted < warm.count) {
      const { accepted, lost, waiting, rejected, refused, deferred } = repetition;
      throw new BenchError(
        `${bench.system.name} does not deliver the first mails: ${warm.count} sent to ${to}, ${accepted} accepted, ${lost + waiting} copies did not arrive (${rejected} rejected, ${refused} connections refused, ${deferred} deferred)`,
      );
    }
  }
}

async function idle(systems: readonly System[]): Promise<Record<string, number>> {
  await pause(betweenMs);
  const account = startAccount(Object.fromEntries(systems.map((system) => [system.name, system.roots()])));
  await pause(idleMs);
  return Object.fromEntries(Object.entries(account()).map(([name, used]) => [name, (sum(used) * 100_000) / idleMs]));
}

function short({ perSecond, replyMs, deliveryMs, lost, doubled, ended }: Repetition): string {
  const ms = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(1));
  const ending = ended === 'complete' ? '' : `, ${ended === 'time up' ? 'stopped at the time limit' : 'some did not come'}`;
  return `${perSecond.toFixed(0)} copies/s, 250 after ${ms(replyMs?.p50)} ms, copy ${ms(deliveryMs?.p50)} ms later; ${lost} lost, ${doubled} doubled${ending}`;
}
