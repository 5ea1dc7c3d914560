import { describe, expect, test } from '@jest/globals';
import { median, percentile, rounded, spread } from '../src/statistics.ts';

describe('percentile', () => {
  const hundred = Array.from({ length: 100 }, (_, at) => 100 - at); // unsorted: 100, 99, ... 1
  test.each([
    ['median of 1 to 100', hundred, 0.5, 50],
    ['p99 is the second worst of a hundred', hundred, 0.99, 99],
    ['the largest', hundred, 1, 100],
    ['share 0 is the smallest', hundred, 0, 1],
    ['one value is every percentile', [7], 0.99, 7],
    ['p99 of few values is the worst', [1, 2, 3], 0.99, 3],
    ['numbers, not texts: 10 is above 9', [9, 10], 1, 10],
    ['none', [], 0.5, undefined],
  ])('%s', (_, values, share, expected) => {
    expect(percentile(values, share)).toBe(expected);
  });

  test('leaves the values as they were', () => {
    const values = [3, 1, 2];
    percentile(values, 0.5);
    expect(values).toEqual([3, 1, 2]);
  });
});

test.each([
  [[5], 5],
  [[1, 100, 3], 3],
  [[1, 2, 3, 10], 2.5],
  [[], undefined],
])('median of %j is %p', (values, expected) => {
  expect(median(values)).toBe(expected);
});

test('a spread passes over what was not measured', () => {
  expect(spread([4, undefined, 1, 9])).toEqual({ median: 4, min: 1, max: 9 });
  expect(spread([undefined])).toBeUndefined();
});

test.each([
  [1234.56, 1235],
  [99.96, 100],
  [12.345, 12.3],
  [0.01234, 0.0123],
  [-0.5678, -0.568],
  [0, 0],
])('%d is shown as %d', (value, expected) => {
  expect(rounded(value)).toBe(expected);
});
