import { open } from 'node:fs/promises';
import { reasonOf } from './error-code.ts';

/** The last lines of a file, of its last 64 KB; a text that says so when it cannot be read. */
export async function lastLines(file: string, count: number): Promise<string> {
  try {
    const handle = await open(file);
    try {
      const { size } = await handle.stat();
      const length = Math.min(size, 65_536);
      const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
      return buffer
        .toString()
        .trimEnd()
        .split('\n')
        .slice(-count)
        .map((line) => `    ${line}`)
        .join('\n');
    } finally {
      await handle.close();
    }
  } catch (error) {
    return `    (${reasonOf(error)})`;
  }
}
