import { appendFileSync, mkdtempSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { waitFor } from '@mailrail/testing';
import { movedIn } from '../src/folder/moved-in.ts';

test.each<[string, [kind: string, name: string][], boolean]>([
  ['a name that nothing was heard of', [], false],
  ['one that appeared', [['rename', 'a']], true],
  [
    'one that appeared and was written to',
    [
      ['rename', 'a'],
      ['change', 'a'],
    ],
    false,
  ],
  [
    'one that went, and was written anew',
    [
      ['rename', 'a'],
      ['rename', 'a'],
      ['change', 'a'],
    ],
    false,
  ],
  [
    'one that was moved over a file that was written',
    [
      ['rename', 'a'],
      ['change', 'a'],
      ['rename', 'a'],
    ],
    true,
  ],
  [
    'one beside another that is written',
    [
      ['rename', 'a'],
      ['change', 'b'],
    ],
    true,
  ],
])('%s', (_, events, expected) => {
  const moved = movedIn(10, true);
  for (const [kind, name] of events) moved.event(kind, name, 1);
  expect(moved.has('a')).toBe(expected);
});

test('remembers no more than it may, nor for longer, and nothing where events tell too little', () => {
  const moved = movedIn(2, true);
  for (const [at, name] of ['a', 'b', 'c'].entries()) moved.event('rename', name, at);
  expect(['a', 'b', 'c'].map((name) => moved.has(name))).toEqual([true, true, false]);
  moved.forgetBefore(1);
  expect(['a', 'b'].map((name) => moved.has(name))).toEqual([false, true]);
  moved.forgetAll();
  expect(moved.has('b')).toBe(false);
  const untrusted = movedIn(2, false);
  untrusted.event('rename', 'a', 1);
  expect(untrusted.has('a')).toBe(false);
});

// What all of it stands on.
test('the system tells writing apart from moving', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mailrail-moved-in-'));
  const events: string[] = [];
  const moved = movedIn(10);
  const watcher = watch(folder, { encoding: 'latin1' }, (kind, name) => {
    events.push(`${kind} ${name}`);
    moved.event(kind, name, 1);
  });
  try {
    writeFileSync(join(folder, 'written'), 'one line\n');
    writeFileSync(join(folder, '.moved'), 'one line\n');
    renameSync(join(folder, '.moved'), join(folder, 'moved'));
    writeFileSync(join(folder, '.both'), 'one line\n');
    renameSync(join(folder, '.both'), join(folder, 'both'));
    appendFileSync(join(folder, 'both'), 'another\n');
    writeFileSync(join(folder, 'last'), '');
    await waitFor(() => events.includes('rename last'), { what: 'all events' });
    expect(['written', 'moved', 'both'].map((name) => moved.has(name))).toEqual([false, process.platform === 'linux', false]);
  } finally {
    watcher.close();
    rmSync(folder, { recursive: true });
  }
});
