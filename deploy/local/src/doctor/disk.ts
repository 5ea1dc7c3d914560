import { link, mkdir, open, rm, stat, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { codeOf, reasonOf } from '../error-code.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

const rounds = 20;

/** The data folder: writable, room, hard links from content to mailboxes, how long a flush takes. Leaves nothing behind. */
export async function lookAtDisk(data: string): Promise<Finding[]> {
  const probe = `.doctor.${process.pid}`;
  const [content, mailboxes] = [path.join(data, 'content'), path.join(data, 'mailboxes')];
  try {
    await mkdir(content, { recursive: true });
    await mkdir(mailboxes, { recursive: true });
    await writeFile(path.join(content, probe), 'x');
  } catch (error) {
    return [fail('data folder', `${data}: ${reasonOf(error)}`, 'give one that can be written with --data')];
  }
  try {
    return [
      ok('data folder', data),
      await space(data),
      await hardLinks(path.join(content, probe), path.join(mailboxes, probe)),
      await flushTime(content),
    ];
  } finally {
    await rm(path.join(content, probe), { force: true });
    await rm(path.join(mailboxes, probe), { force: true });
  }
}

async function space(data: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(data);
  return spaceFinding(bavail * bsize);
}

/** @param free bytes. */
export function spaceFinding(free: number): Finding {
  const says = `${(free / 1_073_741_824).toFixed(1)} GB free`;
  if (free < 300_000_000) return fail('disk space', says, 'free some: below 50 MB the broker takes no mail, and gateways answer 452');
  if (free < 2_000_000_000) return warn('disk space', says, 'delivered bodies stay for three days; a busy line needs more');
  return ok('disk space', says);
}

async function hardLinks(from: string, to: string): Promise<Finding> {
  const what = 'hard links';
  try {
    await link(from, to);
    const [a, b] = [await stat(from), await stat(to)];
    if (a.ino === b.ino) return ok(what, 'content and mailboxes share their bytes');
    return warn(what, 'the file system says yes and copies', 'every recipient takes the space of a copy; a local file system shares it');
  } catch (error) {
    const reason = codeOf(error) === 'EXDEV' ? 'they are on different file systems' : reasonOf(error);
    return warn(
      what,
      `content and mailboxes cannot share bytes: ${reason}`,
      'it works with copies: slower, and each recipient takes space; put both on one local file system',
    );
  }
}

/** Median time of writing 4 KB and flushing it. */
async function flushTime(folder: string): Promise<Finding> {
  const file = path.join(folder, `.doctor-flush.${process.pid}`);
  const handle = await open(file, 'w');
  try {
    const times: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const began = performance.now();
      await handle.write(Buffer.alloc(4_096), 0, 4_096, 0);
      await handle.datasync();
      times.push(performance.now() - began);
    }
    times.sort((a, b) => a - b);
    return flushFinding(times[rounds / 2] ?? 0);
  } finally {
    await handle.close();
    await rm(file, { force: true });
  }
}

/** @param medianMs of a write of 4 KB with its flush. */
export function flushFinding(medianMs: number): Finding {
  const says = `${medianMs.toFixed(2)} ms to make 4 KB durable`;
  if (medianMs > 15) return warn('flush', says, 'slow: about as many mails a second as flushes; use a local disk, best an SSD');
  if (medianMs < 0.02)
    return warn(
      'flush',
      `${says}: faster than a disk can be`,
      'memory, or a disk that does not keep its promise: mail may be lost at a power cut',
    );
  return ok('flush', says);
}
