/** How long to wait before a process that died is started again. */
export interface RestartPauses {
  started(): void;
  /** @returns milliseconds to wait before the next start. */
  died(): number;
}

/**
 * Pauses that double from 0.5 s to 30 s, and begin anew once a process has been up for a minute: what crashes at once must not
 * eat the machine, what crashes now and then must come back fast.
 *
 * @param now milliseconds of any clock that does not go back.
 */
export function restartPauses(now: () => number = () => performance.now()): RestartPauses {
  const firstMs = 500;
  const longestMs = 30_000;
  const stableMs = 60_000;
  let pauseMs = firstMs;
  let startedAt = now();
  return {
    started: () => {
      startedAt = now();
    },
    died: () => {
      if (now() - startedAt >= stableMs) pauseMs = firstMs;
      const wait = pauseMs;
      pauseMs = Math.min(longestMs, pauseMs * 2);
      return wait;
    },
  };
}
