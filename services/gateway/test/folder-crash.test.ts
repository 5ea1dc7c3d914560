import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { type CrashMode, type CrashStep, crashFolder, faults, steps } from './folder-crash.ts';

const modes: [CrashMode, readonly CrashStep[]][] = [
  ['pickup', steps],
  ['gwapi', ['flushed', 'durable', 'held', 'finished']], // all of them in the long suite
];

test.each(modes)(
  '%s: killed at each step, one process after the other: nothing is lost, nothing gets a second identity',
  async (mode, each) => {
    const base = await mkdtemp(join(tmpdir(), 'folder-crash-'));
    const folder = crashFolder(base, mode);
    await folder.open();
    for (const [round, step] of each.entries()) await folder.crash(step, 1 + (round % 2), round);
    const aftermath = await folder.finish();
    expect(faults(aftermath)).toEqual([]);
    // The kills did what they were meant to: some mails were accepted twice, under one identity.
    expect(aftermath.accepted.length).toBeGreaterThan(aftermath.dropped.good.length + aftermath.dropped.partly.length);
    await rm(base, { recursive: true });
  },
  60_000,
);
