import { type ContentStore, type Disk, filesystemContentStore, memoryContentStore, realDisk } from '@mailrail/content-store';
import { mailboxFolder } from '@mailrail/mail';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type MaildirMailboxStoreOptions, type MailboxStore, maildirMailboxStore, type StoredForm } from '../src/index.ts';
import type { OpenMailboxes } from './mailbox-store-suite.ts';

export const root = fs.mkdtempSync(path.join(os.tmpdir(), 'mailbox-store-'));

export interface OpenMaildirs extends OpenMailboxes {
  readonly directory: string;
  readonly content: ContentStore;
  readonly disk: { -readonly [Call in keyof Disk]: Disk[Call] };
  readonly folderOf: (mailbox: string) => string;
  /** Another process' store on the same mailboxes. */
  readonly another: (options?: Partial<MaildirMailboxStoreOptions>) => MailboxStore;
}

/** Maildirs in a folder of their own, with a real content store, or one that has no files to link. */
export function openMaildirs(options: Partial<MaildirMailboxStoreOptions> & { contentInMemory?: boolean } = {}): OpenMaildirs {
  const { contentInMemory = false, ...given } = options;
  const base = fs.mkdtempSync(`${root}/`);
  const directory = `${base}/mailboxes`;
  const memory = memoryContentStore();
  const content = contentInMemory ? memory : filesystemContentStore({ directory: `${base}/content` });
  const disk = { ...realDisk };
  const another = (more: Partial<MaildirMailboxStoreOptions> = {}) =>
    maildirMailboxStore({
      directory,
      contentPath: (ref) => content.filePath(ref),
      contentRead: (ref) => content.read(ref),
      hostname: 'mx.corp.example',
      disk,
      ...given,
      ...more,
    });
  const store = another();
  const folderOf = (mailbox: string) => `${directory}/${mailboxFolder(mailbox)}/Maildir`;

  return {
    store,
    directory,
    content,
    disk,
    another,
    folderOf,
    async keep(text): Promise<StoredForm> {
      const { ref, sizeBytes } = await content.put({ rootId: randomUUID(), form: 'internet' }, [Buffer.from(text)]);
      return { ref, sizeBytes };
    },
    lose({ ref }) {
      const file = content.filePath(ref);
      if (file === undefined) memory.lose(ref);
      else fs.unlinkSync(file);
    },
    in(mailbox) {
      const list = (folder: 'new' | 'cur') => {
        const at = `${folderOf(mailbox)}/${folder}`;
        const names = fs.existsSync(at) ? fs.readdirSync(at) : [];
        return names.map((name) => {
          const shown = name.replace(/\.mx\.corp\.example(:.*)?$/, '');
          return `${shown}${folder === 'cur' ? ' (seen)' : ''}: ${fs.readFileSync(`${at}/${name}`, 'utf8')}`;
        });
      };
      return [...list('new'), ...list('cur')].sort();
    },
    see(mailbox, name) {
      const folder = folderOf(mailbox);
      fs.renameSync(`${folder}/new/${name}.mx.corp.example`, `${folder}/cur/${name}.mx.corp.example:2,S`);
    },
    breakMailbox: (mailbox) => fs.writeFileSync(`${directory}/${mailboxFolder(mailbox)}`, 'a file where a folder should be'),
    mend: (mailbox) => fs.unlinkSync(`${directory}/${mailboxFolder(mailbox)}`),
  };
}

export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code, syscall: 'injected' });
}
