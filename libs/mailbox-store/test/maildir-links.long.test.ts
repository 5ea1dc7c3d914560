import { afterAll, expect, test } from '@jest/globals';
import fs from 'node:fs';
import { copy } from './mailbox-store-suite.ts';
import { openMaildirs, root } from './maildir-fixture.ts';

afterAll(() => fs.rmSync(root, { recursive: true }));

// ext4 allows 65,000 names of one file. A file system that allows more passes as well, with one file for all.
test('more copies than the file system allows links', async () => {
  const { store, keep, folderOf } = openMaildirs();
  const form = await keep('hello');
  const people = 70;
  const rounds = 1_000;
  for (let round = 0; round < rounds; round += 1) {
    const outcomes = await store.deliver(
      form,
      Array.from({ length: people }, (_, i) => copy(`u${i}@corp.example`, `${round}.x`)),
    );
    expect(outcomes.every(({ kind }) => kind === 'delivered')).toBe(true);
  }
  const inodes = new Set<number>();
  for (let i = 0; i < people; i += 1) {
    const folder = `${folderOf(`u${i}@corp.example`)}/new`;
    const names = fs.readdirSync(folder);
    expect(names).toHaveLength(rounds);
    for (const name of names) {
      const { ino, nlink, size } = fs.statSync(`${folder}/${name}`);
      inodes.add(ino);
      expect([size, nlink > 1]).toEqual([5, true]);
    }
  }
  expect(inodes.size).toBeLessThanOrEqual(2);
}, 120_000);
