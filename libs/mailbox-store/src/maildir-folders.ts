import { type Disk, type FlushFolder, folderMode, tolerating } from '@mailrail/content-store';
import { mailboxFolder } from '@mailrail/mail';

/** The folders of one mailbox. */
export interface Maildir {
  readonly path: string; // `<directory>/<safe address>/Maildir`
  /** Makes durable that the folders are there; undefined when they are known to be. Rejects with the system's error. */
  readonly settle: () => Promise<void> | undefined;
}

export interface MaildirFolders {
  /** @throws the system's error, and RangeError for a mailbox without an address. */
  readonly of: (mailbox: string) => Maildir;
  /** A folder was found missing: all of this mailbox's will be made again. */
  readonly forget: (mailbox: string) => void;
}

/**
 * Makes a mailbox's folders on first use and remembers them.
 *
 * @param maxKnown mailboxes remembered, some 500 bytes each. One that is not costs a few calls more.
 */
export function maildirFolders(directory: string, disk: Disk, flush: FlushFolder, maxKnown: number): MaildirFolders {
  const known = new Map<string, Maildir>();

  const make = (mailbox: string): Maildir => {
    const owner = `${directory}/${mailboxFolder(mailbox)}`;
    const path = `${owner}/Maildir`;
    for (const folder of [owner, path, `${path}/tmp`, `${path}/new`, `${path}/cur`])
      tolerating(() => disk.makeFolder(folder, folderMode), 'EEXIST');
    let settled = false;
    let settling: Promise<void> | undefined;
    const settle = () => {
      if (settled) return undefined;
      // Even where all were there before: whoever made them may have died before the flush.
      settling ??= Promise.all([flush(directory), flush(owner), flush(path)]).then(
        () => {
          settled = true;
        },
        (error: unknown) => {
          settling = undefined;
          throw error;
        },
      );
      return settling;
    };
    return { path, settle };
  };

  return {
    of(mailbox) {
      const before = known.get(mailbox);
      if (before !== undefined) return before;
      const maildir = make(mailbox);
      if (known.size >= maxKnown) known.delete(known.keys().next().value ?? '');
      known.set(mailbox, maildir);
      return maildir;
    },
    forget: (mailbox) => void known.delete(mailbox),
  };
}
