import { chmod, mkdir, stat } from 'node:fs/promises';

/** What lies below a gateway's folder. ATT_IN, HOLD, OUT and ATT_OUT are for dialects that have attachments or a way back. */
export const folderNames = ['IN', 'ATT_IN', 'WORK', 'DONE', 'BAD', 'HOLD', 'OUT', 'ATT_OUT'] as const;
export type FolderName = (typeof folderNames)[number];

/** Foreign systems share a group with the gateway, nobody else looks in (S4). */
const folderMode = 0o770;

/**
 * The name of a file as its bytes, one character each: names from old systems are not always UTF-8, and a name that was decoded
 * and encoded again might be another file's.
 */
export type FileName = string;

/** The folders of one gateway. */
export interface Layout {
  root: string;
  /** Path of a folder, or of a file in it, as bytes. */
  path(folder: FolderName, name?: FileName): Buffer;
}

export function layoutOf(root: string): Layout {
  const folders = new Map(folderNames.map((name) => [name, Buffer.from(`${root}/${name}`)]));
  return {
    root,
    path(folder, name) {
      const base = folders.get(folder) ?? Buffer.from(`${root}/${folder}`);
      return name === undefined ? base : Buffer.concat([base, slash, Buffer.from(name, 'latin1')]);
    },
  };
}

/**
 * Creates what is missing, mode 0770; what exists keeps its mode.
 *
 * @throws Error (the system's, with `code` and `path`), or an Error that says that the folders are on several file systems,
 *         between which nothing can be claimed by a rename.
 */
export async function makeLayout(layout: Layout): Promise<void> {
  await mkdir(layout.root, { recursive: true, mode: folderMode });
  const devices = new Set<number>();
  for (const name of folderNames) {
    const path = layout.path(name);
    try {
      await mkdir(path, { mode: folderMode });
      await chmod(path, folderMode); // the umask has taken something off
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
    }
    const found = await stat(path);
    if (!found.isDirectory()) throw new Error(`${path.toString()} is in the way: it is no folder`);
    devices.add(found.dev);
  }
  if (devices.size > 1) throw new Error(`the folders in ${layout.root} must be on one file system: files are claimed by a rename`);
}

const slash = Buffer.from('/');

/** Whether an error is the system's, with one of these codes. */
export function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(codeOf(error) ?? '');
}

export function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
