import { expect, test } from '@jest/globals';
import { messageText, numberIn } from '../src/generator/message-text.ts';

const dot = '.\r\n';

test.each([0, 7, 123_456])('mail %d has the size that was asked for, without its dot', (number) => {
  const text = messageText('btag', 4_096)(number, 'ada@corp.example');
  expect(text.endsWith(`\r\n${dot}`)).toBe(true);
  expect(text.length - dot.length).toBe(4_096);
});

test('no line is over 78 characters, begins with a dot or ends with a bare CR or LF', () => {
  const text = messageText('btag', 4_096)(1, 'ada@corp.example').slice(0, -dot.length);
  expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  const lines = text.split('\r\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(78);
  expect(lines.filter((line) => line.startsWith('.'))).toEqual([]);
});

test('a size without room for the header is a mistake of the caller', () => {
  expect(() => messageText('btag', 100)).toThrow(RangeError);
});

test.each([
  ['its own mail', 'Message-ID: <btag.12@load.example>\r\n\r\nbody', 12],
  ['below what a server wrote', 'Received: by mx\n\tid <x>\nMessage-Id: <btag.3@load.example>\n\nbody', 3],
  ['another tag', 'Message-ID: <bother.12@load.example>\r\n\r\n', undefined],
  ['a tag that begins the same', 'Message-ID: <btagger.12@load.example>\r\n\r\n', undefined],
  ['only in the body, as in a report', 'Message-ID: <r1@mx>\r\n\r\nMessage-ID: <btag.12@load.example>\r\n', undefined],
  ['no number', 'Message-ID: <btag.x@load.example>\r\n\r\n', undefined],
])('numberIn: %s', (_, head, expected) => {
  expect(numberIn(Buffer.from(head), 'btag')).toBe(expected);
});
