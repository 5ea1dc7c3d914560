import { expect, test } from '@jest/globals';
import { fileDialects } from '../src/index.ts';
import { badFiles } from './bad-input.ts';
import { outcome } from './bad-input-outcome.ts';

// The same files in their full size, each in a process of its own with bounds on memory and time: bad-input.long.test.ts.
test.each(badFiles(20_000).map((one) => [one.dialect, one.what, one] as const))(
  '%s: %s',
  async (_dialect, _what, { dialect, file, ends }) => {
    expect(await outcome(fileDialects[dialect], file())).toMatch(ends);
  },
);
