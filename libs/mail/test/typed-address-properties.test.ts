import { test } from '@jest/globals';
import fc from 'fast-check';
import { addressProperties } from './typed-address-properties.ts';

test.each(addressProperties)('%s', (_name, property) => {
  fc.assert(property, { numRuns: 300 });
});
