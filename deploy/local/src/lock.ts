import { readFileSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import path from 'node:path';
import { beginningOf } from '@mailrail/testing';
import { codeOf } from './error-code.ts';

/** Another line runs on this data directory. */
export class DirectoryInUse extends Error {
  constructor(dir: string, pid: number) {
    super(`a line runs on ${dir} already (process ${pid}): stop it with Ctrl-C there, or take another folder with --data`);
    this.name = 'DirectoryInUse';
  }
}

/**
 * One line on one data directory. The lock names its holder by pid and beginning, so a lock that a killed line left does not
 * stop the next one, even if the pid belongs to another program by now.
 *
 * @returns gives the lock back.
 * @throws DirectoryInUse
 */
export async function lockDirectory(dir: string): Promise<() => Promise<void>> {
  const file = path.join(dir, 'lock');
  const mine = `${process.pid}\n${beginningOf(process.pid)}\n`;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    try {
      const handle = await open(file, 'wx', 0o600);
      await handle.writeFile(mine);
      await handle.close();
      return async () => {
        if (textOf(file) === mine) await rm(file, { force: true });
      };
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const [pidText = '', beginning = ''] = textOf(file).split('\n');
    const pid = Number(pidText);
    if (beginning !== '' && beginningOf(pid) === beginning) throw new DirectoryInUse(dir, pid);
    await rm(file, { force: true });
  }
  throw new Error(`${file} cannot be taken: others take it at the same time`);
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
