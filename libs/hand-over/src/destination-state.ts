import type { Destination, Ledger } from '@mailrail/ledger';

/** The part of a retry schedule that bounds a back-off; milliseconds. */
export interface BackoffSchedule {
  glitchRetries: readonly number[];
  retries: readonly number[];
  thenEvery: number;
}

const firstBackoffMs = 10_000;
const maxBackoffMs = 600_000;

/**
 * How long a destination rests after it failed `failures` times in a row: 10 s, doubled each time up to 10 minutes, and
 * never longer than the schedule lets a mail wait after as many attempts.
 *
 * @param failures 1 or more.
 */
export function backoffMs(failures: number, schedule: BackoffSchedule): number {
  const waits = [...schedule.glitchRetries, ...schedule.retries];
  const scheduled = waits[failures - 1] ?? schedule.thenEvery;
  return Math.min(firstBackoffMs * 2 ** Math.min(failures - 1, 10), maxBackoffMs, scheduled);
}

/** May the mail at hand try its destination now? */
export type Passage = { kind: 'open' } | { kind: 'closed'; reason: string; delayMs: number };

export interface DestinationState {
  pass(name: string, schedule: BackoffSchedule): Promise<Passage>;
  failed(name: string, reason: string, schedule: BackoffSchedule): Promise<void>;
  succeeded(name: string): Promise<void>;
}

/**
 * The state of next hops, shared by all pods of a connector through the ledger (design section 7). While one rests, its mail goes
 * back to the ladder at once; when the rest is over, one probe tries and the others wait for what it finds. A silent ledger
 * leaves everything open.
 *
 * @param options `knownForMs` how long an answer of the ledger is used again, so that a busy destination costs no call a mail.
 */
export function destinationState(options: {
  ledger: Ledger;
  now?: () => number;
  knownForMs?: number;
  random?: () => number;
}): DestinationState {
  const { ledger, now = Date.now, knownForMs = 1_000, random = Math.random } = options;
  const known = new Map<string, { until: number; state: Destination }>();
  const maxKnown = 10_000;

  function remember(name: string, state: Destination): void {
    known.delete(name);
    known.set(name, { until: now() + knownForMs, state });
    if (known.size > maxKnown) known.delete(known.keys().next().value ?? name);
  }

  async function stateOf(name: string): Promise<Destination | undefined> {
    const held = known.get(name);
    if (held !== undefined && held.until > now()) return held.state;
    const state = await ledger.destinations.get(name);
    if (state === 'silent') return undefined;
    remember(name, state);
    return state;
  }

  /** Up to a tenth later, so that what waited for one host does not come back in the same millisecond. */
  const spread = (delayMs: number) => Math.ceil(delayMs * (1 + 0.1 * random()));

  const failing = new Map<string, Promise<void>>();
  async function fail(name: string, reason: string, schedule: BackoffSchedule): Promise<void> {
    const before = await ledger.destinations.get(name);
    // Sessions that were open together fail together: that is one failure of the destination, not twenty.
    if (before !== 'silent' && before.failures > 0 && before.backoffUntil > now()) return remember(name, before);
    const failures = (before === 'silent' ? (known.get(name)?.state.failures ?? 0) : before.failures) + 1;
    const restMs = backoffMs(failures, schedule);
    remember(name, { slots: 0, failures, reason, backoffUntil: now() + restMs });
    await ledger.destinations.fail(name, reason, restMs);
  }

  return {
    async pass(name, schedule) {
      const state = await stateOf(name);
      if (state === undefined || state.failures === 0) return { kind: 'open' };
      const restMs = state.backoffUntil - now();
      if (restMs > 0) {
        return { kind: 'closed', reason: `${state.reason}; not tried again before ${clock(state.backoffUntil)}`, delayMs: spread(restMs) };
      }
      const periodMs = backoffMs(state.failures, schedule);
      if (await ledger.destinations.probe(name, periodMs)) return { kind: 'open' };
      return { kind: 'closed', reason: `${state.reason}; another mail is trying now`, delayMs: spread(Math.min(periodMs, firstBackoffMs)) };
    },
    async failed(name, reason, schedule) {
      let running = failing.get(name);
      if (running === undefined) {
        running = fail(name, reason, schedule).finally(() => failing.delete(name));
        failing.set(name, running);
      }
      await running;
    },
    async succeeded(name) {
      const held = known.get(name);
      if (held === undefined || held.state.failures === 0) return;
      remember(name, { slots: 0, failures: 0, reason: '', backoffUntil: 0 });
      await ledger.destinations.succeed(name);
    },
  };
}

/** `12:03:10Z`: the day is in the log line. */
function clock(at: number): string {
  return `${new Date(at).toISOString().slice(11, 19)}Z`;
}
