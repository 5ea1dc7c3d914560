import type { FileName } from './layout.ts';

/** Which files came into a folder whole, under another name first, as far as file events tell. */
export interface MovedIn {
  /** What `fs.watch` tells: `rename` for a name that appeared or went, `change` for one that was written to. */
  event(kind: string, name: FileName | null, now: number): void;
  /** A name that appeared and was not written to since. False says nothing: where there are no events, it always is. */
  has(name: FileName): boolean;
  /** Forgets names that appeared longer ago. */
  forgetBefore(time: number): void;
  /** Events may have been missed. */
  forgetAll(): void;
}

/**
 * @param keep most names remembered; beyond, files are as if no event had come.
 * @param trusted whether the system tells writing apart from moving. Linux does; others may tell both in one event.
 */
export function movedIn(keep: number, trusted = process.platform === 'linux'): MovedIn {
  const appeared = new Map<FileName, number>();
  return {
    event(kind, name, now) {
      if (!trusted || name === null) return;
      appeared.delete(name); // so that it comes last
      if (kind === 'rename' && appeared.size < keep) appeared.set(name, now);
    },
    has: (name) => appeared.has(name),
    forgetBefore(time) {
      for (const [name, at] of appeared) {
        if (at >= time) return;
        appeared.delete(name);
      }
    },
    forgetAll: () => appeared.clear(),
  };
}
