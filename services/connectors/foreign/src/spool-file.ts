import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Spool } from '@mailrail/foreign';

/** Foreign systems share a group with us, as they do for the rest of the gateway's folders (S4). */
const fileMode = 0o660;

/** A file that is written under a name of its own, to be renamed when it is whole. */
export interface SpoolFile extends Spool {
  readonly path: string;
  /** Flushed to the disk and closed; nothing more is written. */
  finish(): Promise<void>;
  /** Closed and, if it is still under its own name, removed. */
  discard(): Promise<void>;
}

/** @throws Error of the system, with `code`. */
export async function openSpoolFile(folder: string): Promise<SpoolFile> {
  const file = path.join(folder, `${randomUUID()}.tmp`);
  let handle: FileHandle | undefined = await open(file, 'wx+', fileMode);
  await handle.chmod(fileMode); // the umask has taken something off
  let sizeBytes = 0;
  return {
    path: file,
    get sizeBytes() {
      return sizeBytes;
    },
    async write(bytes) {
      for (let at = 0; at < bytes.length; ) {
        const { bytesWritten } = await opened(handle).write(bytes, at, bytes.length - at, sizeBytes);
        at += bytesWritten;
        sizeBytes += bytesWritten;
      }
    },
    async *read() {
      const from = opened(handle);
      for (let at = 0; at < sizeBytes; ) {
        const { bytesRead, buffer } = await from.read(Buffer.allocUnsafe(Math.min(65_536, sizeBytes - at)), 0, undefined, at);
        if (bytesRead === 0) throw new Error('a file that was just written has become shorter');
        at += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    },
    async finish() {
      await opened(handle).sync();
      await handle?.close();
      handle = undefined;
    },
    async discard() {
      await handle?.close();
      handle = undefined;
      await rm(file, { force: true });
    },
  };
}

function opened(handle: FileHandle | undefined): FileHandle {
  if (handle === undefined) throw new Error('this file is closed');
  return handle;
}
