import type { Disk } from './disk.ts';
import { ContentStoreError } from './port.ts';

/** Up to this size a file is read in one synchronous call: it was written moments ago and lies in the page cache. */
export const smallBytes = 65_536;
export const chunkBytes = 262_144;

export function readNow(disk: Disk, fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) at += wasRead(disk.read(fd, bytes.subarray(at), position + at));
  return bytes;
}

export async function readLater(disk: Disk, fd: number, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) at += wasRead(await disk.readLater(fd, bytes.subarray(at), position + at));
  return bytes;
}

/** A body never shrinks: the end before its size means that the disk does not answer truly. */
export function wasRead(count: number): number {
  if (count === 0) throw new ContentStoreError('unavailable', 'a body ended before its size');
  return count;
}
