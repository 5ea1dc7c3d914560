import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigError } from '@mailrail/organization';
import {
  activeDirectoryProfile,
  DirectoryConfigError,
  isLdapUrl,
  ldapSettings,
  openDirectory,
  openLdapProfile,
  parseServerUrls,
  profileFromJson,
} from '../src/index.ts';
import { fixture } from './fixture.ts';

describe('directory URLs', () => {
  const one = (url: string, tls?: 'auto' | 'starttls' | 'none') => {
    const { servers, ...rest } = parseServerUrls(url, tls);
    return { ...servers[0], ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)) };
  };
  test.each<[url: string, is: object]>([
    ['ldaps://dc1.corp.example', { host: 'dc1.corp.example', port: 636, tls: 'ldaps', catalog: false, base: undefined }],
    ['ldap://dc1.corp.example', { port: 389, tls: 'starttls' }],
    ['ldap://127.0.0.1:13389', { port: 13_389, tls: 'none' }],
    ['ldap://localhost', { tls: 'none' }],
    ['ldap://[::1]:390/', { host: '::1', port: 390, tls: 'none', base: undefined }],
    ['ldap://127.0.0.1?starttls', { tls: 'starttls' }],
    ['ldap://127.0.0.1????!StartTLS', { tls: 'starttls' }],
    ['ldap://dc1.corp.example?plain', { tls: 'none' }],
    ['ldap://dc1:80/', { port: 80 }],
    ['LDAPS://DC1.corp.example/DC=corp,DC=example', { port: 636, base: 'DC=corp,DC=example' }],
    ['ldaps://dc1/OU=A%20B,DC=corp', { base: 'OU=A B,DC=corp' }],
    ['ldaps://gc.corp.example:3269', { catalog: true }],
    ['ldap://gc.corp.example:3268', { catalog: true }],
    ['ldaps://dc1?catalog', { catalog: true }],
    ['ldaps://dc1?profile=openldap', { profile: 'openldap' }],
    ['ldaps://dc1/DC=x????bindname=cn=admin%2Cdc=x', { base: 'DC=x', bindDn: 'cn=admin,dc=x' }],
    [
      'ldap://cn=admin,DC=corp,DC=example:secret@127.0.0.1:13389/DC=corp',
      { bindDn: 'cn=admin,DC=corp,DC=example', password: 'secret', port: 13_389, base: 'DC=corp' },
    ],
    ['ldaps://reader%40corp.example:p%40ss%3Aw%2Frd@dc1', { bindDn: 'reader@corp.example', password: 'p@ss:w/rd', host: 'dc1' }],
    ['ldaps://reader@corp.example:p@ss/word@dc1', { bindDn: 'reader@corp.example', password: 'p@ss/word', host: 'dc1' }],
  ])('%s', (url, is) => expect(one(url)).toMatchObject(is));

  test('what ldap:// means can be said once for all', () => {
    expect(['auto', 'starttls', 'none'].map((tls) => one('ldap://dc1', tls as 'auto').tls)).toEqual(['starttls', 'starttls', 'none']);
  });

  test('several, in order; no name holds a secret', () => {
    const { servers } = parseServerUrls(' ldaps://a:b@dc1  ldaps://dc2:1636/DC=x\n');
    expect(servers.map(({ name }) => name)).toEqual(['ldaps://dc1:636', 'ldaps://dc2:1636']);
  });

  test.each<[url: string, says: RegExp]>([
    ['dc1.corp.example', /must be a path or ldap/],
    ['http://dc1', /must be a path or ldap/],
    ['ldap://', /is no URL/],
    ['ldap://dc 1', /must be a path or ldap/],
    ['ldap://dc1:99999', /is no URL/],
    ['ldap://dc1/people', /no DN/],
    ['ldap://dc1/%zz', /two hex digits/],
    ['ldap://dc1?cn?sub', /the option cn is not known/],
    ['ldaps://dc1?plain', /never plain/],
    [Array.from({ length: 17 }, (_, n) => `ldap://dc${n}`).join(' '), /more than 16/],
  ])('%s is refused', (url, says) => {
    expect(() => parseServerUrls(url)).toThrow(DirectoryConfigError);
    expect(() => parseServerUrls(url)).toThrow(says);
  });

  test('a refusal shows no password', () => {
    for (const url of ['ldap://me:secret@dc1/people', 'ldap://me:secret@dc1?x', 'ldap://me:sec%zzret@dc1', 'ldap://me:secret@dc1:99999']) {
      expect(() => parseServerUrls(url)).toThrow(expect.not.objectContaining({ message: expect.stringMatching(/sec/) }));
    }
  });

  test.each([
    ['ldap://x', true],
    [' LDAPS://x', true],
    ['/etc/ldap/x.ldif', false],
    ['ldap.ldif', false],
  ])('%s by URL: %s', (text, is) => expect(isLdapUrl(text)).toBe(is));
});

