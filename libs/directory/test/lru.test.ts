import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { lru } from '../src/lru.ts';

test('what is used stays, what was not used for long goes', () => {
  const map = lru<number>(4);
  map.set('often', 1);
  for (let n = 0; n < 20; n += 1) {
    map.set(`once ${n}`, n);
    expect(map.get('often')).toBe(1);
  }
  expect(map.get('once 19')).toBe(19);
  expect(map.get('once 5')).toBeUndefined();
});

test('a new value takes the place of the old one; what is too heavy is not kept, and takes the old one along', () => {
  const map = lru<string>(10);
  map.set('a', 'old', 3);
  map.set('a', 'new', 2);
  expect([map.get('a'), map.weight]).toEqual(['new', 2]);
  map.set('a', 'heavy', 6);
  expect([map.get('a'), map.weight]).toEqual([undefined, 0]);
  map.set('b', 'x');
  map.clear();
  expect([map.get('b'), map.weight]).toEqual([undefined, 0]);
});

test('never more than its capacity, and never another value than the last one', () => {
  const step = fc.record({
    key: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    weight: fc.integer({ min: 1, max: 6 }),
    what: fc.constantFrom('set', 'get', 'delete'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const map = lru<number>(10);
      const last = new Map<string, { value: number; weight: number }>();
      steps.forEach(({ key, weight, what }, value) => {
        if (what === 'set') {
          map.set(key, value, weight);
          last.set(key, { value, weight });
        } else if (what === 'delete') {
          map.delete(key);
          last.delete(key);
        }
        const got = map.get(key);
        if (got !== undefined) expect(got).toBe(last.get(key)?.value);
        expect(map.weight).toBeLessThanOrEqual(10);
      });
      for (const key of last.keys()) map.delete(key);
      expect(map.weight).toBe(0); // nothing is counted that is not there
    }),
  );
});
