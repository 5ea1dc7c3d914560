import type { Disk } from './disk.ts';

/** Makes the entries of a folder durable that were there when it was called. Rejects with the system's error. */
export type FlushFolder = (path: string) => Promise<void>;

interface Waiting {
  promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Folder flushes, shared. At most one flush of a folder runs; whoever asks meanwhile shares the next one, because an entry
 * made after a flush began need not be in it. The first flush begins at the end of the turn, so that all who finish in the same turn share it.
 *
 * @param maxAtOnce folders flushed (and open) at the same time; the others wait their turn.
 */
export function folderFlusher(disk: Disk, maxAtOnce = 64): FlushFolder {
  const waiting = new Map<string, Waiting>(); // who shares the next flush
  const running = new Set<string>();
  const queue: string[] = []; // folders whose next flush may begin
  let scheduled = false;

  const begin = () => {
    scheduled = false;
    while (running.size < maxAtOnce) {
      const path = queue.shift();
      if (path === undefined) return;
      const sharers = waiting.get(path);
      if (sharers === undefined) continue;
      waiting.delete(path);
      running.add(path);
      flushOnce(disk, path).then(
        () => settle(path, () => sharers.resolve()),
        (error: unknown) => settle(path, () => sharers.reject(error)),
      );
    }
  };
  const settle = (path: string, tell: () => void) => {
    running.delete(path);
    if (waiting.has(path)) queue.push(path);
    tell();
    if (queue.length > 0) schedule();
  };
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(begin);
  };

  return (path) => {
    const next = waiting.get(path);
    if (next !== undefined) return next.promise;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    waiting.set(path, { promise, resolve, reject });
    if (!running.has(path)) {
      queue.push(path);
      schedule();
    }
    return promise;
  };
}

async function flushOnce(disk: Disk, path: string): Promise<void> {
  const fd = disk.openFolder(path);
  try {
    await disk.flush(fd);
  } finally {
    disk.close(fd);
  }
}
