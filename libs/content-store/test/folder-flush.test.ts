import { expect, test } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { type Disk, folderFlusher, realDisk } from '../src/index.ts';
import { diskError } from './faulty-disk.ts';

/** A disk whose flushes end when the test says so. */
function slowDisk() {
  const paths = new Map<number, string>();
  const flushing: { path: string; end: (error?: Error) => void }[] = [];
  let lastFd = 0;
  const disk: Disk = {
    ...realDisk,
    openFolder(path) {
      lastFd += 1;
      paths.set(lastFd, path);
      return lastFd;
    },
    flush: (fd) =>
      new Promise((resolve, reject) => {
        flushing.push({ path: paths.get(fd) ?? '?', end: (error) => (error === undefined ? resolve() : reject(error)) });
      }),
    close: (fd) => void paths.delete(fd),
  };
  return { disk, flushing, paths };
}

function watch(promise: Promise<void>): { state: string } {
  const seen = { state: 'waits' };
  promise.then(
    () => (seen.state = 'durable'),
    (error: unknown) => (seen.state = String(error)),
  );
  return seen;
}

test('who asks in the same turn shares one flush', async () => {
  const { disk, flushing } = slowDisk();
  const flush = folderFlusher(disk);
  const all = [flush('/a'), flush('/a'), flush('/a')].map(watch);
  await setImmediate();
  expect(flushing).toHaveLength(1);
  flushing[0]?.end();
  await setImmediate();
  expect(all.map(({ state }) => state)).toEqual(['durable', 'durable', 'durable']);
});

test('who asks while one runs waits for the next: the one that runs may not have his entry', async () => {
  const { disk, flushing } = slowDisk();
  const flush = folderFlusher(disk);
  const first = watch(flush('/a'));
  await setImmediate();
  const later = [watch(flush('/a')), watch(flush('/a'))];
  await setImmediate();
  expect(flushing).toHaveLength(1);
  flushing[0]?.end();
  await setImmediate();
  await setImmediate();
  expect(first.state).toBe('durable');
  expect(later.map(({ state }) => state)).toEqual(['waits', 'waits']);
  expect(flushing).toHaveLength(2);
  flushing[1]?.end();
  await setImmediate();
  expect(later.map(({ state }) => state)).toEqual(['durable', 'durable']);
});

test('a flush that fails fails for its sharers only', async () => {
  const { disk, flushing, paths } = slowDisk();
  const flush = folderFlusher(disk);
  const [a, b] = [watch(flush('/a')), watch(flush('/b'))];
  await setImmediate();
  const next = watch(flush('/a'));
  flushing[0]?.end(diskError('EIO'));
  flushing[1]?.end();
  await setImmediate();
  await setImmediate();
  flushing[2]?.end();
  await setImmediate();
  expect([a.state, b.state, next.state]).toEqual(['Error: EIO: injected', 'durable', 'durable']);
  expect(paths.size).toBe(0);
});

test('a folder that cannot be opened fails as a flush that failed', async () => {
  const flush = folderFlusher(realDisk);
  await expect(flush('/nowhere/at/all')).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(flush('/nowhere/at/all')).rejects.toMatchObject({ code: 'ENOENT' });
});

test('so many folders at once and no more, and all have their turn', async () => {
  const { disk, flushing, paths } = slowDisk();
  const flush = folderFlusher(disk, 3);
  const all = Array.from({ length: 10 }, (_, i) => watch(flush(`/${i}`)));
  let most = 0;
  for (let ended = 0; ended < 10; ended += 1) {
    await setImmediate();
    most = Math.max(most, paths.size);
    flushing[ended]?.end();
    await setImmediate();
  }
  expect(most).toBe(3);
  expect(all.every(({ state }) => state === 'durable')).toBe(true);
});
