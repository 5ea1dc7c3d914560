import type { Measure, RateCounter, Take } from './rates.ts';

interface Row {
  window: number;
  now: Map<Measure, number>;
  before: Map<Measure, number>;
}

/** Clients remembered; past it whoever came first is forgotten. */
const mostClients = 50_000;

/** Counts in this process alone: what bounds clients while Redis is away, each process for itself. @param now milliseconds since the epoch. */
export function localRates(now: () => number = Date.now): RateCounter {
  const rows = new Map<string, Row>();

  function rowOf({ key, windowMs }: Take, window: number): Row {
    const name = `${key}:${windowMs}`;
    const known = rows.get(name);
    const row: Row = known ?? { window, now: new Map(), before: new Map() };
    if (row.window !== window) {
      row.before = row.window === window - 1 ? row.now : new Map();
      row.now = new Map();
      row.window = window;
    }
    rows.delete(name); // to the end: who is active is remembered
    rows.set(name, row);
    if (rows.size > mostClients) for (const first of rows.keys()) return (rows.delete(first), row);
    return row;
  }

  return {
    take(take) {
      const at = now();
      const window = Math.floor(at / take.windowMs);
      const share = 1 - (at % take.windowMs) / take.windowMs;
      const row = rowOf(take, window);
      for (const { measure, need, limit } of take.amounts) {
        const used = (row.now.get(measure) ?? 0) + (row.before.get(measure) ?? 0) * share;
        if (need > 0 && used + need > limit) return measure;
      }
      for (const { measure, by } of take.amounts) row.now.set(measure, (row.now.get(measure) ?? 0) + by);
      return undefined;
    },
  };
}
