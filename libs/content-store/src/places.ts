/**
 * A place among few; who leaves it calls what he was given.
 *
 * @returns undefined when none came free in time.
 */
export type Places = () => Promise<(() => void) | undefined>;

export function places(most: number, waitMs: number): Places {
  let free = most;
  const waiting = new Set<(leave: () => void) => void>();

  const leaveOnce = (): (() => void) => {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const [next] = waiting;
      if (next === undefined) free += 1;
      else {
        waiting.delete(next);
        next(leaveOnce());
      }
    };
  };
  return async () => {
    if (free > 0) {
      free -= 1;
      return leaveOnce();
    }
    const { promise, resolve } = Promise.withResolvers<(() => void) | undefined>();
    const enter = (leave: () => void) => resolve(leave);
    waiting.add(enter);
    const timer = setTimeout(() => {
      waiting.delete(enter);
      resolve(undefined);
    }, waitMs);
    const leave = await promise;
    clearTimeout(timer);
    return leave;
  };
}
