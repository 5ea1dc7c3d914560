import { type FSWatcher, watch } from 'node:fs';
import { monotonicMs } from './generator/job.ts';

/** Notes when files appear in folders, by inotify. Unlike a file's own time it has no steps of some ms. */
export interface ArrivalWatch {
  /** `<folder>/<name>` -> monotonic ms when this process heard of it first. */
  seen: ReadonlyMap<string, number>;
  close: () => void;
}

/** @param folders must be there. */
export function watchArrivals(folders: readonly string[]): ArrivalWatch {
  const seen = new Map<string, number>();
  const watchers: FSWatcher[] = [...new Set(folders)].map((folder) =>
    watch(folder, (_, name) => {
      const at = monotonicMs();
      if (name === null) return;
      const file = `${folder}/${name}`;
      if (!seen.has(file)) seen.set(file, at);
    }),
  );
  return {
    seen,
    close: () => {
      for (const watcher of watchers) watcher.close();
    },
  };
}
