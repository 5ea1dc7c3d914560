import type { Stats } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import { type FileName, hasCode, type Layout } from './layout.ts';
import { isUnfinished } from './work-name.ts';

/** A file in IN as it was seen, to tell whether it still is the same. */
export interface Candidate {
  name: FileName;
  mtimeMs: number;
  ctimeMs: number;
  sizeBytes: number;
  inode: number;
  plain: boolean; // a regular file with one name
  seenAt: number; // on the caller's monotonic clock, milliseconds
}

export interface Scan {
  candidates: Candidate[]; // oldest first
  /** There are more files than were kept: look again when these are done. */
  more: boolean;
  files: number; // all that may be taken
}

/**
 * Lists the oldest files of IN. Names stream in and only the oldest are kept, so that memory is bounded by `keep` whatever
 * waits in the folder. Nothing is opened: what is a link, a pipe or a device shows in its own status.
 *
 * @param keep most candidates returned.
 * @param now for their `seenAt`.
 * @throws Error of the system when the folder cannot be read.
 */
export async function scanIn(layout: Layout, keep: number, now: number): Promise<Scan> {
  let oldest: Candidate[] = [];
  let files = 0;
  let more = false;
  const cut = () => {
    oldest.sort(byAge);
    if (oldest.length > keep) {
      oldest.length = keep;
      more = true;
    }
  };
  const take = async (names: readonly FileName[]) => {
    for (const found of await Promise.all(names.map((name) => look(layout, name, now)))) {
      if (found === undefined) continue;
      files += 1;
      oldest.push(found);
    }
    if (oldest.length >= 2 * keep) cut();
  };

  // latin1: names as bytes, whatever encoding the writer had.
  const folder = await opendir(layout.path('IN'), { encoding: 'latin1', bufferSize: chunkNames });
  let chunk: FileName[] = [];
  for await (const { name } of folder) {
    if (isUnfinished(name)) continue;
    chunk.push(name);
    if (chunk.length < chunkNames) continue;
    await take(chunk);
    chunk = [];
  }
  await take(chunk);
  cut();
  return { candidates: oldest, more, files };
}

const chunkNames = 64; // looked at together; few enough that other work gets its turn

/** @returns `undefined` when the file is gone, or is a folder: that is left alone. */
export async function look(layout: Layout, name: FileName, now: number): Promise<Candidate | undefined> {
  let found: Stats;
  try {
    found = await lstat(layout.path('IN', name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  if (found.isDirectory()) return undefined;
  const { mtimeMs, ctimeMs, size: sizeBytes, ino: inode } = found;
  return { name, mtimeMs, ctimeMs, sizeBytes, inode, plain: found.isFile() && found.nlink === 1, seenAt: now };
}

/** Whether nothing was written to a file, nor anything else done with it, between two looks. */
export function isSame(one: Candidate, other: Candidate): boolean {
  return (
    one.inode === other.inode &&
    one.sizeBytes === other.sizeBytes &&
    one.mtimeMs === other.mtimeMs &&
    one.ctimeMs === other.ctimeMs &&
    one.plain === other.plain
  );
}

function byAge(one: Candidate, other: Candidate): number {
  return one.mtimeMs - other.mtimeMs || (one.name < other.name ? -1 : 1);
}
