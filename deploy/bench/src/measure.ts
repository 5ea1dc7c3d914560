import { randomBytes } from 'node:crypto';
import { canAccount, memoryNow, startAccount, sum } from './account.ts';
import type { ArrivalCounter } from './arrivals.ts';
import { watchArrivals } from './arrival-watch.ts';
import { collectCopies } from './collect-copies.ts';
import { figures } from './figures.ts';
import type { Generator } from './generator/generator.ts';
import { type LoadJob, type LoadResult, monotonicMs } from './generator/job.ts';
import type { Roots } from './processes.ts';
import type { Latency, Repetition } from './repetition.ts';
import type { System } from './system.ts';
import { type Copy, copyOf } from './tally.ts';

/** One load on one system: which mails, and where each is to come out. */
export interface Load {
  recipients: readonly string[]; // mail `i` goes to number `i` of them, round and round
  /** Where the mail for a recipient comes out: one place, or all of a group's. */
  placesOf: (recipient: string) => readonly string[];
  count: number;
  sessions: number;
  reuse: boolean;
  tls: boolean;
  perSecond: number | undefined;
  messageBytes: number;
  limitMs: number; // then it is stopped
  quietMs: number; // no arrival for so long: what is missing is lost
}

export interface Instruments {
  generator: Generator;
  counter: ArrivalCounter;
  /** Folders to watch for the time of arrival; empty when file times will do. */
  watched: readonly string[];
  /** How late the watcher is. */
  watchErrorMs: Latency | undefined;
  /** Processes that are no part of the system but work for it. */
  sinkRoots: () => Roots;
}

/** What a repetition leaves for the audit at the end. */
export interface Sent {
  tag: string;
  expected: ReadonlySet<Copy>;
  possible: ReadonlySet<Copy>;
  found: Set<Copy>;
  files: readonly string[]; // what was found, as `<place>/<name>`
}

/** Runs one repetition. @throws Error when the generator dies. */
export async function measure(system: System, load: Load, instruments: Instruments): Promise<{ repetition: Repetition; sent: Sent }> {
  const { generator, counter, watched, watchErrorMs, sinkRoots } = instruments;
  const { recipients, count, sessions, reuse, tls, perSecond, messageBytes, limitMs, quietMs } = load;
  const tag = `b${randomBytes(6).toString('hex')}`;
  const job: LoadJob = {
    kind: 'load',
    ...(tls ? system.smtpTls : system.smtp),
    recipients,
    count,
    sessions,
    reuse,
    tls,
    perSecond,
    tag,
    messageBytes,
    withinMs: limitMs,
  };

  counter.mark();
  const watch = watched.length === 0 ? undefined : watchArrivals(watched);
  const roots = system.roots();
  const account = startAccount({ system: roots, sink: sinkRoots(), generator: { generator: generator.pid } });
  try {
    const result = await generator.run(job);
    const { expected, possible } = copies(load, result);
    const until = Math.max(result.startedAt + limitMs, monotonicMs() + 1_000);
    let used: ReturnType<typeof account> | undefined;
    const atEnd = () => {
      used ??= account();
    };
    const collected = await collectCopies(counter, tag, { expected, possible, quietMs, until, atEnd });
    const { ended, lost, doubled, misplaced, foreign, arrivals } = collected;
    const { refused, deferred, dropped, rejected, unanswered, unsent } = result;
    const rootsNow = system.roots();
    const repetition: Repetition = {
      ...figures(result, arrivals, watch?.seen),
      n: expected.size + possible.size,
      watchErrorMs,
      cpuSeconds: canAccount ? used?.system : undefined,
      generatorCpuSeconds: sum(used?.generator ?? {}),
      sinkCpuSeconds: sum(used?.sink ?? {}),
      memoryMb: memoryNow(roots),
      lost: ended === 'time up' ? 0 : lost,
      waiting: ended === 'time up' ? lost : 0,
      doubled,
      misplaced,
      foreign,
      refused,
      deferred,
      dropped,
      rejected,
      unanswered,
      unsent,
      ended: ended === 'complete' && unsent > 0 ? 'time up' : ended,
      restarted: Object.keys(roots).filter((name) => rootsNow[name] !== roots[name]),
    };
    return {
      repetition,
      sent: { tag, expected, possible, found: collected.found, files: arrivals.map(({ place, name }) => `${place}/${name}`) },
    };
  } finally {
    watch?.close();
  }
}

/** Copies of accepted mails must come out; those of mails without a 250 may. */
function copies({ recipients, placesOf, count }: Load, { acceptedAt }: LoadResult): { expected: Set<Copy>; possible: Set<Copy> } {
  const expected = new Set<Copy>();
  const possible = new Set<Copy>();
  for (let number = 0; number < count; number += 1) {
    const which = (acceptedAt[number] ?? 0) > 0 ? expected : possible;
    for (const place of placesOf(recipients[number % recipients.length] ?? '')) which.add(copyOf(number, place));
  }
  return { expected, possible };
}
