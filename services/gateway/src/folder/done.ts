import { lstat, opendir, rename, unlink } from 'node:fs/promises';
import { unlessGone } from './claims.ts';
import type { FileName, Layout } from './layout.ts';
import { type Claimed, workName } from './work-name.ts';

/**
 * The mail is durable: its file goes, or into DONE under its identity and name; then what belonged to it in ATT_IN. Idempotent. In this
 * order a crash between leaves files in ATT_IN that nothing names, never a message that waits for files it has had.
 */
export async function finishFile(layout: Layout, claimed: Claimed, keepDoneMs: number, files: readonly FileName[] = []): Promise<void> {
  const name = workName(claimed);
  const path = layout.path('WORK', name);
  await (keepDoneMs > 0 ? rename(path, layout.path('DONE', name)) : unlink(path)).catch(unlessGone);
  for (const file of files) {
    const part = layout.path('ATT_IN', file);
    await (keepDoneMs > 0 ? rename(part, layout.path('DONE', workName({ ...claimed, name: file }))) : unlink(part)).catch(unlessGone);
  }
}

/** Removes what has been in DONE for longer than `keepDoneMs`, by the time it was moved there. @returns files removed. */
export async function sweepDone(layout: Layout, keepDoneMs: number, now: number): Promise<number> {
  let removed = 0;
  for await (const { name } of await opendir(layout.path('DONE'), { encoding: 'latin1' })) {
    const path = layout.path('DONE', name);
    const found = await lstat(path).catch(unlessGone);
    if (found === undefined || found.isDirectory() || now - found.ctimeMs < keepDoneMs) continue;
    await unlink(path).catch(unlessGone);
    removed += 1;
  }
  return removed;
}
