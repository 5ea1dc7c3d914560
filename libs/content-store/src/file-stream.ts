import { Readable } from 'node:stream';
import type { Disk } from './disk.ts';
import { chunkBytes, readLater, readNow, smallBytes } from './read-file.ts';
import { storeError } from './store-error.ts';

/**
 * A part of a file as a stream. The file is opened at the first read and closed at the end; what is small comes in one piece.
 *
 * @param range `start` inclusive, `end` exclusive; what lies beyond the file is nothing.
 */
export function fileStream(
  disk: Disk,
  open: () => number,
  { start = 0, end = Number.POSITIVE_INFINITY }: { start?: number; end?: number },
): Readable {
  let fd: number | undefined;
  let position = start;
  let last = 0;
  let reading = false;
  const close = () => {
    if (fd !== undefined) disk.close(fd);
    fd = undefined;
  };
  /** @returns the whole part at once when it is small, and then the file is closed again. */
  const begin = (): Buffer | undefined => {
    fd = open();
    last = Math.min(end, disk.size(fd));
    if (last - position > smallBytes) return undefined;
    const whole = readNow(disk, fd, position, Math.max(0, last - position));
    close();
    return whole;
  };
  const fail = (stream: Readable, error: unknown) => {
    const reason = storeError(error, 'reading a body');
    stream.destroy(reason instanceof Error ? reason : new Error(String(reason)));
  };

  return new Readable({
    highWaterMark: chunkBytes,
    read() {
      try {
        const whole = fd === undefined ? begin() : undefined;
        if (whole !== undefined) {
          if (whole.length > 0) this.push(whole);
          this.push(null);
          return;
        }
      } catch (error) {
        fail(this, error);
        return;
      }
      if (fd === undefined) return;
      if (position >= last) {
        this.push(null);
        return;
      }
      reading = true;
      readLater(disk, fd, position, Math.min(chunkBytes, last - position)).then(
        (chunk) => {
          reading = false;
          position += chunk.length;
          if (this.destroyed) close();
          else this.push(chunk);
        },
        (error: unknown) => {
          reading = false;
          if (this.destroyed) close();
          else fail(this, error);
        },
      );
    },
    destroy(error, done) {
      if (!reading) close(); // a read under way still uses the descriptor, and closes it
      done(error);
    },
  });
}
