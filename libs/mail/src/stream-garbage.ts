import { memoryUsage } from 'node:process';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Every piece a socket gives or an encoder makes is a buffer of its own, up to some 64 KB outside the heap behind a small object
 * inside it. The collector sees the small ones and waits, so that one message of 50 MB leaves tens of megabytes behind. A young
 * collection after so many streamed bytes costs about a millisecond and keeps that to a few; small mail never gets there.
 */
const everyBytes = 4_194_304;

/**
 * With many large messages at once a piece waits longer than a young collection takes it to be young, and is then left to the
 * collector of old space, which lets some 64 MB of them lie. So from this many bytes of buffers on, in use or not, all is
 * collected, and again when there is a quarter more than that left: some 40 ms each time, and only where tens of megabytes stream
 * at once.
 */
const manyBytes = 25_165_824;

let streamed = 0;
let fullAtBytes = manyBytes;
let collect: ((options: { type: 'minor' | 'major' }) => void) | undefined;

/** Counts bytes of large messages that pass through this process. */
export function bytesStreamed(count: number): void {
  streamed += count;
  if (streamed < everyBytes) return;
  streamed = 0;
  collect ??= collector();
  collect({ type: 'minor' });
  if (memoryUsage().arrayBuffers < fullAtBytes) return;
  collect({ type: 'major' });
  fullAtBytes = Math.max(manyBytes, 1.25 * memoryUsage().arrayBuffers);
}

function collector(): (options: { type: 'minor' | 'major' }) => void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  return typeof gc === 'function' ? (options) => void Reflect.apply(gc, undefined, [options]) : () => {};
}
