import type { Stats } from 'node:fs';
import { lstat, open, opendir, rename, unlink } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { type FileName, hasCode, type Layout } from './layout.ts';
import { type Claimed, parseWorkName, workName } from './work-name.ts';

const away = '.away~'; // a claimed file for the moment in which its lease is renewed
const helper = /^\.(?:clock|take)-/;

/**
 * Claims a file by renaming it into WORK: of two gateways on one folder the rename lets one win (S4).
 *
 * @param from its name in IN.
 * @returns false when it is gone.
 * @throws Error of the system: without the right to move a file it must not be processed at all, or it would be again and again.
 */
export async function claim(layout: Layout, from: FileName, claimed: Claimed): Promise<boolean> {
  return moved(layout.path('IN', from), layout.path('WORK', workName(claimed)));
}

/**
 * Flushes what was renamed, so that after a power failure the file is in WORK under its identity before its mail can be anywhere.
 * A file system that cannot flush folders (EINVAL and the like) keeps its own order.
 */
export async function flushClaims(layout: Layout): Promise<void> {
  await Promise.all([flush(layout.path('IN')), flush(layout.path('WORK'))]);
}

/**
 * Renews the lease of a claim. The lease is the time of the file's last rename (its change time): that is written by the file
 * system's own clock, needs no ownership of the file, and leaves the file as it was.
 *
 * @returns false when the file is gone: another gateway has finished it.
 */
export async function renewLease(layout: Layout, claimed: Claimed): Promise<boolean> {
  const name = workName(claimed);
  if (!(await moved(layout.path('WORK', name), layout.path('WORK', away + name)))) return false;
  return moved(layout.path('WORK', away + name), layout.path('WORK', name));
}

/**
 * Gives a claimed file another identity.
 *
 * @returns false when the file is gone.
 */
export async function claimAnew(layout: Layout, claimed: Claimed, fresh: Claimed): Promise<boolean> {
  return moved(layout.path('WORK', workName(claimed)), layout.path('WORK', workName(fresh)));
}

/**
 * Takes over claims whose owner is gone: their lease has not been renewed for `leaseMs`. Also tidies what a killed gateway may
 * leave: a file away for a renewal, clock and lock files.
 *
 * @param mine identities in hand here.
 * @param max most claims taken over in one pass.
 */
export async function takeOver(layout: Layout, leaseMs: number, mine: ReadonlySet<string>, max: number): Promise<Claimed[]> {
  let now: number | undefined; // asked for only when there is something to compare it with
  const taken: Claimed[] = [];
  for await (const { name } of await opendir(layout.path('WORK'), { encoding: 'latin1' })) {
    const claimed = parseWorkName(name.startsWith(away) ? name.slice(away.length) : name);
    if (claimed === undefined ? !helper.test(name) : mine.has(claimed.rootId)) continue;
    const before = await statusOf(layout, name);
    now ??= await folderTime(layout);
    // A change time far in the future comes from a clock that was set back; it would never end.
    if (before === undefined || Math.abs(now - before.ctimeMs) <= leaseMs) continue;
    if (claimed === undefined) {
      await unlink(layout.path('WORK', name)).catch(unlessGone);
    } else if (await takeOne(layout, name, claimed, before.ctimeMs)) {
      taken.push(claimed);
      if (taken.length >= max) break;
    }
  }
  return taken;
}

/**
 * Of several gateways that find one abandoned claim, one takes it. The lock is named for the lease that ran out: who makes it
 * looks again, and by then the winner has renewed the lease.
 */
async function takeOne(layout: Layout, name: FileName, claimed: Claimed, ctimeMs: number): Promise<boolean> {
  const lock = layout.path('WORK', `.take-${claimed.rootId}-${ctimeMs}`);
  try {
    await (await open(lock, 'wx', 0o660)).close();
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
  try {
    if ((await statusOf(layout, name))?.ctimeMs !== ctimeMs) return false;
    if (name.startsWith(away)) return await moved(layout.path('WORK', name), layout.path('WORK', workName(claimed)));
    return await renewLease(layout, claimed);
  } finally {
    await unlink(lock).catch(unlessGone);
  }
}

/**
 * Now, by the clock that stamps these files: on a network share it is not ours.
 *
 * @throws Error of the system when nothing can be written in WORK.
 */
export async function folderTime(layout: Layout): Promise<number> {
  const path = layout.path('WORK', `.clock-${randomBytes(8).toString('hex')}`);
  const file = await open(path, 'wx', 0o660);
  try {
    return (await file.stat()).ctimeMs;
  } finally {
    await file.close();
    await unlink(path).catch(unlessGone);
  }
}

async function statusOf(layout: Layout, name: FileName): Promise<Stats | undefined> {
  return lstat(layout.path('WORK', name)).catch(unlessGone);
}

/** Renames. @returns false when the file is gone. */
export async function moved(from: Buffer, to: Buffer): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    unlessGone(error);
    return false;
  }
}

async function flush(path: Buffer): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } catch (error) {
    if (!hasCode(error, 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM', 'EBADF')) throw error;
  } finally {
    await folder.close();
  }
}

export function unlessGone(error: unknown): undefined {
  if (!hasCode(error, 'ENOENT')) throw error;
  return undefined;
}
