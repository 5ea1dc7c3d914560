import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@mailrail/testing';
import {
  activeDirectoryProfile,
  cachedDirectory,
  type Directory,
  type DirectoryChange,
  type OpenDirectoryOptions,
  openDirectory,
} from '../src/index.ts';
import { directorySuite } from './directory-suite.ts';
import { fixture } from './fixture.ts';
import { hardCases } from './hard-case-rows.ts';
import { type Samba, startSamba } from './samba.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

describe('an organization of hard cases, on Samba as Active Directory', () => {
  let samba: Samba;
  let directory: Directory;
  const env = () => ({ LDAP_BIND_DN: samba.administrator, LDAP_PASSWORD: samba.password, LDAP_CA_FILE: samba.ca });
  const asReader = () => ({ LDAP_BIND_DN: samba.reader.name, LDAP_PASSWORD: samba.reader.password });
  beforeAll(async () => {
    samba = await startSamba(fixture('hard-cases-samba.ldif'));
    directory = await openDirectory(`ldaps://${samba.host}`, { env: { ...env(), ...asReader() } }); // who may read, and nothing else
  }, 180_000);
  afterAll(async () => {
    await directory?.close();
    await samba?.stop();
  });
  async function open(url: string, more: Record<string, string> = {}, ldap: OpenDirectoryOptions['ldap'] = {}): Promise<Directory> {
    const one = await openDirectory(url, { env: { ...env(), ...more }, ldap: { pollMs: 0, ...ldap } });
    opened.push(one);
    return one;
  }
  async function owners(of: Directory, ...addresses: string[]): Promise<string[] | string> {
    const answer = await of.byAddress(addresses.length > 0 ? addresses : ['SMTP:plain@corp.example']);
    return answer.ok ? [...answer.value.values()].flat().map(({ nickname }) => nickname ?? '') : answer.reason;
  }
  const dn = (name: string) => `CN=${name},OU=Cases,OU=Corp,DC=corp,DC=example`;

  hardCases('hard-cases-samba.json', 71, () => directory);
  directorySuite({ directory: () => directory });

  test('it is known for what it is: membership is asked of it at once', async () => {
    expect(await directory.isMember?.(dn('clerk'), [dn('staff')])).toEqual({ ok: true, value: true });
    expect(await directory.isMember?.(dn('stranger'), [dn('staff'), dn('only-boss')])).toEqual({ ok: true, value: false });
    expect(await directory.isMember?.(dn('gone'), [dn('staff')])).toEqual({ ok: true, value: false });
  });

  describe('ways in', () => {
    test.each<[name: string, url: () => string, more: Record<string, string>]>([
      ['the clear, on loopback', () => `ldap://${samba.host}`, {}],
      ['StartTLS', () => `ldap://${samba.host}?starttls`, {}],
      ['the global catalog', () => `ldap://${samba.host}:3268`, {}],
      ['the global catalog by TLS', () => `ldaps://${samba.host}:3269`, {}],
      ['the global catalog, and the domain for the rest', () => `ldaps://${samba.host}:3269 ldaps://${samba.host}`, {}],
      ['a DN for a name', () => `ldaps://${samba.host}`, { LDAP_BIND_DN: 'CN=Administrator,CN=Users,DC=corp,DC=example' }],
    ])('%s', async (_, url, more) => {
      const one = await open(url(), more);
      expect(await owners(one)).toEqual(['plain']);
      const byDn = await one.byDn([dn('diamond'), dn('plain'), dn('gone')]);
      expect(byDn.ok && [...byDn.value.values()].map(({ members }) => members.length).sort((a, b) => a - b)).toEqual([0, 3]);
    });
    test('a wrong password is no answer', async () => {
      expect(await owners(await open(`ldaps://${samba.host}`, { LDAP_PASSWORD: 'wrong' }))).toMatch(/result code 49/);
    });
    test('nobody gets no answer', async () => {
      expect(await owners(await open(`ldaps://${samba.host}`, { LDAP_BIND_DN: '', LDAP_PASSWORD: '' }))).toMatch(
        /result code 1\b|result code 50/,
      );
    });
  });

  test('changes are told to an ordinary user, too', async () => {
    const source = await open(`ldaps://${samba.host}`, asReader(), { pollMs: 50 });
    const changes: DirectoryChange[] = [];
    source.onChange?.((change) => changes.push(change));
    await waitFor(() => changes.length > 1, { timeoutMs: 30_000, what: 'what was loaded' });
    const before = changes.length;
    await samba.modify(`dn: ${dn('plain')}\nchangetype: modify\nreplace: l\nl: Oslo\n-\n`);
    await waitFor(() => changes.length > before, { timeoutMs: 30_000, what: 'the change' });
    expect(changes.at(-1)).toMatchObject({ kind: 'entries', dns: [dn('plain')] });
  });

  test.each([
    ['numbers', 'uSNChanged', {}],
    ['DirSync, for an ordinary user', 'DirSync', asReader],
  ] as const)('changing, renaming and deleting are told by %s; the cache forgets', async (_, by, who) => {
    const profile = { ...activeDirectoryProfile, changes: by };
    const source = await open(`ldaps://${samba.host}`, typeof who === 'function' ? who() : who, { pollMs: 50, profile });
    const changes: DirectoryChange[] = [];
    source.onChange?.((change) => changes.push(change));
    const cache = cachedDirectory(source, undefined, { processMs: 3_600_000 });
    const soon = (what: string, holds: () => Promise<boolean>) => waitFor(holds, { timeoutMs: 30_000, what });
    await waitFor(() => changes.length > 1, { timeoutMs: 30_000, what: 'what was loaded' });
    const before = changes.length;

    expect(await owners(cache, 'SMTP:new@corp.example')).toEqual([]);
    await samba.modify(
      `dn: ${dn('new')}\nchangetype: add\nobjectClass: contact\nmailNickname: new\nproxyAddresses: SMTP:new@corp.example\ntargetAddress: SMTP:a@b.example\n`,
    );
    await soon('the new entry', async () => (await owners(cache, 'SMTP:new@corp.example')).length === 1);

    await samba.modify(`dn: ${dn('new')}\nchangetype: modify\nadd: proxyAddresses\nproxyAddresses: smtp:newer@corp.example\n-\n`);
    await soon('its new address', async () => (await owners(cache, 'SMTP:newer@corp.example')).length === 1);

    await samba.modify(`dn: ${dn('empty')}\nchangetype: modify\nadd: member\nmember: ${dn('new')}\n-\n`);
    await soon('the new member', async () => {
      const found = await cache.byAddress(['SMTP:empty@corp.example']);
      return found.ok && [...found.value.values()][0]?.[0]?.members.length === 1;
    });

    await samba.modify(`dn: ${dn('new')}\nchangetype: modrdn\nnewrdn: CN=renamed\ndeleteoldrdn: 1\n`);
    await soon('its new name', async () => {
      const found = await cache.byDn([dn('renamed')]);
      return found.ok && found.value.size === 1;
    });

    await samba.modify(`dn: ${dn('renamed')}\nchangetype: delete\n`);
    await soon('its end', async () => (await owners(cache, 'SMTP:new@corp.example')).length === 0);
    expect(changes.slice(before).every(({ kind }) => kind === 'entries')).toBe(true); // nothing had to be forgotten as a whole
  });
});
