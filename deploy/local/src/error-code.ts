/** The system's code of an error (`ENOENT`), `undefined` for an error without one. Works for errors of another realm, too. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** What went wrong, in words for a person where the code is a common one. */
export function reasonOf(error: unknown): string {
  switch (codeOf(error)) {
    case 'EACCES':
    case 'EPERM':
      return 'no permission';
    case 'ENOSPC':
      return 'the disk is full';
    case 'EROFS':
      return 'the file system is read-only';
    case 'ENOTDIR':
    case 'EEXIST':
      return 'there is a file of that name';
    case 'ENOENT':
      return 'there is no such file';
    case undefined:
    default:
      return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : String(error);
  }
}
