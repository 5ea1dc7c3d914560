import { expect, test } from '@jest/globals';
import { rungFor, waitMs } from '../src/ladder.ts';

const schedule = {
  glitchRetries: [60_000, 60_000, 60_000],
  retries: [600_000, 600_000, 600_000],
  thenEvery: 900_000,
  delayReportAfter: 43_200_000,
  expireAfter: 172_800_000,
};

test.each([
  ['internal', [1, 2, 3, 4, 5, 50], [1_000, 10_000, 60_000, 600_000, 600_000, 600_000]],
  ['transport', [1, 3, 4, 6, 7, 200], [60_000, 60_000, 600_000, 600_000, 900_000, 900_000]],
] as const)('%s waits', (which, attempts, waits) => {
  expect(attempts.map((attempt) => waitMs(attempt, which, schedule))).toEqual(waits);
});

test('an attempt below 1 is a bug', () => {
  expect(() => waitMs(0, 'internal', schedule)).toThrow(RangeError);
});

test.each([
  [0, '1s'],
  [1_000, '1s'],
  [9_400, '1s'],
  [9_600, '10s'],
  [59_800, '1m'],
  [600_000, '10m'],
  [899_000, '10m'],
  [900_000, '15m'],
  [86_400_000, '1h'],
])('%i ms go on rung %s', (remainingMs, rung) => {
  expect(rungFor(remainingMs).name).toBe(rung);
});
