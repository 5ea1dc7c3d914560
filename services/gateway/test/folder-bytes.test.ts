import { describe, expect, test } from '@jest/globals';
import { headerSplit } from '../src/eml/header-split.ts';
import { lineEnds } from '../src/eml/line-ends.ts';
import { MessageRefused } from '../src/eml/refusal.ts';

function inChunks(text: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(text.length / size) }, (_, at) => text.subarray(at * size, (at + 1) * size));
}

function normalized(text: string, size: number): { text: string; repaired: number; sizeBytes: number } {
  const lines = lineEnds();
  const out = [...inChunks(Buffer.from(text, 'latin1'), size).map((chunk) => lines.push(chunk)), lines.end()];
  return { text: Buffer.concat(out).toString('latin1'), repaired: lines.repaired, sizeBytes: lines.sizeBytes };
}

describe('line ends', () => {
  test.each([
    ['', '', 0],
    ['a\r\nb\r\n', 'a\r\nb\r\n', 0],
    ['a\nb\n', 'a\r\nb\r\n', 2],
    ['\n\n\n', '\r\n\r\n\r\n', 3],
    ['a\r\n\nb\r\n', 'a\r\n\r\nb\r\n', 1],
    ['a', 'a\r\n', 1],
    ['a\nb\xff\x01\t', 'a\r\nb\xff\x01\t\r\n', 2],
    ['\r\n', '\r\n', 0],
  ])('%j', (text, then, repaired) => {
    for (let size = 1; size <= text.length + 1; size += 1) {
      expect(normalized(text, size)).toEqual({ text: then, repaired, sizeBytes: then.length });
    }
  });

  test.each([
    ['a\rb', 'byte 1'],
    ['a\r', 'byte 1'],
    ['\r\r\n', 'byte 0'],
    ['a\r\n\r', 'byte 3'],
    ['ab\0c', 'byte 2'],
    ['a\n\0', 'byte 2'],
    ['a\r\0\n', 'byte 1'],
  ])('%j is refused', (text, where) => {
    for (let size = 1; size <= text.length + 1; size += 1) {
      try {
        normalized(text, size);
        throw new Error('taken');
      } catch (error) {
        expect(error).toBeInstanceOf(MessageRefused);
        expect(error).toMatchObject({ code: 'syntax', where });
      }
    }
  });

  test('what needs no repair is not copied', () => {
    const chunk = Buffer.from('a\r\nb\r\n');
    expect(lineEnds().push(chunk)).toBe(chunk);
  });
});

describe('header and rest', () => {
  test.each([
    ['a: 1\r\nb: 2\r\n\r\nbody\r\n', 'a: 1\r\nb: 2\r\n'],
    ['\r\nbody\r\n', ''],
    ['a: 1\r\n\r\n', 'a: 1\r\n'],
    ['a: 1\r\n x\r\n\r\n\r\n', 'a: 1\r\n x\r\n'],
  ])('%j', (text, header) => {
    for (let size = 1; size <= text.length; size += 1) {
      const split = headerSplit(100);
      let seen = 0;
      for (const chunk of inChunks(Buffer.from(text), size)) {
        seen += chunk.length;
        const found = split.push(chunk);
        if (found === undefined) continue;
        expect(found.header.toString()).toBe(header);
        expect(found.rest.toString()).toBe(text.slice(header.length, seen));
        break;
      }
      expect(seen).toBeGreaterThanOrEqual(header.length + 2);
    }
  });

  test('without an empty line all is header', () => {
    const split = headerSplit(100);
    for (const byte of 'a: 1\r\nb: 2\r\n') expect(split.push(Buffer.from(byte))).toBeUndefined();
    expect(split.end().toString()).toBe('a: 1\r\nb: 2\r\n');
  });

  test.each([1, 7, 64])('a header over the limit is refused in chunks of %d', (size) => {
    const split = headerSplit(100);
    const text = Buffer.from(`a: ${'x'.repeat(200)}\r\n\r\n`);
    expect(() => inChunks(text, size).map((chunk) => split.push(chunk))).toThrow('the header block is over 100 bytes');
  });
});
