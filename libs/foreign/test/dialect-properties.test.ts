import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { fileDialects } from '../src/index.ts';
import { allSamples, dialectProperties } from './dialect-properties.ts';

test.each(dialectProperties)('%s', async (_name, property) => {
  await fc.assert(property, { numRuns: 150 });
});

test.each(allSamples)('exactly one dialect knows the sample of %s', (name, file) => {
  const scores = Object.values(fileDialects).map((dialect) => [dialect.name, dialect.recognise(file)] as const);
  expect(scores.filter(([, score]) => score > 0).map(([known]) => known)).toEqual([name]);
});
