import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { crashFolder, faults, foreignSteps, steps } from './folder-crash.ts';

test('killed a hundred times, at every step early and late: nothing is lost, nothing gets a second identity', async () => {
  const base = await mkdtemp(join(tmpdir(), 'folder-crash-'));
  const folder = crashFolder(base);
  await folder.open();
  for (let round = 0; round < 100; round += 1) {
    const step = steps[round % steps.length] ?? 'claimed';
    await folder.crash(step, 1 + (Math.floor(round / steps.length) % 2), round);
  }
  expect(faults(await folder.finish())).toEqual([]);
  await rm(base, { recursive: true });
}, 600_000);

test('the same of files of another system, with attachments that come early and late', async () => {
  const base = await mkdtemp(join(tmpdir(), 'foreign-crash-'));
  const folder = crashFolder(base, 'gwapi');
  await folder.open();
  for (let round = 0; round < 100; round += 1) {
    const step = foreignSteps[round % foreignSteps.length] ?? 'claimed';
    await folder.crash(step, 1 + (Math.floor(round / foreignSteps.length) % 2), round);
  }
  expect(faults(await folder.finish())).toEqual([]);
  await rm(base, { recursive: true });
}, 600_000);
