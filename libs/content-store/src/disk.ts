import fs from 'node:fs';

/**
 * The few calls a store makes to its file system. A parameter, so that a test can give a disk that fails.
 *
 * Metadata calls and small transfers are synchronous: each takes some 5 to 25 µs, a trip through the thread pool costs more than
 * that in CPU alone. Whatever may wait for the disk (a flush, a large transfer, a folder listing) is asynchronous. Errors are those of `node:fs`.
 */
export interface Disk {
  /** A new file for writing; EEXIST when the name is taken, a symbolic link included. */
  readonly create: (path: string, mode: number) => number;
  /** The same by the thread pool: making a file may wait for the disk to finish a commit, and that would hold up every session. */
  readonly createLater: (path: string, mode: number) => Promise<number>;
  /** An existing file for reading; ELOOP when its last part is a symbolic link. */
  readonly open: (path: string) => number;
  readonly openFolder: (path: string) => number;
  readonly close: (fd: number) => void;
  readonly size: (fd: number) => number;
  /** @returns bytes written, which may be fewer than given. */
  readonly write: (fd: number, bytes: Uint8Array) => number;
  readonly writeLater: (fd: number, bytes: Uint8Array) => Promise<number>;
  /** @returns bytes read; 0 at the end. */
  readonly read: (fd: number, into: Uint8Array, position: number) => number;
  readonly readLater: (fd: number, into: Uint8Array, position: number) => Promise<number>;
  /** Makes a file's bytes durable (fdatasync). */
  readonly flushData: (fd: number) => Promise<void>;
  /** Makes a folder's entries durable (fsync). */
  readonly flush: (fd: number) => Promise<void>;
  readonly link: (from: string, to: string) => void;
  readonly rename: (from: string, to: string) => void;
  readonly unlink: (path: string) => void;
  readonly exists: (path: string) => boolean;
  /** When a file was last written, milliseconds since the epoch; undefined when there is none. */
  readonly writtenAt: (path: string) => number | undefined;
  readonly makeFolder: (path: string, mode: number) => void;
  /** Only an empty one (ENOTEMPTY else). */
  readonly removeFolder: (path: string) => void;
  /** Names in a folder, in no order. */
  readonly list: (path: string) => Promise<string[]>;
}

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY, O_WRONLY } = fs.constants;
const createFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
const openFlags = O_RDONLY | O_NOFOLLOW;
const folderFlags = O_RDONLY | O_DIRECTORY;

export const realDisk: Disk = {
  create: (path, mode) => fs.openSync(path, createFlags, mode),
  createLater: (path, mode) =>
    new Promise((resolve, reject) => fs.open(path, createFlags, mode, (error, fd) => (error === null ? resolve(fd) : reject(error)))),
  open: (path) => fs.openSync(path, openFlags),
  openFolder: (path) => fs.openSync(path, folderFlags),
  close: (fd) => fs.closeSync(fd),
  size: (fd) => fs.fstatSync(fd).size,
  write: (fd, bytes) => fs.writeSync(fd, bytes),
  writeLater: (fd, bytes) =>
    new Promise((resolve, reject) => fs.write(fd, bytes, (error, written) => (error === null ? resolve(written) : reject(error)))),
  read: (fd, into, position) => fs.readSync(fd, into, 0, into.length, position),
  readLater: (fd, into, position) =>
    new Promise((resolve, reject) =>
      fs.read(fd, into, 0, into.length, position, (error, count) => (error === null ? resolve(count) : reject(error))),
    ),
  flushData: (fd) => new Promise((resolve, reject) => fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error)))),
  flush: (fd) => new Promise((resolve, reject) => fs.fsync(fd, (error) => (error === null ? resolve() : reject(error)))),
  link: (from, to) => fs.linkSync(from, to),
  rename: (from, to) => fs.renameSync(from, to),
  unlink: (path) => fs.unlinkSync(path),
  exists: (path) => fs.existsSync(path),
  writtenAt: (path) => fs.lstatSync(path, { throwIfNoEntry: false })?.mtimeMs,
  makeFolder: (path, mode) => fs.mkdirSync(path, { mode }),
  removeFolder: (path) => fs.rmdirSync(path),
  list: (path) => fs.promises.readdir(path),
};

/** The system's word for a failure (`ENOSPC`), undefined for an error that did not come from the system. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('syscall' in error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Does something and says whether it could; false for exactly the failures named, others are thrown. */
export function tolerating(action: () => void, ...expected: readonly string[]): boolean {
  try {
    action();
    return true;
  } catch (error) {
    if (expected.includes(systemCode(error) ?? '')) return false;
    throw error;
  }
}

/** Writes all of it, however short the single writes are. A full disk shows as a short write first and as ENOSPC at the next. */
export function writeAll(disk: Disk, fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += disk.write(fd, at === 0 ? bytes : bytes.subarray(at));
}

export async function writeAllLater(disk: Disk, fd: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += await disk.writeLater(fd, at === 0 ? bytes : bytes.subarray(at));
}

/** Ends this turn of the event loop, so that a long piece of synchronous work holds nobody up. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
