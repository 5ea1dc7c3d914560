import { type Disk, type FlushFolder, tolerating } from '@mailrail/content-store';
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { removeQuietly, writeCopy } from './file-copy.ts';
import type { StoredForm } from './port.ts';

/** Copies on the mailboxes' side, for content that cannot be linked itself: another device, or no link free any more (EMLINK). */
export interface SharedCopies {
  /**
   * A file to link from.
   *
   * @param spent a copy that cannot be linked any more; another one is made then.
   * @throws what the content store or the disk said.
   */
  of: (content: StoredForm, spent: string | undefined) => Promise<string>;
}

interface Options {
  directory: string; // of all mailboxes; copies lie in `.copies`, a name no mailbox can have
  disk: Disk;
  flush: FlushFolder;
  read: (ref: string) => Readable;
  now: () => number;
  maxCopies?: number; // kept for further links; each is a name, its bytes are in the mailboxes
  abandonedAfterMs?: number;
}

/**
 * Many deliveries of one stored form (the chunks of a large group) share one copy. The least recently used ones lose their name
 * again, which takes nothing from the mailboxes. What a crash left is removed by age when the next process begins to copy.
 */
export function sharedCopies({ directory, disk, flush, read, now, maxCopies = 256, abandonedAfterMs = 86_400_000 }: Options): SharedCopies {
  const folder = `${directory}/.copies`;
  const prefix = randomBytes(8).toString('hex');
  const copies = new Map<string, Promise<string>>();
  let count = 0;
  let ready: Promise<void> | undefined;

  const begin = async (): Promise<void> => {
    tolerating(() => disk.makeFolder(folder, 0o750), 'EEXIST');
    await flush(directory);
    for (const name of await disk.list(folder)) {
      const path = `${folder}/${name}`;
      if ((disk.writtenAt(path) ?? Number.POSITIVE_INFINITY) < now() - abandonedAfterMs) removeQuietly(disk, path);
    }
  };
  const make = async (content: StoredForm): Promise<string> => {
    ready ??= begin();
    await ready.catch((error: unknown) => {
      ready = undefined;
      throw error;
    });
    count += 1;
    const path = `${folder}/${prefix}.${count}`;
    await writeCopy(disk, path, read(content.ref), content.sizeBytes);
    return path;
  };
  const remember = (ref: string, copy: Promise<string>): Promise<string> => {
    copies.delete(ref);
    copies.set(ref, copy);
    copy.catch(() => copies.get(ref) === copy && copies.delete(ref));
    const [oldest, unused] = copies.size > maxCopies ? (copies.entries().next().value ?? []) : [];
    if (oldest !== undefined && unused !== undefined) {
      copies.delete(oldest);
      unused.then(
        (path) => removeQuietly(disk, path),
        () => {},
      );
    }
    return copy;
  };

  return {
    async of(content, spent) {
      const before = copies.get(content.ref);
      if (before === undefined) return remember(content.ref, make(content));
      const path = await before;
      if (path !== spent) {
        if (copies.get(content.ref) === before) void remember(content.ref, before); // used last
        return path;
      }
      const replacement = copies.get(content.ref);
      if (replacement !== undefined && replacement !== before) return replacement; // somebody else found it spent, too
      removeQuietly(disk, path);
      return remember(content.ref, make(content));
    },
  };
}
