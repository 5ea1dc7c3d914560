import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { openSpoolFile, type SpoolFile } from './spool-file.ts';

/** Where a process may be stopped to see that nothing is lost or doubled. */
export type OutStep = 'spooled' | 'parts' | 'ready' | 'marked' | 'placed' | 'recorded';

export interface OutFolderOptions {
  /** The gateway's own folder, `<in>/<gateway>`. */
  root: string;
  /** Called when a step is behind us. */
  step?: ((step: OutStep) => void) | undefined;
  now?: () => number;
}

/**
 * A gateway's OUT and ATT_OUT. A file appears in OUT whole, by one rename, and once: what was about to be renamed is marked before, and
 * the rename takes the file from where the mark says it is. So a repeat knows that the file is out, even when the foreign side has taken
 * it already.
 */
export interface OutFolder {
  /** Creates what is missing. @throws Error of the system. */
  prepare(): Promise<void>;
  /** Files in OUT, as of the last seconds. */
  waiting(): Promise<number>;
  spool(): Promise<SpoolFile>;
  /** What an earlier run began under this name and had marked is brought to its end. @returns false when there is nothing of the kind. */
  resume(stem: string, extension: string): Promise<boolean>;
  place(stem: string, extension: string, main: SpoolFile, parts: readonly { name: string; spool: SpoolFile }[]): Promise<void>;
  /** The ledger knows now: the mark is not needed any more. */
  forget(stem: string): Promise<void>;
  /** Removes what processes that died have left, once no repeat can come for it. */
  sweep(): Promise<number>;
}

const folderMode = 0o770;
const countedForMs = 2_000;
/** How long effects are remembered elsewhere, too (R3), and as long again for what still waits in the ladder. */
const keepMs = 2 * 6 * 3_600_000;
/** What is still being written is never so old. */
const keepSpoolMs = 3_600_000;

export function outFolder({ root, step, now = Date.now }: OutFolderOptions): OutFolder {
  const [out, parts, work] = ['OUT', 'ATT_OUT', 'OUT_WORK'].map((name) => path.join(root, name)) as [string, string, string];
  const mark = (stem: string): string => path.join(work, `${stem}.sent`);
  const ready = (stem: string): string => path.join(work, `${stem}.ready`);
  let counted: { at: number; files: number } | undefined;

  /** The last step, from a mark on: the same whoever does it. */
  async function release(stem: string, extension: string): Promise<void> {
    const moved = await rename(ready(stem), path.join(out, `${stem}${extension}`)).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === 'ENOENT') return false; // it is out
        throw error;
      },
    );
    if (moved) await flushFolder(out);
    step?.('placed');
  }

  return {
    async prepare() {
      for (const folder of [root, out, parts, work]) {
        const made = await mkdir(folder, { recursive: true, mode: folderMode });
        if (made !== undefined) await chmod(folder, folderMode);
      }
      const devices = new Set(await Promise.all([out, parts, work].map(async (folder) => (await stat(folder)).dev)));
      if (devices.size > 1) throw new Error(`the folders in ${root} must be on one file system: files appear in OUT by a rename`);
    },
    async waiting() {
      if (counted === undefined || now() - counted.at > countedForMs) counted = { at: now(), files: (await readdir(out)).length };
      return counted.files;
    },
    spool: () => openSpoolFile(work),
    async resume(stem, extension) {
      if (!(await exists(mark(stem)))) return false;
      await release(stem, extension);
      return true;
    },
    async place(stem, extension, main, files) {
      await Promise.all([main, ...files.map(({ spool }) => spool)].map((spool) => spool.finish()));
      step?.('spooled');
      for (const { name, spool } of files) await rename(spool.path, path.join(parts, name));
      if (files.length > 0) await flushFolder(parts);
      step?.('parts');
      await rename(main.path, ready(stem));
      await flushFolder(work);
      step?.('ready');
      const handle = await open(mark(stem), 'a');
      await handle.sync();
      await handle.close();
      await flushFolder(work);
      step?.('marked');
      await release(stem, extension);
      if (counted !== undefined) counted.files += 1;
    },
    async forget(stem) {
      await rm(mark(stem), { force: true });
      step?.('recorded');
    },
    async sweep() {
      let removed = 0;
      for (const name of await readdir(work)) {
        if (!/\.(?:tmp|sent|ready)$/.test(name)) continue;
        const file = path.join(work, name);
        const found = await stat(file).catch(() => undefined);
        if (found === undefined || now() - found.mtimeMs < (name.endsWith('.tmp') ? keepSpoolMs : keepMs)) continue;
        await rm(file, { force: true });
        removed += 1;
      }
      return removed;
    },
  };
}

export function codeOf(error: unknown): string | undefined {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** A rename is durable when its folder is. */
async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
