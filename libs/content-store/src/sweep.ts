import { type Disk, nextTurn, tolerating } from './disk.ts';
import { timeOfHourFolder } from './layout.ts';
import { storeError } from './store-error.ts';
import type { StoreFolders } from './store-folders.ts';

/** Files removed or looked at before others get their turn: 1 or 2 ms. */
const filesPerTurn = 64;

interface Sweep {
  folders: StoreFolders;
  disk: Disk;
  now: () => number;
  temporaryMaxAgeMs: number;
  maxFiles: number; // looked at in one call
}

/**
 * Removes what is older than a point in time, folder by folder. A call that has done its share stops where it is, and the next
 * call goes on from there, so that every file has its turn however many there are. `held/` is not looked into, except for
 * copies that a crash left half-made.
 *
 * @returns the call: it takes milliseconds since the epoch and resolves to the number of bodies removed.
 */
export function contentSweep({ folders, disk, now, temporaryMaxAgeMs, maxFiles }: Sweep): (olderThan: number) => Promise<number> {
  let limit = 0;
  let walk: AsyncGenerator<Step, void> | undefined;
  let running: Promise<unknown> = Promise.resolve();

  async function* everything(): AsyncGenerator<Step, void> {
    yield* temporaries(folders.temporary, '');
    yield* temporaries(folders.held, '.');
    const hours = (await disk.list(folders.pathOf('.'))).filter((name) => timeOfHourFolder(name) !== undefined).sort();
    for (const hour of hours) {
      const begins = timeOfHourFolder(hour) ?? limit;
      if (begins >= limit) break;
      for (const minute of (await listed(folders.pathOf(hour))).sort()) {
        const ends = begins + (Number(minute) + 1) * 60_000;
        if (!(ends <= limit)) continue; // not yet, or no minute at all
        yield* bodies(`${hour}/${minute}`);
      }
      tolerating(() => disk.removeFolder(folders.pathOf(hour)), 'ENOTEMPTY', 'EEXIST', 'ENOENT');
    }
    for (const part of await listed(folders.pathOf('derived'))) yield* bodies(`derived/${part}`);
  }

  async function* bodies(folder: string): AsyncGenerator<Step, void> {
    const path = folders.pathOf(folder);
    const names = await listed(path);
    for (let at = 0; at < names.length; at += filesPerTurn) {
      const some = names.slice(at, at + filesPerTurn);
      const old = some.filter((name) => isBefore(`${path}/${name}`, limit)); // the identity's time is the folder's
      for (const name of old) tolerating(() => disk.unlink(`${path}/${name}`), 'ENOENT');
      yield { files: some.length, removed: old.length };
    }
    // A folder that is put into at this very moment is made again by whoever does.
    if (!folder.startsWith('derived/')) tolerating(() => disk.removeFolder(path), 'ENOTEMPTY', 'EEXIST', 'ENOENT');
    yield { files: 1, removed: 0 };
  }

  async function* temporaries(path: string, prefix: string): AsyncGenerator<Step, void> {
    const abandoned = now() - temporaryMaxAgeMs;
    const names = (await listed(path)).filter((name) => name.startsWith(prefix));
    for (let at = 0; at < names.length; at += filesPerTurn) {
      const some = names.slice(at, at + filesPerTurn);
      for (const name of some) if (isBefore(`${path}/${name}`, abandoned)) tolerating(() => disk.unlink(`${path}/${name}`), 'ENOENT');
      yield { files: some.length, removed: 0 };
    }
  }

  const isBefore = (path: string, time: number) => (disk.writtenAt(path) ?? Number.POSITIVE_INFINITY) < time;

  /** Another sweeper may have taken the folder away. */
  const listed = async (path: string): Promise<string[]> => {
    try {
      return await disk.list(path);
    } catch (error) {
      if (!disk.exists(path)) return [];
      throw error;
    }
  };

  const share = async (olderThan: number): Promise<number> => {
    limit = olderThan;
    walk ??= everything();
    let removed = 0;
    for (let files = 0; files < maxFiles; ) {
      const step = await walk.next();
      if (step.done === true) {
        walk = undefined;
        break;
      }
      files += step.value.files;
      removed += step.value.removed;
      await nextTurn();
    }
    return removed;
  };

  return (olderThan) => {
    const mine = running.then(async () => {
      try {
        return await share(olderThan);
      } catch (error) {
        walk = undefined; // begins anew; what was removed is removed
        throw storeError(error, 'sweeping');
      }
    });
    running = mine.catch(() => {});
    return mine;
  };
}

interface Step {
  files: number;
  removed: number;
}
