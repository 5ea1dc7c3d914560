import { existsSync } from 'node:fs';
import path from 'node:path';
import { debianTree } from '@mailrail/testing';
import { BenchError } from '../system.ts';

/** Postfix unpacked somewhere, not installed. */
export interface PostfixTree {
  root: string;
  commands: string; // postmap, ...
  daemons: string; // master, smtpd, ...
  meta: string; // postfix-files
  libraries: string; // LD_LIBRARY_PATH that its programs need
}

const programs = ['usr/lib/postfix/sbin/master', 'usr/lib/postfix/sbin/smtpd', 'usr/lib/postfix/sbin/virtual', 'usr/sbin/postmap'];

/**
 * Debian's Postfix package, fetched and unpacked into a folder of ours once. It is not installed: nothing of the system's mail changes.
 *
 * @throws BenchError where there is no apt, or the package cannot be had.
 */
export async function postfixTree(folder: string, say: (text: string) => void): Promise<PostfixTree> {
  if (!existsSync(path.join(folder, 'complete'))) say(`fetching Debian's package postfix into ${folder} (unpacked there, not installed)`);
  const { root, libraries } = await debianTree(folder, { packages: ['postfix'], programs, ownLibraries: ['usr/lib/postfix'] }).catch(
    (error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      throw new BenchError(`Postfix cannot be fetched (Debian or Ubuntu with a package mirror is needed): ${reason}`);
    },
  );
  return {
    root,
    commands: path.join(root, 'usr/sbin'),
    daemons: path.join(root, 'usr/lib/postfix/sbin'),
    meta: path.join(root, 'etc/postfix'),
    libraries,
  };
}
