import { systemCode } from './disk.ts';
import { ContentStoreError } from './port.ts';

/**
 * What a caller is told of a failure of the file system: `unavailable`, with the system's word and no path. An error that did not
 * come from the system is a programmer's mistake and stays what it is.
 */
export function storeError(error: unknown, what: string): unknown {
  const code = systemCode(error);
  return code === undefined ? error : new ContentStoreError('unavailable', `${what}: ${code}`, { cause: error });
}
