import { test } from '@jest/globals';
import fc from 'fast-check';
import { mapperProperties } from './address-mapper-properties.ts';

test.each(mapperProperties)('%s: what went in comes back out the same', async (_type, property) => {
  await fc.assert(property, { numRuns: 10_000 });
});
