import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicMs, type TouchJob, type TouchResult } from './job.ts';

/** Renames files `0`, `1`, ... into the watched folder and notes when. */
export async function runTouch({ from, to, count, everyMs }: TouchJob): Promise<TouchResult> {
  mkdirSync(from, { recursive: true });
  const appearedAt = new Float64Array(count);
  for (let number = 0; number < count; number += 1) {
    await pause(everyMs);
    const name = String(number);
    writeFileSync(path.join(from, name), '');
    renameSync(path.join(from, name), path.join(to, name));
    appearedAt[number] = monotonicMs();
  }
  return { appearedAt };
}
