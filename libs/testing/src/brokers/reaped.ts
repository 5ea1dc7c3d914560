import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import path from 'node:path';

let reaper: ChildProcess | undefined;

/** Started with the first thing to watch over. It holds this process open no longer than it lives. */
function tell(line: string): void {
  if (reaper === undefined) {
    const started = spawn(process.execPath, [path.join(import.meta.dirname, 'reaper.ts')], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    started.on('error', () => {}); // then nobody watches; the servers are stopped as usual
    started.stdin.on('error', () => {});
    started.unref();
    if ('unref' in started.stdin && typeof started.stdin.unref === 'function') started.stdin.unref();
    reaper = started;
  }
  reaper.stdin?.write(`${line}\n`);
}

/**
 * Sees to it that a child which leads a process group (spawned `detached`) ends when this process dies, in whatever way:
 * a test runner that is killed must leave nothing behind.
 */
export function reapedAtDeath(child: ChildProcess): void {
  if (child.pid === undefined) return;
  tell(`keep ${child.pid}`);
  child.once('exit', () => tell(`forget ${child.pid}`));
}

/** The same for a temporary folder. @returns a function that removes it now. */
export function removedAtDeath(folder: string): () => Promise<void> {
  tell(`folder ${folder}`);
  return async () => {
    await rm(folder, { recursive: true, force: true });
    tell(`gone ${folder}`);
  };
}
