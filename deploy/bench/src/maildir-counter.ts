import { closeSync, openSync, readdirSync, readSync, rmSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { type Arrival, type ArrivalCounter, listAt, type Waited } from './arrivals.ts';
import { monotonicMs } from './generator/job.ts';
import { numberIn } from './generator/message-text.ts';

const headBytes = 16_384;
const pollMs = 20;
const quietPollMs = 250;
const foldersPerPoll = 20;

/**
 * Counts what arrives in the `new` folders of mailboxes, from outside. It only lists folders while it waits, a few at a time, so
 * that the counting takes little of the machine that is measured; files are read afterwards.
 */
export function maildirCounter(newFolders: readonly string[]): ArrivalCounter {
  const folders = [...new Set(newFolders)];
  const seen = new Map<string, Set<string>>(folders.map((folder) => [folder, new Set()]));
  const before = new Map<string, number>(); // files at the last mark or collect
  const newIn = (folder: string) => list(folder).length - (before.get(folder) ?? 0);

  const collectFolder = (folder: string, tags: readonly string[], head: Buffer, of: Map<string, Arrival[]>): number => {
    const known = seen.get(folder) ?? new Set();
    const names = list(folder);
    before.set(folder, names.length);
    const folderChangedMs = changedMs(folder, 'mtimeNs');
    let foreign = 0;
    for (const name of names) {
      if (known.has(name)) continue;
      const file = `${folder}/${name}`;
      const length = readHead(file, head);
      if (length === undefined) continue; // moved on by somebody who reads his mail
      known.add(name);
      const text = head.subarray(0, length);
      const tag = tags.find((one) => numberIn(text, one) !== undefined);
      if (tag === undefined) {
        foreign += 1;
        continue;
      }
      // A file with several names has the time of the last one made; the folder has that of the last file in it.
      const atMs = Math.min(changedMs(file, 'ctimeNs'), folderChangedMs);
      listAt(of, tag).push({ number: numberIn(text, tag) ?? -1, place: folder, name, atMs });
    }
    return foreign;
  };

  return {
    mark: () => {
      for (const folder of folders) {
        const names = list(folder);
        before.set(folder, names.length);
        seen.set(folder, new Set(names));
      }
    },

    wait: async (expected, { quietMs, until }): Promise<Waited> => {
      let open = [...expected.keys()];
      const counts = new Map<string, number>();
      let lastArrival = monotonicMs();
      for (;;) {
        // While something comes, the first few tell enough; when nothing does, all are asked.
        const isQuiet = monotonicMs() - lastArrival > 2 * quietPollMs;
        const asked = isQuiet ? open : open.slice(0, foldersPerPoll);
        const complete = asked.filter((folder) => {
          const count = newIn(folder);
          if (count !== (counts.get(folder) ?? 0)) lastArrival = monotonicMs();
          counts.set(folder, count);
          return count >= (expected.get(folder) ?? 0);
        });
        if (complete.length > 0) open = open.filter((folder) => !complete.includes(folder));
        if (open.length === 0) return 'complete';
        const now = monotonicMs();
        if (now > until) return 'time up';
        if (now - lastArrival > quietMs) return 'quiet';
        if (complete.length < foldersPerPoll) await pause(isQuiet ? quietPollMs : pollMs);
      }
    },

    collect: (tags) => {
      const of = new Map<string, Arrival[]>();
      const head = Buffer.allocUnsafe(headBytes);
      let foreign = 0;
      for (const folder of folders) foreign += collectFolder(folder, tags, head, of);
      return { of, foreign };
    },
  };
}

/** Names in a folder; none when there is no folder yet. */
function list(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function readHead(file: string, into: Buffer): number | undefined {
  try {
    const fd = openSync(file, 'r');
    try {
      return readSync(fd, into, 0, into.length, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

function changedMs(path: string, which: 'ctimeNs' | 'mtimeNs'): number {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? Number.POSITIVE_INFINITY : Number(stat[which]) / 1e6;
}

/** Takes counted mail out of the mailboxes again. What is gone already is well. */
export function removeFiles(files: readonly string[]): void {
  for (const file of files) rmSync(file, { force: true });
}
