import { expect, test } from '@jest/globals';
import { ReplyReader } from '../src/generator/reply-reader.ts';

const codes = (...chunks: string[]) => {
  const reader = new ReplyReader();
  return chunks.map((chunk) => reader.push(Buffer.from(chunk, 'latin1')));
};

test.each([
  ['one line', ['250 ok\r\n'], [[250]]],
  ['a code without text', ['250\r\n'], [[250]]],
  ['several lines are one reply', ['250-mx\r\n250-SIZE 1\r\n250 DSN\r\n'], [[250]]],
  ['cut anywhere', ['25', '0-mx\r', '\n250 ', 'DSN\r\n'], [[], [], [], [250]]],
  ['two replies at once', ['250 ok\r\n421 bye\r\n'], [[250, 421]]],
  ['a reply and the beginning of the next', ['250 ok\r\n42', '1 bye\r\n'], [[250], [421]]],
  ['what is no reply', ['hello there\r\n'], [[0]]],
  ['lines without CR', ['354 go\n'], [[354]]],
])('%s', (_, chunks, expected) => {
  expect(codes(...chunks)).toEqual(expected);
});

test('only the bytes that were read count, not what an earlier read left in the buffer', () => {
  const buffer = Buffer.alloc(64);
  const reader = new ReplyReader();
  const read = (text: string) => reader.push(buffer, buffer.write(text, 'latin1'));
  expect(read('250-mx.example\r\n250 HELP\r\n')).toEqual([250]);
  expect(read('354 go\r\n')).toEqual([354]);
  expect(read('55')).toEqual([]);
  expect(read('0 no\r\n')).toEqual([550]);
});

test('a line without end does not grow for ever', () => {
  const reader = new ReplyReader();
  const chunk = Buffer.alloc(30_000, 'x');
  expect([reader.push(chunk), reader.push(chunk), reader.push(chunk)]).toEqual([[], [], [0]]);
  expect(reader.push(Buffer.from('250 ok\r\n'))).toEqual([250]);
});
