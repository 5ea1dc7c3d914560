import { type OpenCachedDirectoryOptions, openCachedDirectory } from './open-cached-directory.ts';
import type { Directory } from './port.ts';

export type OwnersOnDemand = Pick<Directory, 'byAddress' | 'close'>;

/**
 * A directory for a stage that seldom needs one: opened, with the cache that all stages share, when the first question comes. What cannot
 * be opened does not answer, and is tried again with the next question.
 */
export function directoryOnDemand({
  timeoutMs = 2_000,
  ...options
}: Omit<OpenCachedDirectoryOptions, 'timeoutMs'> & { timeoutMs?: number }): OwnersOnDemand {
  let opened: Promise<Directory> | undefined;
  return {
    async byAddress(addresses) {
      opened ??= openCachedDirectory({ ...options, timeoutMs });
      const opening = opened;
      try {
        const directory = await opening;
        return await directory.byAddress(addresses);
      } catch (error) {
        // One that opened stays: whoever forgot it would leave its connections open.
        opening.catch(() => {
          if (opened === opening) opened = undefined;
        });
        return { ok: false, reason: error instanceof Error ? error.message : String(error) };
      }
    },
    async close() {
      const directory = await opened?.catch(() => undefined);
      await directory?.close();
    },
  };
}
