import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bytesInUse } from './heap.ts';
import { expectSound, fuzzedSessions } from './session-fuzz.ts';

const rounds = 10;
const sessionsPerRound = 10_000;
const slowMs = 2_000; // for one session; a usual one takes less than a millisecond

test(`${rounds * sessionsPerRound} sessions, invented and mutated from the dialogues: none crashes, hangs or leaks`, () => {
  let slowestMs = 0;
  const inUse: number[] = [];
  for (let round = 0; round < rounds; round++) {
    fc.assert(
      fc.property(fuzzedSessions, (session) => {
        const began = performance.now();
        expectSound(session);
        slowestMs = Math.max(slowestMs, performance.now() - began);
      }),
      { numRuns: sessionsPerRound },
    );
    inUse.push(bytesInUse());
  }
  expect(slowestMs).toBeLessThan(slowMs);
  // The first round warms up; ten thousand sessions of which each left a kilobyte behind would be ten megabytes a round.
  const growth = (inUse.at(-1) ?? 0) - (inUse[0] ?? 0);
  expect(growth).toBeLessThan(20_000_000);
}, 900_000);
