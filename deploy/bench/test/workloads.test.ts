import { expect, test } from '@jest/globals';
import { countOf } from '../src/plan.ts';
import { limitMs, workloads, workloadsNamed } from '../src/workloads.ts';

test('every workload can end within the limit at the rate it asks for', () => {
  for (const { count, perSecond } of workloads) if (perSecond !== undefined) expect((count / perSecond) * 1_000).toBeLessThan(limitMs / 2);
  expect(new Set(workloads.map(({ name }) => name)).size).toBe(workloads.length);
});

test.each([
  ['W1', undefined, 3_000],
  ['W1', 500, 500],
  ['W1', 10_000, 10_000],
  ['W3', 500, 1],
  ['W5', 50, 50],
  ['W5', 3_000, 200],
])('%s with --n %p sends %d mails', (name, wanted, expected) => {
  const [workload] = workloadsNamed([name]);
  if (workload === undefined) throw new Error(name);
  expect(countOf(workload, wanted)).toBe(expected);
});
