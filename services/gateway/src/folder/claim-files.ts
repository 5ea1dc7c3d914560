import { lstat } from 'node:fs/promises';
import { MessageRefused } from '../eml/refusal.ts';
import { claim, flushClaims, unlessGone } from './claims.ts';
import { tailBytes, type Unfinished, unfinished } from './complete.ts';
import { hasCode, type Layout } from './layout.ts';
import { type OpenedFile, openPlain } from './open-file.ts';
import { type Candidate, isSame, look } from './scan.ts';
import { type Claimed, newClaim, workName } from './work-name.ts';

/** What came of trying to claim a file. */
export type ClaimResult =
  | { kind: 'claimed'; claimed: Claimed; opened: OpenedFile | undefined }
  | { kind: 'unfinished' } // leave it, look again later
  | { kind: 'unreadable'; error: unknown } // leave it: its writer may hold it, or has to give us the right
  | { kind: 'changed' }; // gone, or not what was seen

export interface ClaimOptions {
  layout: Layout;
  device: number;
  /** Whether a file has been waited for long enough though it looks unfinished. */
  isOverdue: (candidate: Candidate, why: Unfinished) => boolean;
  claimed: (claimed: Claimed) => void;
  /** What a dialect says of a file, in place of the rules for Internet messages. */
  isComplete?: (head: Buffer, tail: Buffer, whole: boolean) => boolean;
}

/**
 * Claims files that did not change since they were seen: opens each and looks whether it is finished, moves it to WORK, and
 * flushes the folders once for all. What is no plain file is moved unopened.
 *
 * @returns one result for each candidate, in order; with `error`, the system's, the claims hold and nothing more should be tried.
 */
export async function claimFiles(
  candidates: readonly Candidate[],
  options: ClaimOptions,
): Promise<{ results: ClaimResult[]; error?: unknown }> {
  const settled = await Promise.allSettled(candidates.map((candidate) => claimOne(candidate, options)));
  const results = settled.map((result): ClaimResult => (result.status === 'fulfilled' ? result.value : { kind: 'changed' }));
  const failed = settled.find((result) => result.status === 'rejected');
  if (failed !== undefined) return { results, error: failed.reason };
  try {
    if (results.some(({ kind }) => kind === 'claimed')) await flushClaims(options.layout);
    return { results };
  } catch (error) {
    return { results, error };
  }
}

async function claimOne(
  candidate: Candidate,
  { layout, device, isOverdue, claimed: noted, isComplete }: ClaimOptions,
): Promise<ClaimResult> {
  let file: OpenedFile | undefined;
  try {
    if (candidate.plain) {
      const found = await openSame(candidate, layout, device);
      if ('kind' in found) return found;
      file = found;
    } else {
      const now = await look(layout, candidate.name, candidate.seenAt);
      if (now === undefined || !isSame(now, candidate)) return { kind: 'changed' };
    }
    const why = file === undefined ? undefined : await looksUnfinished(file, isComplete);
    if (why !== undefined && !isOverdue(candidate, why)) {
      await file?.handle.close();
      return { kind: 'unfinished' };
    }
    const claimed = newClaim(candidate.name);
    if (!(await claim(layout, candidate.name, claimed))) {
      await file?.handle.close();
      return { kind: 'changed' };
    }
    noted(claimed);
    // Somebody may have put another file in its place between opening and moving; then what was moved is opened anew.
    const moved = file === undefined ? undefined : await lstat(layout.path('WORK', workName(claimed))).catch(unlessGone);
    if (file === undefined || moved?.ino === file.status.ino) return { kind: 'claimed', claimed, opened: file };
    await file.handle.close();
    return { kind: 'claimed', claimed, opened: undefined };
  } catch (error) {
    await file?.handle.close();
    throw error;
  }
}

async function openSame(candidate: Candidate, layout: Layout, device: number): Promise<OpenedFile | ClaimResult> {
  let file: OpenedFile | 'gone';
  try {
    file = await openPlain(layout.path('IN', candidate.name), device);
  } catch (error) {
    if (error instanceof MessageRefused) return { kind: 'changed' }; // it has become something else: seen so at the next look
    if (hasCode(error, 'EACCES', 'EPERM', 'EBUSY', 'ETXTBSY')) return { kind: 'unreadable', error };
    throw error;
  }
  if (file === 'gone') return { kind: 'changed' };
  const { status } = file;
  if (status.ino === candidate.inode && status.size === candidate.sizeBytes && status.mtimeMs === candidate.mtimeMs) return file;
  await file.handle.close();
  return { kind: 'changed' };
}

async function looksUnfinished(
  { handle, head, status }: OpenedFile,
  isComplete: ClaimOptions['isComplete'],
): Promise<Unfinished | undefined> {
  const whole = head.length === status.size;
  let tail = head;
  if (!whole) {
    const buffer = Buffer.allocUnsafe(Math.min(tailBytes, status.size));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, status.size - buffer.length);
    tail = buffer.subarray(0, bytesRead);
  }
  if (isComplete === undefined) return unfinished(head, tail, whole);
  return isComplete(head, tail, whole) ? undefined : 'dialect';
}
