import { setTimeout as pause } from 'node:timers/promises';
import { startAccount, sum } from './account.ts';
import { removeFiles } from './maildir-counter.ts';
import { measure } from './measure.ts';
import { counterFor, loadOf, type Plan, type Subject } from './plan.ts';
import { BenchError, type System } from './system.ts';
import type { Workload } from './workloads.ts';

const settleMs = 1_000;
const idleMs = 3_000;

/**
 * One mail to each recipient there will be, so that mailboxes exist and processes run. Nothing of it is counted.
 *
 * @throws BenchError when not all of them arrive: then there is nothing to measure.
 */
export async function warmUp(subject: Subject, plan: Plan): Promise<void> {
  const { system } = subject;
  for (const to of new Set(plan.workloads.map((workload) => workload.to))) {
    const workload: Workload = { name: 'warm-up', does: '', to, count: 1, sessions: 4, reuse: false };
    const counter = counterFor(workload, subject);
    if (typeof counter === 'string') continue;
    plan.say(`${system.name}: one mail to ${to === 'group' ? 'the group' : `each of the ${to}`}, not counted`);
    const load = loadOf(workload, subject, plan, 'each');
    const { repetition, sent } = await measure(system, load, {
      generator: plan.generator,
      counter,
      watched: [],
      watchErrorMs: undefined,
      sinkRoots: () => ({}),
    });
    if (plan.clean && to !== 'relayed') removeFiles(sent.files);
    const missing = repetition.lost + repetition.waiting;
    if (missing > 0 || repetition.accepted < load.count) {
      const { accepted, rejected, refused, deferred } = repetition;
      throw new BenchError(
        `${system.name} does not deliver the first mails: of ${load.count} to ${to} ${accepted} were accepted, ${missing} copies did not arrive ` +
          `(${rejected} rejected, ${refused} connections refused, ${deferred} deferred)`,
      );
    }
  }
}

/** CPU each system uses with nothing to do, in percent of one core. */
export async function idlePercents(systems: readonly System[]): Promise<Record<string, number>> {
  await pause(settleMs);
  const account = startAccount(Object.fromEntries(systems.map((system) => [system.name, system.roots()])));
  await pause(idleMs);
  return Object.fromEntries(Object.entries(account()).map(([name, used]) => [name, (sum(used) * 100_000) / idleMs]));
}
