import type { Arrival, ArrivalCounter, Waited } from './arrivals.ts';
import { type Copy, copyOf, type Tally, tally } from './tally.ts';

export type Collected = Tally & { arrivals: Arrival[]; foreign: number; ended: Waited };

/**
 * Waits until all expected copies are there, then says what came. Foreign mail that was counted while waiting is seen for what it is
 * when the files are read, and the waiting goes on.
 *
 * @param options `expected` copies must come, `possible` ones may. `atEnd` is called when the last one is there and before any file
 *        is read: what is measured ends here.
 */
export async function collectCopies(
  counter: ArrivalCounter,
  tag: string,
  options: { expected: ReadonlySet<Copy>; possible: ReadonlySet<Copy>; quietMs: number; until: number; atEnd: () => void },
): Promise<Collected> {
  const { expected, possible, atEnd } = options;
  const arrivals: Arrival[] = [];
  let foreign = 0;
  let missing: Iterable<Copy> = expected;
  for (;;) {
    const ended = await counter.wait(perPlace(missing), options);
    atEnd();
    const collected = counter.collect([tag]);
    foreign += collected.foreign;
    for (const arrival of collected.of.get(tag) ?? []) arrivals.push(arrival);
    const result = tally(
      expected,
      possible,
      arrivals.map(({ number, place }) => copyOf(number, place)),
    );
    if (result.lost === 0) return { ...result, arrivals, foreign, ended: 'complete' };
    if (ended !== 'complete') return { ...result, arrivals, foreign, ended };
    missing = [...expected].filter((copy) => !result.found.has(copy));
  }
}

function perPlace(wanted: Iterable<Copy>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const copy of wanted) {
    const place = copy.slice(copy.indexOf(' ') + 1);
    counts.set(place, (counts.get(place) ?? 0) + 1);
  }
  return counts;
}
