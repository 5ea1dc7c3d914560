import {
  ContentStoreError,
  type Disk,
  folderFlusher,
  makeDurableFolder,
  nextTurn,
  realDisk,
  systemCode,
  tolerating,
  writeAll,
} from '@mailrail/content-store';
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { removeQuietly, SizeMismatch, writeCopy } from './file-copy.ts';
import { type Maildir, maildirFolders } from './maildir-folders.ts';
import { contentMissing, type MailboxCopy, type MailboxOutcome, type MailboxStore, type StoredForm } from './port.ts';
import { sharedCopies } from './shared-copies.ts';

export interface MaildirMailboxStoreOptions {
  directory: string; // of all mailboxes; made when it is missing
  /** The content store's file of a stored form, undefined when it keeps none. */
  contentPath: (ref: string) => string | undefined;
  contentRead: (ref: string) => Readable;
  /** Ends each file's name. The same for every process that delivers here, or a repeat makes a second file. */
  hostname?: string;
  disk?: Disk;
  now?: () => number; // milliseconds since the epoch
  maxKnownMailboxes?: number; // default 20,000
}

/** Links made before others get their turn, 1 ms or so. */
const linksPerTurn = 64;

/**
 * Maildirs, `<directory>/<safe address>/Maildir/{tmp,new,cur}`, with one stored copy for all recipients: a delivery is a hard link
 * of the content store's file to `new/<name>.<hostname>`. Where no link can be made the content is copied once to the mailboxes' side,
 * and the rest is linked from there (E1).
 *
 * @throws the system's error when the directory cannot be made.
 */
export function maildirMailboxStore({
  directory,
  contentPath,
  contentRead,
  hostname = 'mailrail',
  disk = realDisk,
  now = Date.now,
  maxKnownMailboxes = 20_000,
}: MaildirMailboxStoreOptions): MailboxStore {
  if (!/^[A-Za-z0-9._-]{1,180}$/.test(hostname)) throw new RangeError('a host name of at most 180 characters is needed');
  const root = path.resolve(directory);
  makeDurableFolder(root);
  const flush = folderFlusher(disk);
  const folders = maildirFolders(root, disk, flush, maxKnownMailboxes);
  const copies = sharedCopies({ directory: root, disk, flush, read: contentRead, now });
  const prefix = randomBytes(8).toString('hex');
  let count = 0;

  /** What to link from: the store's own file as long as it can be linked, then a copy. Shared by one delivery. */
  const sourceOf = (content: StoredForm): Source => {
    const original = contentPath(content.ref);
    let copy: string | undefined;
    return {
      isCopy: () => copy !== undefined,
      file: async () => copy ?? original ?? (copy = await copies.of(content, undefined)),
      async replace() {
        copy = await copies.of(content, copy);
      },
    };
  };

  /** @returns the mailbox the copy lies in, with its folder still to be flushed, or what it failed with. */
  const place = async (content: StoredForm, source: Source, copy: MailboxCopy, repeat: boolean): Promise<Placed> => {
    try {
      let maildir = folders.of(copy.mailbox);
      const name = fileName(copy, hostname);
      if (repeat && (await isSeen(disk, maildir, name))) return { kind: 'present', maildir };
      for (let tries = 1; ; tries += 1) {
        const from = await source.file();
        const to = `${maildir.path}/new/${name}`;
        try {
          disk.link(from, to);
          return { kind: 'delivered', maildir };
        } catch (error) {
          const code = systemCode(error);
          if (code === 'EEXIST') return { kind: 'present', maildir };
          if (tries === maxTries) throw error;
          if (code === 'EXDEV' && source.isCopy()) return { kind: await placeOwnCopy(content, maildir, to), maildir };
          if (code === 'EXDEV' || code === 'EMLINK') await source.replace();
          else if (code !== 'ENOENT') throw error;
          else if (disk.exists(from)) {
            folders.forget(copy.mailbox); // somebody has removed the mailbox
            maildir = folders.of(copy.mailbox);
          } else if (source.isCopy()) await source.replace();
          else throw new ContentStoreError('missing', contentMissing);
        }
      }
    } catch (error) {
      return failure(error);
    }
  };

  /** A mailbox on a device of its own: the way every Maildir delivery goes, through its `tmp`. */
  const placeOwnCopy = async (content: StoredForm, maildir: Maildir, to: string): Promise<'delivered' | 'present'> => {
    count += 1;
    const temporary = `${maildir.path}/tmp/${prefix}.${count}`;
    await writeCopy(disk, temporary, contentRead(content.ref), content.sizeBytes);
    try {
      return tolerating(() => disk.link(temporary, to), 'EEXIST') ? 'delivered' : 'present';
    } finally {
      removeQuietly(disk, temporary);
    }
  };

  const settle = async (placed: Placed): Promise<MailboxOutcome> => {
    if (placed.kind === 'transient' || placed.kind === 'permanent') return placed;
    try {
      const made = placed.maildir.settle();
      const flushed = flush(`${placed.maildir.path}/new`);
      if (made === undefined) await flushed;
      else await Promise.all([flushed, made]);
      return { kind: placed.kind };
    } catch (error) {
      return failure(error);
    }
  };

  return {
    async deliver(content, wanted, { repeat = false } = {}) {
      const source = sourceOf(content);
      const placed: Placed[] = [];
      for (const copy of wanted) {
        placed.push(await place(content, source, copy, repeat));
        if (placed.length % linksPerTurn === 0) await nextTurn();
      }
      // Not before all is linked: flushes in between would make the disk commit again and again.
      return Promise.all(placed.map(settle));
    },
    async probe() {
      const folder = `${root}/.copies`;
      tolerating(() => disk.makeFolder(folder, 0o750), 'EEXIST');
      count += 1;
      const file = `${folder}/${prefix}.probe.${count}`;
      const fd = disk.create(file, 0o640);
      try {
        writeAll(disk, fd, Buffer.from('probe\n'));
        await disk.flushData(fd);
      } finally {
        disk.close(fd);
        removeQuietly(disk, file);
      }
    },
  };
}

