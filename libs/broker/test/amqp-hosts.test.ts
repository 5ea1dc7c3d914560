import { expect, test } from '@jest/globals';
import { amqpUrls, inTurn, isAmqpUrl } from '../src/index.ts';

test.each([
  ['amqp://h', ['amqp://h']],
  ['amqp://guest:guest@127.0.0.1:5672/%2F', ['amqp://guest:guest@127.0.0.1:5672/%2F']],
  [
    'amqps://u:p%40@a:5671,b,[::1]:5673/mail?x=1',
    ['amqps://u:p%40@a:5671/mail?x=1', 'amqps://u:p%40@b/mail?x=1', 'amqps://u:p%40@[::1]:5673/mail?x=1'],
  ],
])('%s', (text, urls) => {
  expect(amqpUrls(text)).toEqual(urls);
  expect(isAmqpUrl(text)).toBe(true);
});

test.each([
  '',
  'amqp:',
  'http://h',
  'amqp://',
  'amqp://u:secret@',
  'amqp://u:secret@a,,b',
  'amqp://u:secret@a:x',
  `amqp://${'a,'.repeat(40)}a`,
])('%s is no address, and no password is said', (text) => {
  expect(() => amqpUrls(text)).toThrow(TypeError);
  expect(() => amqpUrls(text)).not.toThrow('secret');
  expect(isAmqpUrl(text)).toBe(false);
});

test('hosts are taken in turn, from anywhere', () => {
  const next = inTurn(['a', 'b', 'c'], () => 0.7);
  expect([next(), next(), next(), next()]).toEqual(['c', 'a', 'b', 'c']);
  expect(inTurn([])).toThrow(RangeError);
});
