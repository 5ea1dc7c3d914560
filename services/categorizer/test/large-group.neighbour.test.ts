import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { nodeOptionsOf } from '../../../deploy/local/src/stages.ts';
import { crowdLdif } from '../../../libs/directory/test/crowd.ts';
import { startSlapd } from '../../../libs/directory/test/slapd.ts';

/**
 * The categorizer's part of a mail to 100,000 people: every member once, in chunks of 100, in a process of its own with the heap
 * the launcher gives it. Its memory is that of the process at its highest.
 */
test('a group of 100,000 on OpenLDAP: all in chunks, under 300 MB', async () => {
  const members = 100_000;
  const folder = await mkdtemp(path.join(tmpdir(), 'mailrail-crowd-'));
  try {
    await writeFile(path.join(folder, 'crowd.ldif'), crowdLdif(members));
    const slapd = await startSlapd({ ldif: path.join(folder, 'crowd.ldif') });
    try {
      const script = path.join(import.meta.dirname, 'large-group.ts');
      const args = [
        ...nodeOptionsOf({ name: 'categorizer', main: '', role: undefined }),
        script,
        slapd.url,
        slapd.admin,
        'secret',
        'everybody@corp.example',
      ];
      const { stdout } = await promisify(execFile)(process.execPath, args);
      process.stdout.write(stdout);
      const { peakMib, ...found } = JSON.parse(stdout) as { chunks: number; members: number; peakMib: number }; // as the script writes it
      expect(found).toMatchObject({ chunks: members / 100, members });
      expect(peakMib).toBeLessThan(300);
    } finally {
      await slapd.stop();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 240_000);
