import fs from 'node:fs';
import path from 'node:path';

export const folderMode = 0o750;

/**
 * Makes a folder and its parents, and flushes what holds them. Synchronous: for the start of a service, which can do nothing before it is there.
 *
 * @param folder an absolute path.
 * @throws the system's error.
 */
export function makeDurableFolder(folder: string): void {
  const firstMade = fs.mkdirSync(folder, { recursive: true, mode: folderMode });
  if (firstMade === undefined) return;
  const top = path.dirname(firstMade);
  for (let made = folder; made !== top; made = path.dirname(made)) flush(path.dirname(made));
}

function flush(folder: string): void {
  const fd = fs.openSync(folder, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}
