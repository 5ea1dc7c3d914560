import type { Log } from '@mailrail/telemetry';

const everyMs = 60_000;
const kept = 20;

/** Tells of values that are not what their attribute says: what they were, without repetition, at most once a minute. */
export function warningsOf(log: Log, now: () => number = Date.now): (warnings: readonly string[]) => void {
  let seen = new Map<string, number>();
  let toldAt = Number.NEGATIVE_INFINITY;
  return (warnings) => {
    if (warnings.length === 0) return;
    for (const warning of warnings) if (seen.has(warning) || seen.size < kept) seen.set(warning, (seen.get(warning) ?? 0) + 1);
    if (now() - toldAt < everyMs) return;
    toldAt = now();
    log.warn('directory.warnings', { warnings: Object.fromEntries(seen) });
    seen = new Map();
  };
}
