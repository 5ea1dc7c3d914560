import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe } from '@jest/globals';
import { type Directory, openDirectory } from '../src/index.ts';
import { ownCases, ownLdif } from './own-cases.ts';
import { type Samba, startSamba } from './samba.ts';
import { type Slapd, startSlapd } from './slapd.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mailrail-own-'));
  for (const dialect of ['slapd', 'samba'] as const) await writeFile(path.join(folder, `${dialect}.ldif`), ownLdif(dialect));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('hard cases of our own, on OpenLDAP', () => {
  let slapd: Slapd;
  let directory: Directory;
  beforeAll(async () => {
    slapd = await startSlapd({ ldif: path.join(folder, 'slapd.ldif') });
    directory = await openDirectory(slapd.url, { env: { LDAP_BIND_DN: slapd.admin, LDAP_PASSWORD: 'secret' } });
  });
  afterAll(async () => {
    await directory?.close();
    await slapd?.stop();
  });
  ownCases('slapd', () => directory);
});

describe('hard cases of our own, on Samba as Active Directory', () => {
  let samba: Samba;
  let directory: Directory;
  beforeAll(async () => {
    samba = await startSamba(path.join(folder, 'samba.ldif'));
    const env = { LDAP_BIND_DN: samba.reader.name, LDAP_PASSWORD: samba.reader.password, LDAP_CA_FILE: samba.ca };
    directory = await openDirectory(`ldaps://${samba.host}`, { env });
  }, 180_000);
  afterAll(async () => {
    await directory?.close();
    await samba?.stop();
  });
  ownCases('samba', () => directory);
});