describe('settings from the environment', () => {
  let folder = '';
  const file = (name: string) => path.join(folder, name);
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'mailrail-settings-'));
    await writeFile(file('profile.json'), '{ "extends": "openldap", "members": ["uniqueMember"] }');
    await writeFile(file('broken.json'), '{');
    await writeFile(file('text.pem'), 'nothing');
  });
  afterAll(() => rm(folder, { recursive: true }));
  const url = 'ldaps://dc1';

  test.each<[name: string, env: Record<string, string>, is: object]>([
    ['nothing', {}, { credentials: { kind: 'anonymous' }, tls: {} }],
    [
      'a name and its password',
      { LDAP_BIND_DN: 'cn=x', LDAP_PASSWORD: ' p ' },
      { credentials: { kind: 'simple', dn: 'cn=x', password: ' p ' } },
    ],
    ['several bases', { LDAP_BASE: 'OU=a,DC=x; OU=b,DC=x ' }, { bases: ['OU=a,DC=x', 'OU=b,DC=x'] }],
    ['a profile', { LDAP_PROFILE: 'openldap' }, { profile: openLdapProfile }],
    [
      'a certificate of ours',
      { LDAP_CERT_FILE: fixture('tls/client.crt'), LDAP_KEY_FILE: fixture('tls/client.key') },
      { credentials: { kind: 'external' } },
    ],
    ['an authority', { LDAP_CA_FILE: fixture('tls/ca.crt') }, { tls: { ca: expect.stringContaining('BEGIN CERTIFICATE') } }],
    ['empty is nothing', { LDAP_BIND_DN: '', LDAP_PASSWORD: '', LDAP_BASE: ' ', LDAP_PROFILE: '' }, { credentials: { kind: 'anonymous' } }],
  ])('%s', async (_, env, is) => expect(await ldapSettings(url, env)).toMatchObject(is));

  test('the environment goes before the URL', async () => {
    const { credentials } = await ldapSettings('ldaps://me:mine@dc1', { LDAP_PASSWORD: 'other' });
    expect(credentials).toEqual({ kind: 'simple', dn: 'me', password: 'other' });
  });

  test('a profile of one’s own', async () => {
    expect((await ldapSettings(url, { LDAP_PROFILE: file('profile.json') })).profile).toMatchObject({
      members: ['uniqueMember'],
      changes: 'entryCSN',
    });
  });

  test.each<[name: string, env: Record<string, string>, says: RegExp]>([
    ['a name without a password', { LDAP_BIND_DN: 'cn=x' }, /without a password/],
    ['a password without a name', { LDAP_PASSWORD: 'secret' }, /without a bind DN/],
    ['an unknown profile', { LDAP_PROFILE: 'novell' }, /LDAP_PROFILE: one of active-directory, openldap/],
    ['a profile that is no JSON', { LDAP_PROFILE: 'broken.json' }, /profile: no JSON/],
    ['a missing profile', { LDAP_PROFILE: 'none.json' }, /LDAP_PROFILE: cannot be read/],
    ['a missing authority', { LDAP_CA_FILE: 'none.pem' }, /LDAP_CA_FILE: cannot be read/],
    ['an authority that is none', { LDAP_CA_FILE: 'text.pem' }, /LDAP_CA_FILE: no PEM/],
    ['a certificate without its key', { LDAP_CERT_FILE: fixture('tls/client.crt') }, /go together/],
    ['an unknown kind of TLS', { LDAP_TLS: 'maybe' }, /LDAP_TLS/],
  ])('%s is refused', async (_, env, says) => {
    const placed = Object.fromEntries(
      Object.entries(env).map(([key, value]) => [key, /^\w+\.(json|pem)$/.test(value) ? file(value) : value]),
    );
    const refusal = await ldapSettings(url, placed).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(DirectoryConfigError);
    expect(refusal).toBeInstanceOf(ConfigError);
    expect(refusal).toHaveProperty('message', expect.stringMatching(/^directory: /));
    expect(String(refusal)).toMatch(says);
    expect(String(refusal)).not.toContain('secret');
  });

  test('a certificate is not shown in the clear', async () => {
    const env = { LDAP_CERT_FILE: fixture('tls/client.crt'), LDAP_KEY_FILE: fixture('tls/client.key') };
    await expect(ldapSettings('ldap://dc1?plain', env)).rejects.toThrow(/needs TLS/);
  });

  test('a server that is away is no mistake; a file is opened as one', async () => {
    const events: string[] = [];
    const note = (event: string) => events.push(event);
    const directory = await openDirectory('ldap://127.0.0.1:1', { log: { info: note, warn: note, error: note, debug: note } });
    expect(await directory.byAddress(['SMTP:x@corp.example'])).toMatchObject({ ok: false });
    expect(Object.keys(directory)).not.toContain('isMember');
    expect(events).toContain('directory.profile-unknown');
    await directory.close();
    const inFile = await openDirectory(fixture('hard-cases.ldif'));
    expect((await inFile.byAddress(['SMTP:plain@corp.example'])).ok).toBe(true);
    await inFile.close();
  });
});

describe('profiles', () => {
  test('names what it changes', () => {
    const profile = profileFromJson(
      '{ "name": "ours", "addresses": ["mailAlias"], "classes": { "group": ["ourGroup"] }, "changes": "none" }',
    );
    expect(profile).toEqual({
      ...activeDirectoryProfile,
      name: 'ours',
      addresses: ['mailAlias'],
      classes: { ...activeDirectoryProfile.classes, group: ['ourGroup'] },
      changes: 'none',
    });
  });
  test.each<[json: string, says: RegExp]>([
    ['[]', /an object expected/],
    ['{ "extends": "x" }', /extends: one of active-directory, openldap/],
    ['{ "adresses": [] }', /adresses: there is no such setting/],
    ['{ "addresses": "mail" }', /addresses: a list of attribute names/],
    ['{ "addresses": ["mail)(x=*"] }', /addresses: a list of attribute names/],
    ['{ "changes": "now" }', /changes: one of/],
    ['{ "activeDirectory": "yes" }', /true or false/],
    ['{ "classes": { "people": [] } }', /classes: lists of object classes/],
    ['{ "name": "a b" }', /a short name/],
    ['{ "personsServer": [1] }', /one server name/],
    ['{ "__proto__x": 1, "mailbox": [""] }', /__proto__x: there is no such setting\n {2}mailbox: a list/],
  ])('%s is refused', (json, says) => expect(() => profileFromJson(json)).toThrow(says));
});
