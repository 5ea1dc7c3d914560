import { describe, expect, test } from '@jest/globals';
import { newFolder, parseTarget } from '../src/endpoints.ts';
import { BenchError } from '../src/system.ts';

const line = {
  ready: true,
  smtp: 'smtp://127.0.0.1:2525',
  maildir: '/data/mailboxes/%a/Maildir',
  sink: 'smtp://127.0.0.1:2526',
  amqp: 'amqp://guest:guest@127.0.0.1:5673/%2Fline',
  redis: 'redis://127.0.0.1:6380/2',
  pids: { gateway: 12, 'store-driver.deliver': 13, dead: 0 },
  infrastructure: { rabbitmq: 10, sink: 14 },
};

test('a line', () => {
  expect(parseTarget(line, 'f')).toEqual({
    smtp: { host: '127.0.0.1', port: 2525 },
    maildir: '/data/mailboxes/%a/Maildir',
    sink: { host: '127.0.0.1', port: 2526 },
    pids: { gateway: 12, 'store-driver.deliver': 13 }, // one that is between two lives is not there
    infrastructure: { rabbitmq: 10, sink: 14 },
    brokerPorts: { rabbitmq: 5673, redis: 6380 },
  });
});

test('another product: the least that is needed; brokers elsewhere are not looked for', () => {
  const { smtp, sink, pids, brokerPorts } = parseTarget(
    { smtp: 'smtp://[::1]:25', maildir: '/m/%l', amqp: 'amqp://broker.example:5672' },
    'f',
  );
  expect({ smtp, sink, pids, brokerPorts }).toEqual({ smtp: { host: '::1', port: 25 }, sink: undefined, pids: {}, brokerPorts: {} });
});

describe('what is missing is said', () => {
  test.each([
    [{ maildir: '/m' }, 'f lacks smtp'],
    [{ smtp: 'smtp://h:1' }, 'f lacks maildir'],
    [{ smtp: 'nowhere', maildir: '/m' }, 'f: smtp is no URL'],
    [{ smtp: 'smtp://h', maildir: '/m' }, 'f: smtp must name host and port'],
    [[], 'f lacks smtp'],
    ['text', 'f lacks smtp'],
  ])('%j', (value, says) => {
    expect(() => parseTarget(value, 'f')).toThrow(BenchError);
    expect(() => parseTarget(value, 'f')).toThrow(says);
  });
});

test('places of an address', () => {
  const upper = (address: string) => address.toUpperCase();
  expect(newFolder('/m/%a/Maildir', 'Ada@Corp.example', upper)).toBe('/m/ADA@CORP.EXAMPLE/Maildir/new');
  expect(newFolder('/m/%d/%l', 'Ada@Corp.example', upper)).toBe('/m/corp.example/ada/new');
});
