import { afterAll, beforeAll, describe } from '@jest/globals';
import { type LdifDirectory, ldifDirectory } from '../src/index.ts';
import { directorySuite } from './directory-suite.ts';
import { fixture } from './fixture.ts';
import { hardCases } from './hard-case-rows.ts';

describe('an organization of hard cases, in a file', () => {
  let directory: LdifDirectory;
  beforeAll(async () => {
    directory = await ldifDirectory(fixture('hard-cases.ldif'));
  });
  afterAll(() => directory.close());

  hardCases('hard-cases.json', 72, () => directory);
  directorySuite({ directory: () => directory });
});
