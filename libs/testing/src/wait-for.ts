import { setTimeout as pause } from 'node:timers/promises';

/**
 * Waits until a condition holds, asking again and again with growing pauses (5 ms to 250 ms).
 *
 * @param condition returns what was waited for; `undefined` or `false` means not yet. What it throws means not yet, too, and is
 *        told when the time is up.
 * @param options `what` is waited for, in words; `timeoutMs` by default 10,000.
 * @returns what the condition returned.
 * @throws Error naming `what` when the time is up.
 */
export async function waitFor<Value>(
  condition: () => Value | undefined | false | Promise<Value | undefined | false>,
  { timeoutMs = 10_000, what }: { timeoutMs?: number; what: string },
): Promise<Value> {
  const end = performance.now() + timeoutMs;
  let pauseMs = 5;
  for (;;) {
    let last: unknown;
    try {
      const value = await condition();
      if (value !== undefined && value !== false) return value;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (performance.now() >= end) throw new Error(`${what}: not within ${timeoutMs} ms`, last === undefined ? {} : { cause: last });
    await pause(Math.min(pauseMs, Math.max(1, end - performance.now())));
    pauseMs = Math.min(250, pauseMs * 1.5);
  }
}
