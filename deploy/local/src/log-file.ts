import { closeSync, copyFileSync, fstatSync, ftruncateSync, openSync } from 'node:fs';

/** A log that processes write themselves, bounded from outside. */
export interface LogFile {
  /** For a child's stdout and stderr; appends, so that several may share it. */
  readonly fd: number;
  close: () => void;
}

/**
 * Opens a log for children to write to directly: no byte of it passes through this process. When it is larger than `maxBytes` its
 * content goes to `FILE.1` and it begins anew; lines written in the instant between are lost, which a log may.
 *
 * @param options `everyMs` between looks at the size (default 2,000), so the file may be larger by what is written in that time.
 */
export function openLogFile(
  file: string,
  { maxBytes = 32 * 1024 * 1024, everyMs = 2_000 }: { maxBytes?: number; everyMs?: number } = {},
): LogFile {
  const fd = openSync(file, 'a', 0o640);
  const look = () => {
    if (fstatSync(fd).size <= maxBytes) return;
    try {
      copyFileSync(file, `${file}.1`);
    } catch {
      // The disk is full: then the space is needed more than the old lines.
    }
    ftruncateSync(fd, 0);
  };
  const timer = setInterval(look, everyMs);
  timer.unref();
  return {
    fd,
    close: () => {
      clearInterval(timer);
      closeSync(fd);
    },
  };
}
