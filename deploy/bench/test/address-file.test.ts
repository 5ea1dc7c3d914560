import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { addressesIn } from '../src/address-file.ts';
import { BenchError } from '../src/system.ts';

let dir = '';
const fileOf = (text: string) => {
  const file = path.join(dir, 'addresses');
  writeFileSync(file, text);
  return file;
};
beforeAll(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bench-addresses-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test('one a line, each once, in lower case', () => {
  expect(addressesIn(fileOf('# users\nAda@Corp.example\n\n ben@corp.example \nada@corp.example\r\n'))).toEqual([
    'ada@corp.example',
    'ben@corp.example',
  ]);
});

test.each([
  ['ada\n', 'ada is no address'],
  ['ada@corp.example, ben@corp.example\n', 'is no address'],
  ['# nobody\n\n', 'names nobody'],
])('%j', (text, says) => {
  const file = fileOf(text);
  expect(() => addressesIn(file)).toThrow(BenchError);
  expect(() => addressesIn(file)).toThrow(says);
});

test('a file that is not there', () => {
  expect(() => addressesIn(path.join(dir, 'none'))).toThrow(BenchError);
});
