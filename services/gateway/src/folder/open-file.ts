import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open } from 'node:fs/promises';
import { MessageRefused } from '../eml/refusal.ts';
import { hasCode } from './layout.ts';

/** A file that was opened as S4 asks, with its beginning. */
export interface OpenedFile {
  handle: FileHandle;
  status: Stats; // when it was opened
  head: Buffer; // its first bytes, up to `chunkBytes`
}

export const chunkBytes = 65_536;

/**
 * Opens a plain file and reads its beginning. Never a link, never anything but a regular file with one name on the folder's own
 * device: the status is looked at first, so that a pipe or a device is not even opened, and once more on what was opened.
 *
 * @returns `gone` when there is none.
 * @throws MessageRefused `unsupported-type`; Error of the system.
 */
export async function openPlain(path: Buffer, device: number): Promise<OpenedFile | 'gone'> {
  let handle: FileHandle;
  try {
    requirePlain(await lstat(path), device);
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 'gone';
    if (hasCode(error, 'ELOOP', 'EMLINK')) throw new MessageRefused('unsupported-type', 'a link, not a file: links are never followed');
    throw error;
  }
  try {
    const status = await handle.stat();
    requirePlain(status, device);
    const head = Buffer.allocUnsafe(Math.min(status.size, chunkBytes));
    const filled = await fill(handle, head, 0);
    return { handle, status, head: filled === head.length ? head : head.subarray(0, filled) };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** The bytes from `start` on, in new buffers: whoever gets them may keep them. */
export async function* chunksFrom({ handle, status }: OpenedFile, start: number): AsyncGenerator<Buffer> {
  for (let at = start; at < status.size; ) {
    const chunk = Buffer.allocUnsafe(Math.min(status.size - at, chunkBytes));
    const read = await fill(handle, chunk, at);
    if (read === 0) return; // shorter than it was: the caller finds it changed
    yield read === chunk.length ? chunk : chunk.subarray(0, read);
    at += read;
  }
}

/** Whether the file is still what it was when it was opened. */
export async function isUnchanged({ handle, status }: OpenedFile): Promise<boolean> {
  const now = await handle.stat();
  return now.size === status.size && now.mtimeMs === status.mtimeMs;
}

async function fill(handle: FileHandle, into: Buffer, position: number): Promise<number> {
  let filled = 0;
  while (filled < into.length) {
    const { bytesRead } = await handle.read(into, filled, into.length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}

function requirePlain(status: Stats, device: number): void {
  const refuse = (what: string) => new MessageRefused('unsupported-type', what);
  if (status.isSymbolicLink()) throw refuse('a link, not a file: links are never followed');
  if (status.isFIFO()) throw refuse('a pipe, not a file');
  if (status.isSocket()) throw refuse('a socket, not a file');
  if (!status.isFile()) throw refuse('a device, not a file');
  if (status.nlink > 1) throw refuse(`a file with ${status.nlink} names (hard links): it could be changed while it is read`);
  if (status.dev !== device) throw refuse('a file on another device than its folder');
}
