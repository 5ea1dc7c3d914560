import { expect, test } from '@jest/globals';
import { z } from 'zod';
import { ConfigError, loadConfig, openStage, serviceConfig } from '../src/index.ts';

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

const Places = z.object({
  AMQP_URL: serviceConfig.AMQP_URL,
  REDIS_URL: serviceConfig.REDIS_URL,
  CONTENT_DIR: serviceConfig.CONTENT_DIR,
  CONTENT_URL: serviceConfig.CONTENT_URL,
});
const places = { AMQP_URL: 'amqp://u:p@a:5672,b:5672/%2F', REDIS_URL: 'redis+sentinel://s1,s2/mymaster', CONTENT_URL: 's3://mail/x' };

test('broker, Redis and content store may each be several machines; what is set to nothing is not set', () => {
  expect(loadConfig(Places, { ...places, CONTENT_DIR: '' })).toEqual(places);
  expect(loadConfig(Places, { ...places, CONTENT_URL: '', CONTENT_DIR: '/srv/content' })).toMatchObject({ CONTENT_DIR: '/srv/content' });
});

test('every address that cannot be read is named at once, and no password is said', () => {
  const load = () =>
    loadConfig(Places, { AMQP_URL: 'amqp://u:secret@', REDIS_URL: 'redis+cluster://:secret@h/3', CONTENT_URL: 's3://x:secret@y' });
  for (const part of [/amqp:\/\/user.*\n.*AMQP_URL/, /database 0 only\n.*REDIS_URL/, /credentials belong.*\n.*CONTENT_URL/])
    expect(load).toThrow(part);
  expect(load).not.toThrow('secret');
  expect(() => loadConfig(Places, {})).toThrow(/AMQP_URL[^]*REDIS_URL/);
});

test('a stage without a content store does not start', async () => {
  const config = { REDIS_URL: 'redis://127.0.0.1:1', ORGANIZATION_FILE: 'none.yaml', LOG_LEVEL: 'silent' as const };
  await expect(openStage('mta', config)).rejects.toThrow('CONTENT_DIR must name the folder');
});
