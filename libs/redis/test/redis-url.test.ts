import { describe, expect, test } from '@jest/globals';
import { isRedisUrl, parseRedisUrl } from '../src/index.ts';

test.each([
  ['redis://127.0.0.1:6379/3', { kind: 'single', url: 'redis://127.0.0.1:6379/3' }],
  ['rediss://:secret@cache.example', { kind: 'single', url: 'rediss://:secret@cache.example' }],
  [
    'redis+sentinel://s1:26379,s2,[::1]:26380/mymaster',
    {
      kind: 'sentinel',
      sentinels: [
        { host: 's1', port: 26_379 },
        { host: 's2', port: 26_379 },
        { host: '::1', port: 26_380 },
      ],
      name: 'mymaster',
      sentinelLogin: {},
      tls: false,
      login: {},
      db: 0,
    },
  ],
  [
    'rediss+sentinel://ada:p%40ss@s1/main/2?sentinelUsername=watch&sentinelPassword=x%2By',
    {
      kind: 'sentinel',
      sentinels: [{ host: 's1', port: 26_379 }],
      name: 'main',
      sentinelLogin: { username: 'watch', password: 'x+y' },
      tls: true,
      login: { username: 'ada', password: 'p@ss' },
      db: 2,
    },
  ],
  [
    'redis+cluster://:secret@n1:7000,n2:7001',
    {
      kind: 'cluster',
      nodes: [
        { host: 'n1', port: 7_000 },
        { host: 'n2', port: 7_001 },
      ],
      tls: false,
      login: { password: 'secret' },
      db: 0,
    },
  ],
])('%s', (text, address) => {
  expect(parseRedisUrl(text)).toEqual(address);
  expect(isRedisUrl(text)).toBe(true);
});

describe('what is no address says why, and never repeats a password', () => {
  test.each([
    ['', 'not redis://host'],
    ['http://host', 'not redis://host'],
    ['redis://h1,h2/0', 'several hosts need'],
    ['redis+sentinel://:secret@host:26379', 'needs the name of the master'],
    ['redis+sentinel://host/a/b', 'the database is a number'],
    ['redis+cluster://:secret@host:1,/0', 'an empty host'],
    ['redis+cluster://host/4', 'database 0 only'],
    ['redis+cluster://host:99999', 'cannot be read'],
    ['redis+cluster://a%b:secret@host', 'write %25'],
    [`redis+cluster://${'h,'.repeat(64)}h`, 'more than 64'],
  ])('%s', (text, reason) => {
    expect(() => parseRedisUrl(text)).toThrow(reason);
    expect(() => parseRedisUrl(text)).not.toThrow('secret');
    expect(isRedisUrl(text)).toBe(false);
  });
});
