import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose_gc');
const collect: unknown = runInNewContext('gc');

/** Bytes in use once everything that can be freed is: heap and buffers. */
export function bytesInUse(): number {
  if (typeof collect === 'function') for (let count = 0; count < 2; count++) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
