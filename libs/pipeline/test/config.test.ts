import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { ConfigError, loadConfig, serviceConfig } from '../src/index.ts';

const Config = z.object({ WRITE_VERSIONS: serviceConfig.WRITE_VERSIONS });

test.each([
  ['not set', {}, []],
  ['empty', { WRITE_VERSIONS: '' }, []],
  ['one', { WRITE_VERSIONS: 'mts-in=1' }, [['mts-in', 1]]],
  [
    'two, with blanks',
    { WRITE_VERSIONS: ' mts-in=1, connector=1 ' },
    [
      ['mts-in', 1],
      ['connector', 1],
    ],
  ],
])('versions to write: %s', (_name, env, expected) => {
  expect([...loadConfig(Config, env).WRITE_VERSIONS]).toEqual(expected);
});

test.each([
  ['nonsense', /CONTRACT=VERSION/],
  ['nowhere=1', /no contract nowhere/],
  ['mts-in=7', /mts-in has no version 7 here; there is/],
])('%s is refused at the start', (text, message) => {
  const load = () => loadConfig(Config, { WRITE_VERSIONS: text });
  expect(load).toThrow(ConfigError);
  expect(load).toThrow(message);
});