/** The original, a copy, another copy, and one more for a mailbox that vanished meanwhile. */
const maxTries = 4;

interface Source {
  readonly isCopy: () => boolean;
  readonly file: () => Promise<string>;
  readonly replace: () => Promise<void>;
}

type Placed = { kind: 'delivered' | 'present'; maildir: Maildir } | Extract<MailboxOutcome, { kind: 'transient' | 'permanent' }>;

function fileName({ name }: MailboxCopy, hostname: string): string {
  if (!/^[A-Za-z0-9-][A-Za-z0-9.-]{0,63}$/.test(name)) throw new TypeError('a delivery needs a name of letters, digits, - and .');
  return `${name}.${hostname}`;
}

/** Whether the owner's client has taken the copy for seen: it lies in `cur` then, with flags behind its name. */
async function isSeen(disk: Disk, maildir: Maildir, name: string): Promise<boolean> {
  const names = await disk.list(`${maildir.path}/cur`);
  return names.some((one) => one === name || one.startsWith(`${name}:`));
}

/** @throws what is no fact about a mailbox, a disk or the content: a programmer's mistake. */
function failure(error: unknown): Extract<MailboxOutcome, { kind: 'transient' | 'permanent' }> {
  if (error instanceof ContentStoreError)
    return { kind: 'transient', reason: error.code === 'missing' ? contentMissing : `content store: ${error.message}` };
  if (error instanceof SizeMismatch) return { kind: 'transient', reason: error.message };
  if (error instanceof RangeError) return { kind: 'permanent', reason: error.message, status: '5.1.3' };
  const code = systemCode(error);
  if (code === undefined) throw error;
  return { kind: 'transient', reason: code === 'EPERM' ? 'mailbox folder: no hard links here (EPERM)' : `mailbox folder: ${code}` };
}
