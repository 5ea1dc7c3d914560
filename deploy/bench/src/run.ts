import { setTimeout as pause } from 'node:timers/promises';
import type { ArrivalCounter } from './arrivals.ts';
import type { Late } from './audit.ts';
import { removeFiles } from './maildir-counter.ts';
import { measure } from './measure.ts';
import { counterFor, loadOf, type Plan, type Subject, subjectOf } from './plan.ts';
import type { Span } from './profile.ts';
import type { Repetition } from './repetition.ts';
import { type Summary, summarize } from './summary.ts';
import { idlePercents, warmUp } from './warm-up.ts';
import { watchError } from './watch-error.ts';
import type { Workload } from './workloads.ts';

const betweenMs = 1_000; // what follows a delivery (acknowledgements, logs) is over by then
const drainMs = 60_000;

export interface RunResult {
  summaries: Summary[];
  /** What was not measured and why. */
  left: string[];
  /** Copies that came after they had been counted, by system. */
  late: Record<string, Late>;
  /** CPU of each system with nothing to do, in percent of one core. */
  idlePercent: Record<string, number>;
  /** When the first system was measured, monotonic ms. */
  spans: Span[];
}

/**
 * Measures all workloads on all systems in alternation, A B A B, so that what else happens on the machine meets both.
 *
 * @throws BenchError when the first mails do not arrive.
 */
export async function run(plan: Plan): Promise<RunResult> {
  const subjects = plan.systems.map((system) => subjectOf(system, plan));
  for (const subject of subjects) await warmUp(subject, plan);
  const result: RunResult = { summaries: [], left: [], late: {}, idlePercent: await idlePercents(plan.systems), spans: [] };
  for (const workload of plan.workloads) {
    const summaries = await runWorkload(workload, subjects, plan, result);
    result.summaries.push(...summaries);
    plan.onSummaries(summaries);
  }
  for (const { system, audit, counters } of subjects) {
    for (const counter of Object.values(counters)) if (counter !== undefined) audit.check(counter);
    result.late[system.name] = audit.result();
  }
  return result;
}

async function runWorkload(workload: Workload, subjects: readonly Subject[], plan: Plan, { left, spans }: RunResult): Promise<Summary[]> {
  const results = new Map<Subject, Repetition[]>();
  const refused = new Map<Subject, string>();
  const last = plan.repetitions * (workload.times ?? 1);
  for (let repetition = 1; repetition <= last; repetition += 1) {
    for (const subject of subjects) {
      const { name } = subject.system;
      const counter = counterFor(workload, subject);
      if (typeof counter === 'string') {
        const since = repetition > 1 ? ` from repetition ${repetition} on` : '';
        if (!refused.has(subject)) refused.set(subject, `${workload.name} ${name}${since}: ${counter}`);
        continue;
      }
      plan.say(`${workload.name} ${name} ${repetition}/${last}: ${workload.does}`);
      const one = await repeat(workload, subject, counter, plan);
      results.set(subject, [...(results.get(subject) ?? []), one]);
      if (subject === subjects[0]) spans.push([one.startedAt, one.startedAt + one.seconds * 1_000]);
      plan.say(`  ${inShort(one)}`);
      await pause(betweenMs);
    }
  }
  left.push(...refused.values());
  return [...results].map(([{ system }, all]) => summarize(workload.name, system.name, all));
}

async function repeat(workload: Workload, subject: Subject, counter: ArrivalCounter, plan: Plan): Promise<Repetition> {
  const { system, audit } = subject;
  audit.check(counter);
  const watched = workload.watched === true ? plan.people.users.map(system.newFolder) : [];
  const { repetition, sent } = await measure(system, loadOf(workload, subject, plan), {
    generator: plan.generator,
    counter,
    watched,
    watchErrorMs: watched.length > 0 ? await watchError(plan.generator, plan.dir) : undefined,
    sinkRoots: () => (workload.to === 'relayed' ? (plan.sink?.roots() ?? {}) : {}),
  });
  audit.add(sent);
  if (plan.clean && workload.to !== 'relayed') removeFiles(sent.files);
  if (repetition.waiting > 0) subject.abandoned = !(await drained(subject, counter, repetition.waiting));
  return repetition;
}

/** What a stopped repetition left behind would be measured with the next one: it gets a minute to arrive. */
async function drained({ audit }: Subject, counter: ArrivalCounter, waiting: number): Promise<boolean> {
  const wanted = audit.result().late + waiting;
  const end = performance.now() + drainMs;
  while (audit.result().late < wanted && performance.now() < end) {
    await pause(1_000);
    audit.check(counter);
  }
  return audit.result().late >= wanted;
}

function inShort({ perSecond, replyMs, deliveryMs, lost, doubled, ended }: Repetition): string {
  const ms = (value: number | undefined) => (value === undefined ? '-' : value.toFixed(1));
  const ending = ended === 'complete' ? '' : `, ${ended === 'time up' ? 'stopped at the time limit' : 'some did not come'}`;
  return `${perSecond.toFixed(0)} copies/s, 250 after ${ms(replyMs?.p50)} ms, copy ${ms(deliveryMs?.p50)} ms later; ${lost} lost, ${doubled} doubled${ending}`;
}
