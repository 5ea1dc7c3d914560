import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitFor } from '@mailrail/testing';
import { letter, sendOne } from './src/smtp-sender.ts';
import { startSystem, type System } from './src/system.ts';

const dn = (name: string) => `CN=${name},OU=People,DC=corp,DC=example`;
const entry = (name: string, classes: readonly string[], lines: readonly string[]) =>
  [
    `dn: ${dn(name)}`,
    ...['top', ...classes].map((one) => `objectClass: ${one}`),
    `cn: ${name}`,
    `mailNickname: ${name}`,
    `proxyAddresses: SMTP:${name}@corp.example`,
    ...lines,
    '',
  ].join('\n');
const person = (name: string) => entry(name, ['person', 'user'], ['homeMDB: CN=Store,CN=EX1,CN=Servers,CN=Corp']);
const group = (name: string, members: readonly string[], lines: readonly string[] = []) =>
  entry(name, ['group'], ['reportToOriginator: TRUE', ...members.map((member) => `member: ${dn(member)}`), ...lines]);

let folder: string;
let system: System;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mailrail-wrong-'));
  const file = path.join(folder, 'directory.ldif');
  const owned = group('owned', ['ada', 'ghost'], [`managedBy: ${dn('boss')}`]);
  await writeFile(file, [...['ada', 'boss', 'postmaster'].map(person), owned, group('orphaned', ['ada', 'ghost'])].join('\n'));
  system = await startSystem({ directory: file });
}, 120_000);
afterAll(async () => {
  await system?.close();
  await rm(folder, { recursive: true, force: true });
});

test('a group with a member that does not exist: the others have the mail, the owner a report, an operator what nobody owns', async () => {
  for (const name of ['owned', 'orphaned']) {
    const { code } = await sendOne(system.first.smtp, { to: [`${name}@corp.example`], message: letter(name) });
    expect(code).toBe(250);
  }
  await waitFor(() => system.mailbox('ada@corp.example').length === 2 && system.mailbox('boss@corp.example').length === 1, {
    what: 'the mails and the report',
    timeoutMs: 60_000,
  });
  const [report = ''] = system.mailbox('boss@corp.example');
  const text = await system.read(report);
  expect(text).toMatch(/^Final-Recipient: rfc822; ?owned@corp\.example\r?$/m);
  expect(text).toContain('Status: 5.2.4');
  expect(text).toContain('CN=ghost,OU=People,DC=corp,DC=example');
  expect(text).not.toContain('Hello.'); // the mail itself is not for the owner

  await waitFor(async () => (await system.depth(system.badmail('aq.reports'))) === 1, {
    what: 'the report nobody can have',
    timeoutMs: 60_000,
  });
  const parked = await system.peek(system.badmail('aq.reports'));
  expect(parked?.properties.headers?.['reason']).toMatch(/^nobody to tell: the group has a member that does not exist: CN=ghost/);
  expect(await system.settled({ accepted: 2 })).toMatchObject({ delivered: 3, expanded: 2, failed: 1, badmail: 1, reports: 1 });
  expect(system.sink()).toEqual([]);
}, 120_000);
