import type { ArrivalCounter } from './arrivals.ts';
import type { Sent } from './measure.ts';
import { copyOf } from './tally.ts';

/** What came after its repetition had been counted. */
export interface Late {
  late: number; // copies that had not been there: lost or waiting, or of mails that nobody answered for
  doubled: number; // copies that had been there before
}

/** Remembers what each repetition of one system found, so that what comes later is known for what it is. */
export interface Audit {
  add: (sent: Sent) => void;
  /** Reads what came since. To be called before a counter's next `mark`, which would pass over it. */
  check: (counter: ArrivalCounter) => void;
  result: () => Readonly<Late>;
}

export function startAudit(): Audit {
  const sent = new Map<string, Sent>();
  const total: Late = { late: 0, doubled: 0 };
  return {
    add: (one) => void sent.set(one.tag, one),
    check: (counter) => {
      for (const [tag, arrivals] of counter.collect([...sent.keys()]).of) {
        const of = sent.get(tag);
        if (of === undefined) continue;
        const { expected, possible, found } = of;
        for (const { number, place } of arrivals) {
          const copy = copyOf(number, place);
          if (found.has(copy) || !(expected.has(copy) || possible.has(copy))) total.doubled += 1;
          else total.late += 1;
          found.add(copy);
        }
      }
    },
    result: () => ({ ...total }),
  };
}
