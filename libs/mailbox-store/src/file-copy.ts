import { type Disk, writeAllLater } from '@mailrail/content-store';
import type { Readable } from 'node:stream';

export const copyMode = 0o440;

/**
 * A new file with these bytes, durable as far as its bytes go; its folder is the caller's to flush.
 *
 * @throws what the stream or the disk said, and then the file is gone again.
 */
export async function writeCopy(disk: Disk, path: string, from: Readable, sizeBytes: number): Promise<void> {
  let fd: number | undefined;
  try {
    let written = 0;
    for await (const chunk of from) {
      if (!(chunk instanceof Uint8Array)) throw new TypeError('content is bytes');
      fd ??= disk.create(path, copyMode); // not before there is something to copy
      await writeAllLater(disk, fd, chunk);
      written += chunk.length;
    }
    fd ??= disk.create(path, copyMode);
    if (written !== sizeBytes) throw new SizeMismatch();
    await disk.flushData(fd);
  } catch (error) {
    if (fd !== undefined) removeQuietly(disk, path);
    throw error;
  } finally {
    from.destroy();
    if (fd !== undefined) disk.close(fd);
  }
}

/** The content store holds other bytes than the mail says. */
export class SizeMismatch extends Error {
  constructor() {
    super('content has another size than recorded');
    this.name = 'SizeMismatch';
  }
}

/** A name that is left over is found by its age later. */
export function removeQuietly(disk: Disk, path: string): void {
  try {
    disk.unlink(path);
  } catch {
    // it stays
  }
}
