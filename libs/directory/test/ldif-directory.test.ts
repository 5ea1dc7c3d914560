import { appendFile, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { ConfigError, organizationOf } from '@mailrail/organization';
import { waitFor } from '@mailrail/testing';
import { dnKey, explainResolution, type LdifDirectory, ldifDirectory, type LdifError, type LoadedLdif } from '../src/index.ts';

const person = (name: string, more = '') =>
  `dn: CN=${name},DC=corp\nobjectClass: user\nmailNickname: ${name}\nproxyAddresses: SMTP:${name}@corp.example\nhomeMDB: CN=Store,CN=EX1,OU=Servers,DC=corp\nlegacyExchangeDN: /o=Corp/cn=${name}\n${more}\n`;

describe('ldifDirectory', () => {
  let folder = '';
  let path = '';
  let directory: LdifDirectory | undefined;
  const changes: LoadedLdif[] = [];
  const refusals: (readonly LdifError[])[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mailrail-ldif-'));
    path = join(folder, 'directory.ldif');
    changes.length = 0;
    refusals.length = 0;
  });
  afterEach(async () => {
    await directory?.close();
    await rm(folder, { recursive: true });
  });
  async function open(text: string): Promise<LdifDirectory> {
    await writeFile(path, text);
    directory = await ldifDirectory(path, {
      pollMs: 10,
      onChange: (loaded) => changes.push(loaded),
      onInvalid: (errors) => refusals.push(errors),
    });
    return directory;
  }
  async function owners(of: LdifDirectory, address: string): Promise<string[]> {
    const answer = await of.byAddress([address]);
    if (!answer.ok) throw new Error(answer.reason);
    return [...answer.value.values()].flat().map(({ dn }) => dn);
  }

  test('finds by any address and by DN, whatever the letter case', async () => {
    const opened = await open(person('ada', 'proxyAddresses: X400:c=de;a= ;p=Corp;s=Ada;\nproxyAddresses: X500:/o=Old/cn=ada\n'));
    for (const address of [
      'SMTP:ADA@corp.EXAMPLE',
      'X400:s=ADA;p=corp;a= ;c=DE',
      'EX:/O=Corp/CN=Ada',
      'X500:/o=corp/cn=ada',
      'EX:/o=old/cn=ADA',
    ]) {
      expect(await owners(opened, address)).toEqual(['CN=ada,DC=corp']);
    }
    expect(await owners(opened, 'SMTP:a*@corp.example')).toEqual([]);
    const byDn = await opened.byDn(['cn=ADA, dc=CORP', 'CN=nobody,DC=corp']);
    expect(byDn.ok && [...byDn.value.keys()]).toEqual([dnKey('CN=ada,DC=corp')]);
  });

  test('searches below a base, up to a limit', async () => {
    const opened = await open(['a', 'b', 'c'].map((name) => person(name)).join(''));
    const search = async (base: string, filter: string, limit: number) => {
      const answer = await opened.search(base, filter, limit);
      return answer.ok ? [answer.value.entries.length, answer.value.complete] : [answer.bad, answer.reason];
    };
    expect(await search('DC=corp', '(mailNickname=*)', 10)).toEqual([3, true]);
    expect(await search('dc=CORP', '(mailNickname=*)', 2)).toEqual([2, false]);
    expect(await search('CN=a,DC=corp', '(mailNickname=*)', 10)).toEqual([1, true]);
    expect(await search('', '(mailNickname=b)', 10)).toEqual([1, true]);
    expect(await search('OU=gone,DC=corp', '(mailNickname=*)', 10)).toEqual([true, 'the base of the search does not exist']);
    expect(await search('DC=corp', '(mailNickname=*', 10)).toEqual([true, expect.stringContaining('does not parse')]);
  });

  test('a broken file at the beginning names every line', async () => {
    const broken = await open(`${person('ada')}${person('ada')}dn: nothing\ncn: x\n\nwhat\n`).catch((error: unknown) => error);
    expect(broken).toBeInstanceOf(ConfigError); // a service says it alone, without where it was thrown
    expect(broken).toHaveProperty(
      'message',
      expect.stringMatching(
        /^directory: .* is not valid:\n {2}line 8: the same dn as in line 1\n {2}line 15: dn is no DN\n {2}line 18: is no/,
      ),
    );
    await expect(ldifDirectory(join(folder, 'missing'))).rejects.toThrow(/ENOENT/);
  });

  test('malformed values and double identities are warnings, the entries are there', async () => {
    const opened = await open(`${person('ada', 'objectGUID:: YWJj\ndelivContLength: much\n')}${person('ben', 'objectGUID:: YWJj\n')}`);
    expect(opened.loaded()).toMatchObject({
      entries: 2,
      warnings: [
        { line: 1, message: 'delivContLength: no number' },
        { line: 10, message: expect.stringContaining('identity') },
      ],
    });
    expect(await owners(opened, 'SMTP:ben@corp.example')).toEqual(['CN=ben,DC=corp']);
  });

  test('a changed file is swapped in whole', async () => {
    const opened = await open(person('ada'));
    const before = opened.version();
    await writeFile(join(folder, 'new'), person('ben'));
    await rename(join(folder, 'new'), path);
    await waitFor(() => changes.length === 1, { what: 'the change' });
    expect(opened.version()).not.toBe(before);
    expect(await owners(opened, 'SMTP:ada@corp.example')).toEqual([]);
    expect(await owners(opened, 'SMTP:ben@corp.example')).toEqual(['CN=ben,DC=corp']);
  });

  test('a broken or missing file changes nothing, is told once, and a good one is taken again', async () => {
    const opened = await open(person('ada'));
    await appendFile(path, 'what\n');
    await waitFor(() => refusals.length === 1, { what: 'the refusal' });
    expect(refusals[0]).toEqual([{ line: 8, message: 'is no `attribute: value`' }]);
    expect(await owners(opened, 'SMTP:ada@corp.example')).toHaveLength(1);

    await rm(path);
    await waitFor(() => refusals.length === 2, { what: 'the missing file' });
    expect(await owners(opened, 'SMTP:ada@corp.example')).toHaveLength(1);

    await writeFile(path, person('ben'));
    await waitFor(() => changes.length === 1, { what: 'the good file' });
    expect(await owners(opened, 'SMTP:ben@corp.example')).toHaveLength(1);
    expect(refusals).toHaveLength(2);
  });

  test('the default directory has what the design promises', async () => {
    directory = await ldifDirectory(fileURLToPath(new URL('../../organization/default/directory.ldif', import.meta.url)));
    expect(directory.loaded().warnings).toEqual([]);
    const ask = async (...addresses: string[]) => {
      const { steps: _, ...rest } = await explainResolution({
        organization: organizationOf(),
        directory: directory as LdifDirectory,
        from: 'zoe@elsewhere.example',
        authenticated: false,
        sizeKb: 4,
        addresses,
      });
      return rest;
    };
    expect(
      await ask('team@corp.example', 'partner@corp.example', 'dmitri@corp.example', 'Postmaster', 'nobody@corp.example', 'x@relay.example'),
    ).toEqual({
      local: ['dmitri@corp.example', 'postmaster@corp.example', 'ada@corp.example', 'ben@corp.example', 'chloe@corp.example'],
      hops: ['SMTP:partner@remote.example', 'SMTP:x@relay.example'],
      servers: Object.fromEntries(['dmitri', 'postmaster', 'ada', 'ben', 'chloe'].map((name) => [`${name}@corp.example`, 'EX1'])),
      reports: [{ recipient: 'nobody@corp.example', status: '5.1.1', to: 'zoe@elsewhere.example' }],
    });
    // No gateway lets these in; they are no hops of a relayed domain either.
    const to = 'zoe@elsewhere.example';
    expect(await ask('bad@@x', 'a b@relay.example', '@relay.example', 'ada', 'ada@corp.example')).toEqual({
      local: ['ada@corp.example'],
      hops: [],
      servers: { 'ada@corp.example': 'EX1' },
      reports: ['bad@@x', 'a b@relay.example', '@relay.example', 'ada'].map((recipient) => ({ recipient, status: '5.1.3', to })),
    });
    expect((await ask(`${'x'.repeat(200)}@relay.example`)).hops).toEqual([`SMTP:${'x'.repeat(200)}@relay.example`]);
  });
});
