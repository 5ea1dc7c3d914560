import { test } from '@jest/globals';
import fc from 'fast-check';
import { dialectProperties } from './dialect-properties.ts';

test.each(dialectProperties)('%s, 10,000 times', async (_name, property) => {
  await fc.assert(property, { numRuns: 10_000 });
});
