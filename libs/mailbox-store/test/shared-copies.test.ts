import { afterAll, expect, test } from '@jest/globals';
import { folderFlusher, realDisk } from '@mailrail/content-store';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { sharedCopies } from '../src/shared-copies.ts';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'shared-copies-'));
afterAll(() => fs.rmSync(root, { recursive: true }));

function open() {
  const directory = fs.mkdtempSync(`${root}/`);
  let reads = 0;
  const copies = sharedCopies({
    directory,
    disk: realDisk,
    flush: folderFlusher(realDisk),
    now: Date.now,
    maxCopies: 2,
    read: (ref) => {
      reads += 1;
      return Readable.from([Buffer.from(ref)]);
    },
  });
  return { copies, reads: () => reads, names: () => fs.readdirSync(`${directory}/.copies`).length };
}
const form = (ref: string) => ({ ref, sizeBytes: ref.length });

test('who asks at the same time shares one copy', async () => {
  const { copies, reads, names } = open();
  const [one, other] = await Promise.all([copies.of(form('a'), undefined), copies.of(form('a'), undefined)]);
  expect([one === other, reads(), names()]).toEqual([true, 1, 1]);
});

test('who finds it spent at the same time shares the one that replaces it, and the spent one loses its name', async () => {
  const { copies, reads, names } = open();
  const spent = await copies.of(form('a'), undefined);
  const [one, other, third] = await Promise.all([copies.of(form('a'), spent), copies.of(form('a'), spent), copies.of(form('a'), spent)]);
  expect([one === other, one === third, one === spent]).toEqual([true, true, false]);
  expect([reads(), names()]).toEqual([2, 1]);
});

test('the copy that was used last stays, the other goes', async () => {
  const { copies, reads, names } = open();
  const a = await copies.of(form('a'), undefined);
  await copies.of(form('b'), undefined);
  await copies.of(form('a'), undefined);
  await copies.of(form('c'), undefined);
  expect([await copies.of(form('a'), undefined), names(), reads()]).toEqual([a, 2, 3]);
});
