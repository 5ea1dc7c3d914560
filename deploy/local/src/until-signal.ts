export interface Signals {
  /** The first SIGINT, SIGTERM or SIGHUP: stop. */
  first: Promise<NodeJS.Signals>;
  /** The next one, at least half a second later: end at once. */
  second: Promise<NodeJS.Signals>;
  signal: AbortSignal; // aborted with the first
}

/** How often it is looked whether the parent still lives. */
const parentEveryMs = 500;

/**
 * Calls back once when this process has got another parent than `parent`: the one that was to tell us to stop is gone. Does
 * nothing for a `parent` that is not our parent at the beginning.
 */
export function whenOrphaned(parent: number, tell: () => void): void {
  if (process.ppid !== parent) return;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    tell();
  }, parentEveryMs);
  timer.unref();
}

/**
 * Waits for the wish to stop. A terminal gives Ctrl-C to every process of the group and npm passes it on besides, so what comes
 * within half a second is the same wish, not impatience.
 */
export function untilSignal(source: Pick<NodeJS.Process, 'on'> = process, now: () => number = () => performance.now()): Signals {
  const first = Promise.withResolvers<NodeJS.Signals>();
  const second = Promise.withResolvers<NodeJS.Signals>();
  const abort = new AbortController();
  let firstAt: number | undefined;
  const hear = (name: NodeJS.Signals) => {
    if (firstAt === undefined) {
      firstAt = now();
      abort.abort();
      first.resolve(name);
    } else if (now() - firstAt >= 500) second.resolve(name);
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) source.on(name, hear);
  return { first: first.promise, second: second.promise, signal: abort.signal };
}
