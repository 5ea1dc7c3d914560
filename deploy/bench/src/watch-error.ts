import { mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { watchArrivals } from './arrival-watch.ts';
import { latency } from './figures.ts';
import type { Generator } from './generator/generator.ts';
import type { Latency } from './repetition.ts';

const files = 50;

/** How late the watcher is: the generator renames files into a watched folder and notes when, as mail is delivered. */
export async function watchError(generator: Generator, dir: string): Promise<Latency | undefined> {
  const from = mkdtempSync(path.join(dir, 'watch-from-'));
  const to = mkdtempSync(path.join(dir, 'watch-to-'));
  const watch = watchArrivals([to]);
  try {
    const { appearedAt } = await generator.run({ kind: 'touch', from, to, count: files, everyMs: 10 });
    for (let round = 0; watch.seen.size < files && round < 100; round += 1) await pause(10);
    return latency(
      [...appearedAt].flatMap((at, number) => (watch.seen.get(`${to}/${number}`) ?? Number.NaN) - at).filter((late) => !Number.isNaN(late)),
    );
  } finally {
    watch.close();
    for (const folder of [from, to]) rmSync(folder, { recursive: true, force: true });
  }
}
