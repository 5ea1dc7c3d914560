import { oneLine } from '@mailrail/mail';
import { codeOf } from './layout.ts';

const sentences: Readonly<Record<string, string>> = {
  EACCES: 'the gateway’s user has no right to this folder: it needs to read, write and enter it',
  EPERM: 'the gateway’s user has no right to this folder: it needs to read, write and enter it',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EXDEV: 'the folders are on several file systems: files are claimed by a rename',
  EIO: 'the disk or the share has an error',
  ESTALE: 'the share was mounted anew: mount it again',
  ENOENT: 'the folder is gone',
  ENOTDIR: 'something that is no folder is in the way',
  EMFILE: 'too many files are open: raise the limit of open files',
  ENFILE: 'too many files are open: raise the limit of open files',
};

/** What is wrong with a folder, in a sentence for whoever runs the gateway. */
export function problemOf(error: unknown): { code: string; sentence: string } {
  const code = codeOf(error) ?? 'unknown';
  const { message = '', path }: { message?: unknown; path?: unknown } = typeof error === 'object' && error !== null ? error : {};
  const where = typeof path === 'string' || Buffer.isBuffer(path) ? ` (${oneLine(path.toString(), 300)})` : '';
  return { code, sentence: `${sentences[code] ?? oneLine(String(message))}${where}` };
}
