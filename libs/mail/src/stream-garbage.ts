import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Every piece a socket gives or an encoder makes is a buffer of its own, up to some 64 KB outside the heap behind a small object inside it. The collector
 * sees the small ones and waits, so that one message of 50 MB leaves tens of megabytes behind. A young collection after so many
 * streamed bytes costs about a millisecond and keeps that to a few; small mail never gets there.
 */
const everyBytes = 4_194_304;

let streamed = 0;
let collect: ((options: { type: 'minor' }) => void) | undefined;

/** Counts bytes of large messages that pass through this process. */
export function bytesStreamed(count: number): void {
  streamed += count;
  if (streamed < everyBytes) return;
  streamed = 0;
  collect ??= collector();
  collect({ type: 'minor' });
}

function collector(): (options: { type: 'minor' }) => void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return typeof gc === 'function' ? (options) => void Reflect.apply(gc, undefined, [options]) : () => {};
}
