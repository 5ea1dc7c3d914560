import type { RetrySchedule } from '@mailrail/organization';
import { ladder, type Rung } from '@mailrail/topology';
import type { LadderName } from './outcome.ts';

/** Waits after failures of our own stores and directory (design section 7). */
export const internalWaitsMs = [1_000, 10_000, 60_000, 600_000] as const;

/**
 * How long to wait after a failed attempt.
 *
 * @param attempt 1 for the first attempt that failed. @throws RangeError below 1: a caller's bug.
 * @returns milliseconds; the ladder never ends (R12), its last step repeats.
 */
export function waitMs(attempt: number, which: LadderName, schedule: RetrySchedule): number {
  if (attempt < 1) throw new RangeError(`attempt ${attempt} is below 1`);
  if (which === 'internal') return internalWaitsMs[Math.min(attempt, internalWaitsMs.length) - 1] ?? 600_000;
  const steps = [...schedule.glitchRetries, ...schedule.retries];
  return steps[attempt - 1] ?? schedule.thenEvery;
}

/** A wait of less than this is none: the mail is due. */
export const dueToleranceMs = 500;

/**
 * The rung for a wait: the longest that does not overshoot, so that a long wait takes several; the shortest for anything less.
 *
 * @param remainingMs until the mail is due.
 */
export function rungFor(remainingMs: number): Rung {
  let best: Rung = ladder[0];
  for (const rung of ladder) if (rung.waitMs <= remainingMs + dueToleranceMs && rung.waitMs > best.waitMs) best = rung;
  return best;
}
