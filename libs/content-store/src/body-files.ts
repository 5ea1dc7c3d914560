import { randomBytes } from 'node:crypto';
import { type Disk, systemCode, tolerating, writeAllLater } from './disk.ts';
import type { FlushFolder } from './folder-flush.ts';
import type { Place } from './layout.ts';
import type { Stored } from './port.ts';
import type { StoreFolders } from './store-folders.ts';
import type { StoredFiles } from './stored-file.ts';

export const bodyMode = 0o440;

/** A file that is being written under a temporary name. */
export interface TemporaryFile {
  readonly fd: number;
  readonly path: string;
  /** Closes and removes it; harmless when repeated, and whatever the disk says. */
  discard(): void;
  /** Closes it and leaves it where it is. */
  keep(): void;
}

/** Writing of stored forms. Throws the system's errors; what is not finished leaves at most a temporary file. */
export interface BodyFiles {
  create(): TemporaryFile;
  createLater(): Promise<TemporaryFile>;
  /** A file under a body’s own name. @returns undefined when it has one already, or its folder is not there yet. */
  createNamed(place: Place): Promise<TemporaryFile | undefined>;
  /** Makes the name of a body durable. */
  flushName(place: Place): Promise<void>;
  /** Makes the folder a body will lie in, while its bytes are still on their way to the disk. */
  prepare(place: Place): void;
  /** Gives flushed bytes their final name if it is free, else tells whose bytes have it (R5). Durable when it resolves. */
  publish(file: TemporaryFile, place: Place, figures: { sizeBytes: number; sha256: string }): Promise<Stored>;
  /** Pins a body under `held/`. @returns false when there is no such body. */
  hold(place: Place): Promise<boolean>;
}

export function bodyFiles(folders: StoreFolders, files: StoredFiles, disk: Disk, flush: FlushFolder): BodyFiles {
  const prefix = randomBytes(8).toString('hex'); // names of this process; another one cannot guess or meet them
  let count = 0;

  const nextPath = (before: string): string => {
    count += 1;
    return `${before}${prefix}.${count}`;
  };
  const temporary = (before: string): TemporaryFile => {
    const path = nextPath(before);
    return temporaryFile(path, disk.create(path, bodyMode));
  };
  const temporaryFile = (path: string, fd: number): TemporaryFile => {
    let open = true;
    let there = true;
    return {
      fd,
      path,
      discard() {
        if (open) tolerating(() => disk.close(fd), 'EIO', 'ENOSPC', 'EDQUOT');
        open = false;
        if (there) tolerating(() => disk.unlink(path), 'ENOENT', 'EIO', 'EROFS', 'EACCES');
        there = false;
      },
      keep() {
        there = false;
        if (open) tolerating(() => disk.close(fd), 'EIO', 'ENOSPC', 'EDQUOT');
        open = false;
      },
    };
  };

  /** @returns whether the name was free. */
  const linkBody = (from: string, place: Place): boolean => {
    const to = `${folders.pathOf(place.folder)}/${place.ref}`;
    for (let tries = 1; ; tries += 1) {
      try {
        disk.link(from, to);
        return true;
      } catch (error) {
        const code = systemCode(error);
        if (code === 'EEXIST') return false;
        if (code !== 'ENOENT' || tries === 3) throw error;
        folders.forget(place.folder); // a sweep took the emptied folder away
        void folders.ready(place.folder)?.catch(() => {}); // heard of below
      }
    }
  };

  async function flushName(place: Place): Promise<void> {
    const made = folders.ready(place.folder);
    const flushed = flush(folders.pathOf(place.folder));
    if (made === undefined) await flushed;
    else await Promise.all([flushed, made]);
  }

  return {
    create: () => temporary(`${folders.temporary}/`),
    async createLater() {
      const path = nextPath(`${folders.temporary}/`);
      return temporaryFile(path, await disk.createLater(path, bodyMode));
    },
    async createNamed(place) {
      const path = `${folders.pathOf(place.folder)}/${place.ref}`;
      void folders.ready(place.folder)?.catch(() => {}); // heard of when the name is flushed
      try {
        return temporaryFile(path, await disk.createLater(path, bodyMode));
      } catch (error) {
        const code = systemCode(error);
        if (code === 'EEXIST' || code === 'ENOENT') return undefined;
        throw error;
      }
    },
    flushName,
    prepare: (place) => void folders.ready(place.folder)?.catch(() => {}), // heard of when the body is published
    async publish(file, place, figures) {
      const mine = linkBody(file.path, place);
      // The temporary name goes before the body is announced: a later unlink would change its time of delivery (ctime).
      file.discard();
      await flushName(place);
      if (mine) return { ref: place.ref, ...figures, existed: false };
      return { ref: place.ref, ...(await files.digest(place.ref)), existed: true };
    },
    async hold(place) {
      const to = `${folders.held}/${place.ref}`;
      const from = `${folders.pathOf(place.folder)}/${place.ref}`;
      try {
        disk.link(from, to);
      } catch (error) {
        const code = systemCode(error);
        if (code === 'ENOENT' && !disk.exists(to)) return false;
        if (code === 'EXDEV' || code === 'EMLINK') await copy(from, to);
        else if (code !== 'EEXIST' && code !== 'ENOENT') throw error;
      }
      await flush(folders.held);
      return true;
    },
  };

  /** Where no link can be made (another device, too many links) the pin is a file of its own. */
  async function copy(from: string, to: string): Promise<void> {
    const source = disk.open(from);
    let copied: TemporaryFile | undefined;
    try {
      const file = temporary(`${folders.held}/.`);
      copied = file;
      const buffer = Buffer.allocUnsafe(262_144);
      for (let at = 0; ; ) {
        const read = await disk.readLater(source, buffer, at);
        if (read === 0) break;
        await writeAllLater(disk, file.fd, buffer.subarray(0, read));
        at += read;
      }
      await disk.flushData(file.fd);
      tolerating(() => disk.link(file.path, to), 'EEXIST');
    } finally {
      copied?.discard();
      disk.close(source);
    }
  }
}
