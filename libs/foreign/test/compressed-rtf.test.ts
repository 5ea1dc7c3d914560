import { expect, test } from '@jest/globals';
import { decompressRtf } from '../src/mapi/compressed-rtf.ts';

// The two examples of MS-OXRTFCP §3.
test.each([
  [
    '2d0000002b0000004c5a4675f1c5c7a703000a00726370673132354232' + '0af32068656c090020627705b06c647d0a800fa0',
    '{\\rtf1\\ansi\\ansicpg1252\\pard hello world}\r\n',
  ],
  ['1a0000001c0000004c5a4675e2d44b51410004205758595a0d6e7d010eb0', '{\\rtf1 WXYZWXYZWXYZWXYZWXYZ}'],
])('an example', (hex, text) => {
  expect(decompressRtf(Buffer.from(hex, 'hex')).toString('latin1')).toBe(text);
});

test('one that is cut says so', () => {
  expect(() => decompressRtf(Buffer.from('1a0000001c0000004c5a4675e2d44b51410004205758', 'hex'))).toThrow('ends in the middle');
});
