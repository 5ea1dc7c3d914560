import { countings } from './countings.ts';
import type { RateCounter, Row } from './rates.ts';

/** Clients remembered; past it whoever came first is forgotten. */
const mostClients = 50_000;

/** Counts in this process alone: what bounds clients while Redis is away, each process for itself. @param now milliseconds since the epoch. */
export function localRates(now: () => number = Date.now): RateCounter {
  const rows = new Map<string, Row>();

  function rowOf(key: string): Row {
    const row: Row = rows.get(key) ?? { at: 0, now: new Map(), before: new Map() };
    rows.delete(key); // to the end: who is active is remembered
    rows.set(key, row);
    if (rows.size > mostClients) for (const first of rows.keys()) return (rows.delete(first), row);
    return row;
  }

  return { take: (take) => countings[take.counting].count(rowOf(take.key), take, now()) };
}
