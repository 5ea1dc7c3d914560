import { afterAll, beforeAll, describe } from '@jest/globals';
import { type Directory, openDirectory } from '../src/index.ts';
import { directorySuite } from './directory-suite.ts';
import { fixture, hardCases } from './hard-case-rows.ts';
import { type Samba, startSamba } from './samba.ts';

describe('an organization of hard cases, on Samba as Active Directory', () => {
  let samba: Samba;
  let directory: Directory;
  beforeAll(async () => {
    samba = await startSamba(fixture('hard-cases-samba.ldif'));
    directory = await openDirectory(`ldaps://${samba.host}`, {
      env: { LDAP_BIND_DN: samba.administrator, LDAP_PASSWORD: samba.password, LDAP_CA_FILE: samba.ca },
    });
  });
  afterAll(async () => {
    await directory?.close();
    await samba?.stop();
  });

  hardCases('hard-cases-samba.json', 71, () => directory);
  directorySuite({ directory: () => directory });
});
