import { afterAll, beforeAll, describe } from '@jest/globals';
import { type Directory, openDirectory } from '../src/index.ts';
import { directorySuite } from './directory-suite.ts';
import { fixture, hardCases } from './hard-case-rows.ts';
import { type Slapd, startSlapd } from './slapd.ts';

describe('an organization of hard cases, on OpenLDAP with the Exchange attributes', () => {
  let slapd: Slapd;
  let directory: Directory;
  beforeAll(async () => {
    slapd = await startSlapd({ ldif: fixture('hard-cases.ldif') });
    directory = await openDirectory(slapd.url, { env: { LDAP_BIND_DN: slapd.admin, LDAP_PASSWORD: 'secret' } });
  });
  afterAll(async () => {
    await directory.close();
    await slapd.stop();
  });

  hardCases('hard-cases.json', 72, () => directory);
  directorySuite({ directory: () => directory });
});
