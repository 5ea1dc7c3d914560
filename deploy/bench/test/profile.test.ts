import { expect, test } from '@jest/globals';
import { selfTimes } from '../src/profile.ts';

const frame = (functionName: string, url = '', lineNumber = 0) => ({ functionName, url, lineNumber });
const profile = {
  nodes: [
    { id: 1, callFrame: frame('(root)'), children: [2, 3, 5, 8] },
    { id: 2, callFrame: frame('(idle)') },
    { id: 3, callFrame: frame('parse', 'file:///some/where/libs/contracts/src/bag.ts', 9), children: [4] },
    { id: 4, callFrame: frame('(garbage collector)') },
    { id: 5, callFrame: frame('keep', 'file:///some/where/libs/content-store/src/disk.ts', 4), children: [6] },
    { id: 6, callFrame: frame('openSync', 'node:fs', 555), children: [7] },
    { id: 7, callFrame: frame('open') },
    { id: 8, callFrame: frame('parse', 'file:///some/where/libs/contracts/src/bag.ts', 9) }, // called from elsewhere
  ],
  startTime: 1_000_000, // 1,000 ms
  samples: [3, 2, 3, 8, 4, 7, 2],
  timeDeltas: [5_000, 9_000, 1_000, 2_000, 500, 4_000, 9_000],
};

test('functions by their own time in the span, native ones by their caller; what is idle is left out', () => {
  expect(selfTimes(profile, [[1_010, 2_000]])).toEqual([
    { what: 'open < keep libs/content-store/src/disk.ts:5', ms: 4 },
    { what: 'parse libs/contracts/src/bag.ts:10', ms: 3 },
    { what: '(garbage collector)', ms: 0.5 },
  ]);
});

test('outside the spans nothing counts', () => {
  expect(selfTimes(profile, [])).toEqual([]);
  expect(selfTimes(profile, [[1_000, 1_005]])).toEqual([{ what: 'parse libs/contracts/src/bag.ts:10', ms: 5 }]);
});
