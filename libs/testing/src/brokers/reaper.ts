/**
 * Ends what a dead process left running. Lines on stdin: `keep PID` (a process group that its owner started) and `forget PID`;
 * `folder DIR` (a temporary one) and `gone DIR`. When stdin closes because the owner has died, every group still kept is killed
 * and every folder removed. Processes are known by pid and beginning: a number given to somebody else since is let alone.
 */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { beginningOf, signal } from './processes.ts';

const kept = new Map<number, string>();
const folders = new Set<string>();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => {});
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [verb = '', ...words] = line.split(' ');
    const what = words.join(' ');
    if (verb === 'keep') kept.set(Number(what), beginningOf(Number(what)));
    else if (verb === 'forget') kept.delete(Number(what));
    else if (verb === 'folder') folders.add(what);
    else folders.delete(what);
  })
  .on('close', () => {
    for (const [pid, beginning] of kept) if (beginning !== '' && beginningOf(pid) === beginning) signal(-pid, 'SIGKILL');
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
