import { expect, test } from '@jest/globals';
import { restartPauses } from '../src/restart-pauses.ts';

test('pauses double from half a second to 30 s, and begin anew after a minute up', () => {
  let now = 0;
  const pauses = restartPauses(() => now);
  const dieAfter = (upMs: number) => {
    pauses.started();
    now += upMs;
    return pauses.died();
  };
  expect(Array.from({ length: 9 }, () => dieAfter(10))).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  expect(dieAfter(59_999)).toBe(30_000);
  expect(dieAfter(60_000)).toBe(500);
  expect(dieAfter(10)).toBe(1_000);
});
