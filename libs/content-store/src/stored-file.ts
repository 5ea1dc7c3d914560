import { createHash, hash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { type Disk, systemCode } from './disk.ts';
import { fileStream } from './file-stream.ts';
import { placeOfRef } from './layout.ts';
import { ContentStoreError } from './port.ts';
import { chunkBytes, readLater, readNow, smallBytes, wasRead } from './read-file.ts';
import { storeError } from './store-error.ts';
import type { StoreFolders } from './store-folders.ts';

/** Reading of stored forms. */
export interface StoredFiles {
  pathOf(ref: string): string;
  size(ref: string): number;
  head(ref: string, maxBytes: number): Promise<Buffer>;
  digest(ref: string): Promise<{ sizeBytes: number; sha256: string }>;
  stream(ref: string, range: { start?: number; end?: number }): Readable;
  /** Says that there is nothing, or that the store cannot be asked. */
  missing(): never;
}

/** Every failure is a ContentStoreError: `invalid`, `missing` or `unavailable`. */
export function storedFiles(folders: StoreFolders, disk: Disk): StoredFiles {
  const bodyPath = (ref: string) => `${folders.pathOf(placeOfRef(ref).folder)}/${ref}`;
  const heldPath = (ref: string) => `${folders.held}/${ref}`;

  /** A body past its time may still have the name it was pinned under. */
  const open = (ref: string): number => {
    const body = bodyPath(ref);
    try {
      return openOrUndefined(disk, body) ?? openOrUndefined(disk, heldPath(ref)) ?? missing();
    } catch (error) {
      throw storeError(error, 'reading a body');
    }
  };
  /** Nothing there is an answer only where the store itself is there: an empty mount point is no answer. */
  const missing = (): never => {
    if (disk.exists(folders.temporary) && disk.exists(folders.held)) throw new ContentStoreError('missing', 'no such body');
    throw new ContentStoreError('unavailable', 'the store’s folder is not there');
  };

  return {
    pathOf(ref) {
      const body = bodyPath(ref);
      if (disk.exists(body)) return body;
      const held = heldPath(ref);
      return disk.exists(held) ? held : body;
    },
    size: (ref) => usingSync(disk, open(ref), (fd) => disk.size(fd)),
    head: (ref, maxBytes) =>
      using(disk, open(ref), (fd) => {
        const wanted = Math.min(disk.size(fd), maxBytes);
        return wanted <= smallBytes ? readNow(disk, fd, 0, wanted) : readLater(disk, fd, 0, wanted);
      }),
    digest: (ref) =>
      using(disk, open(ref), (fd) => {
        const sizeBytes = disk.size(fd);
        if (sizeBytes > smallBytes) return digestLater(disk, fd, sizeBytes);
        return { sizeBytes, sha256: hash('sha256', readNow(disk, fd, 0, sizeBytes), 'hex') };
      }),
    stream: (ref, range) => fileStream(disk, () => open(ref), range),
    missing,
  };
}

function openOrUndefined(disk: Disk, path: string): number | undefined {
  try {
    return disk.open(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function usingSync<Value>(disk: Disk, fd: number, work: (fd: number) => Value): Value {
  try {
    return work(fd);
  } catch (error) {
    throw storeError(error, 'reading a body');
  } finally {
    disk.close(fd);
  }
}

async function using<Value>(disk: Disk, fd: number, work: (fd: number) => Value | Promise<Value>): Promise<Value> {
  try {
    return await work(fd);
  } catch (error) {
    throw storeError(error, 'reading a body');
  } finally {
    disk.close(fd);
  }
}

async function digestLater(disk: Disk, fd: number, sizeBytes: number): Promise<{ sizeBytes: number; sha256: string }> {
  const digest = createHash('sha256');
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes));
  for (let at = 0; at < sizeBytes; ) {
    const count = wasRead(await disk.readLater(fd, buffer, at));
    digest.update(buffer.subarray(0, count));
    at += count;
  }
  return { sizeBytes, sha256: digest.digest('hex') };
}
