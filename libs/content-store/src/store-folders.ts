import path from 'node:path';
import { type Disk, tolerating } from './disk.ts';
import { folderMode, makeDurableFolder } from './durable-folder.ts';
import type { FlushFolder } from './folder-flush.ts';

const maxKnown = 4_096;

/** The folders of one store: `tmp`, `held`, and those bodies lie in, made when first needed. */
export interface StoreFolders {
  readonly temporary: string;
  readonly held: string;
  pathOf(folder: string): string;
  /**
   * Makes the folder of a body if it may not exist.
   *
   * @returns what is still missing for the folder itself to be durable; undefined when it is.
   */
  ready(folder: string): Promise<void> | undefined;
  /** The folder was found missing: it will be made again. */
  forget(folder: string): void;
}

/** @throws the system's error when the store's own folder cannot be made. */
export function storeFolders(directory: string, disk: Disk, flush: FlushFolder): StoreFolders {
  const root = path.resolve(directory);
  makeDurableFolder(root);
  for (const name of ['tmp', 'held']) makeDurableFolder(`${root}/${name}`);
  // Durable, or on its way there. The oldest goes first: mail of the present minute is what the cache is for.
  const known = new Map<string, Promise<void> | undefined>();
  const pathOf = (folder: string) => `${root}/${folder}`;

  const make = (folder: string): Promise<void> => {
    const parent = pathOf(folder.slice(0, folder.indexOf('/')));
    for (let tries = 1; tries <= 3; tries += 1) {
      tolerating(() => disk.makeFolder(parent, folderMode), 'EEXIST');
      const mayBeSwept = tries < 3 ? ['ENOENT'] : []; // a sweep may remove the parent between the two calls
      tolerating(() => disk.makeFolder(pathOf(folder), folderMode), 'EEXIST', ...mayBeSwept);
      if (disk.exists(pathOf(folder))) break;
    }
    // Whoever made them may have died before the flush, so the parents are flushed even when both were there.
    return Promise.all([flush(root), flush(parent)]).then(() => {});
  };

  return {
    temporary: pathOf('tmp'),
    held: pathOf('held'),
    pathOf,
    ready(folder) {
      if (known.has(folder)) return known.get(folder);
      const durable = make(folder);
      if (known.size >= maxKnown) known.delete(known.keys().next().value ?? '');
      known.set(folder, durable);
      durable.then(
        () => known.has(folder) && known.set(folder, undefined),
        () => known.delete(folder), // the next one tries again; this one hears it from the promise
      );
      return durable;
    },
    forget: (folder) => void known.delete(folder),
  };
}
