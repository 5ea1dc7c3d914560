import { bodyFiles } from './body-files.ts';
import { contentWriter, putBytes, putFresh } from './content-writer.ts';
import { type Disk, realDisk, tolerating, writeAll } from './disk.ts';
import { folderFlusher } from './folder-flush.ts';
import { placeOfKey, placeOfRef } from './layout.ts';
import { type ContentStore, ContentStoreError } from './port.ts';
import { storeError } from './store-error.ts';
import { storeFolders } from './store-folders.ts';
import { storedFiles } from './stored-file.ts';
import { contentSweep } from './sweep.ts';

export interface FilesystemContentStoreOptions {
  /** Made when it is missing. One file system, with hard links; several processes may share it. */
  directory: string;
  disk?: Disk;
  now?: () => number; // milliseconds since the epoch
  /** Age from which a temporary file belongs to nobody any more; more than the longest SMTP session. Default 1 h. */
  temporaryMaxAgeMs?: number;
  /** Most files looked at in one call of `sweep`. Default 20,000, about a second of work. */
  sweepFiles?: number;
}

/**
 * Bodies as files: `<directory>/<yyyy-mm-dd>T<hh>/<mm>/<rootId>.<form>` by the time in the identity, `derived/<xx>/...` for one without.
 * A minute's folder is flushed once for all who wait for it, and swept whole. Written under a temporary name, flushed, then linked:
 * a crash leaves temporary files, and of a `fresh` body, which has its own name from the start, perhaps a part that nobody asks for.
 *
 * @throws ContentStoreError `unavailable` when the folder cannot be made.
 */
export function filesystemContentStore({
  directory,
  disk = realDisk,
  now = Date.now,
  temporaryMaxAgeMs = 3_600_000,
  sweepFiles = 20_000,
}: FilesystemContentStoreOptions): ContentStore {
  const flush = folderFlusher(disk);
  const folders = orStoreError('opening the store', () => storeFolders(directory, disk, flush));
  const files = storedFiles(folders, disk);
  const bodies = bodyFiles(folders, files, disk, flush);
  const sweep = contentSweep({ folders, disk, now, temporaryMaxAgeMs, maxFiles: sweepFiles });

  return {
    writer: (key) => contentWriter(bodies, disk, placeOfKey(key)),
    put: async (key, bytes, { fresh = false } = {}) => (fresh ? putFresh : putBytes)(bodies, disk, placeOfKey(key), bytes),
    read: (ref, range = {}) => files.stream(ref, range),
    head: async (ref, maxBytes) => files.head(ref, maxBytes),
    size: async (ref) => files.size(ref),
    verify: async (ref) => files.digest(ref),
    async hold(ref) {
      const place = placeOfRef(ref);
      const held = await bodies.hold(place).catch((error: unknown) => {
        throw storeError(error, 'pinning a body');
      });
      if (!held) files.missing();
    },
    async release(ref) {
      const path = `${folders.held}/${placeOfRef(ref).ref}`;
      orStoreError('releasing a body', () => tolerating(() => disk.unlink(path), 'ENOENT'));
    },
    filePath(ref) {
      try {
        return files.pathOf(ref);
      } catch (error) {
        if (error instanceof ContentStoreError) return undefined;
        throw error;
      }
    },
    sweep,
    async probe() {
      const file = orStoreError('probing the store', () => bodies.create());
      try {
        writeAll(disk, file.fd, Buffer.from('probe\n'));
        await disk.flushData(file.fd);
      } catch (error) {
        throw storeError(error, 'probing the store');
      } finally {
        file.discard();
      }
    },
  };
}

function orStoreError<Value>(what: string, action: () => Value): Value {
  try {
    return action();
  } catch (error) {
    throw storeError(error, what);
  }
}
