import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { type LdifDirectory, ldifDirectory } from '../src/index.ts';
import { ownCases, ownLdif } from './own-cases.ts';

describe('hard cases of our own, in a file', () => {
  let folder: string;
  let directory: LdifDirectory;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'mailrail-own-'));
    await writeFile(path.join(folder, 'own.ldif'), ownLdif('slapd'));
    directory = await ldifDirectory(path.join(folder, 'own.ldif'));
  });
  afterAll(async () => {
    await directory?.close();
    await rm(folder, { recursive: true, force: true });
  });
  ownCases('slapd', () => directory);
});
