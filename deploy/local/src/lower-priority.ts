import { writeFile } from 'node:fs/promises';
import { setPriority } from 'node:os';
import { setTimeout as pause } from 'node:timers/promises';
import { codeOf } from './error-code.ts';

const tries = 20;
const betweenTriesMs = 150;

/**
 * Lets a process that leads a session of its own, and was just started, stand back where cores are short. A wish: where the system
 * does not grant it the process runs all the same.
 *
 * Where Linux shares cores among sessions first (`sched_autogroup`, man 7 sched) niceness counts only among the threads of one
 * session, so the session is told as well. Without privileges the system takes such a word once in 100 ms only, from anybody.
 *
 * @param niceness as `nice` has it, 0 to 19; 0 is everybody's and changes nothing.
 */
export async function lowerPriority(pid: number, niceness: number): Promise<void> {
  if (niceness === 0) return;
  try {
    setPriority(pid, niceness); // its first thread; those that it starts later have the same
  } catch {
    return; // gone already, or not allowed
  }
  for (let left = tries; left > 0; left -= 1) {
    try {
      await writeFile(`/proc/${pid}/autogroup`, String(niceness), { flag: 'r+' }); // never makes a file
      return;
    } catch (error) {
      if (codeOf(error) !== 'EAGAIN') return; // no such thing here, or gone
      await pause(betweenTriesMs, undefined, { ref: false });
    }
  }
}
