import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { formatDateTime, parseDateTime } from '../src/index.ts';

describe('dates that are read', () => {
  test.each([
    ['Mon, 23 Nov 2026 10:00:00 +0000', '2026-11-23T10:00:00Z'],
    ['Mon, 23 Nov 2026 10:00:00 +0530', '2026-11-23T04:30:00Z'],
    ['23 Nov 2026 10:00 -0800', '2026-11-23T18:00:00Z'],
    ['Mon, 23 Nov 2026 10:00:00 GMT', '2026-11-23T10:00:00Z'],
    ['Mon,23 Nov 26 10:00:00 EST', '2026-11-23T15:00:00Z'],
    ['Sun, 06 Nov 94 08:49:37 PDT', '1994-11-06T15:49:37Z'],
    ['Sun, 06 Nov 126 08:49:37 UT', '2026-11-06T08:49:37Z'],
    ['Sun, 06 Nov 1994 08:49:37 A', '1994-11-06T08:49:37Z'],
    ['Sun, 06 Nov 1994 08:49:37', '1994-11-06T08:49:37Z'],
    ['Mon (day), 23 Nov 2026 10:00:00 (a (nested \\) one)) +0100 (CET)', '2026-11-23T09:00:00Z'],
    ['Monday, 23-November-2026 10 : 00 : 60 Z', '2026-11-23T10:01:00Z'],
    ['Mon, 29 Feb 2028 00:00:00 +0000', '2028-02-29T00:00:00Z'],
    ['mon, 23 nov 2026 10:00:00 -0000', '2026-11-23T10:00:00Z'],
  ])('%s', (value, iso) => {
    expect(parseDateTime(value)).toBe(Date.parse(iso));
  });
});

test.each([
  '',
  'yesterday',
  '32 Nov 2026 10:00',
  '31 Nov 2026 10:00',
  '29 Feb 2027 10:00',
  '23 Nvm 2026 10:00',
  '23 Nov 2026 24:00',
  '23 Nov 2026 10:60',
  '23 Nov 0099 10:00:00',
  '23 Nov 2026 10:00 +0099',
  '2026-11-23T10:00:00Z',
  '0 Nov 2026 10:00',
  'a'.repeat(10_000),
])('no date: %j', (value) => {
  expect(parseDateTime(value)).toBeUndefined();
});

test('what is written is read again', () => {
  fc.assert(
    fc.property(fc.integer({ min: -2_208_988_800, max: 4_102_444_800 }), (seconds) => {
      expect(parseDateTime(formatDateTime(seconds * 1_000))).toBe(seconds * 1_000);
    }),
  );
  expect(formatDateTime(Date.parse('2026-11-03T04:05:06.789Z'))).toBe('Tue, 03 Nov 2026 04:05:06 +0000');
});

test('any text is answered', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const read = parseDateTime(text);
      expect(read === undefined || Number.isSafeInteger(read)).toBe(true);
    }),
  );
});
