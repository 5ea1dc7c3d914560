import { expect, test } from '@jest/globals';
import { decodeXtext } from '../src/index.ts';

test.each([
  ['an+2Bid', 'an+id'],
  ['plain', 'plain'],
  ['caf\u00e9+2Bx', 'caf\u00e9+x'],
  ['+C3+A9', '\u00e9'],
  ['+C3', undefined],
  ['\ufffd', undefined],
  ['x+0D', undefined],
  ['\u0085', undefined],
  ['+2b', undefined],
  ['a=b', 'a=b'], // against RFC 3461, and clients send it
])('xtext %j', (xtext, text) => {
  expect(decodeXtext(xtext)).toBe(text);
});
