import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitFor } from '@mailrail/testing';
import { parse, stringify } from 'yaml';
import { letter, sendOne } from './src/smtp-sender.ts';
import { portBase, startSystem, type System } from './src/system.ts';

const defaults = path.resolve(import.meta.dirname, '../../libs/organization/default/organization.yaml');
const folder = mkdtempSync(path.join(tmpdir(), 'mailrail-sites-'));
let london: System;
let paris: System;

const person = (name: string, server: string) =>
  `dn: CN=${name},OU=People,DC=corp,DC=example
objectClass: top
objectClass: person
objectClass: organizationalPerson
objectClass: user
cn: ${name}
mailNickname: ${name}
proxyAddresses: SMTP:${name}@corp.example
homeMDB: CN=Mailbox Store,CN=First Storage Group,CN=InformationStore,CN=${server},CN=Servers,CN=Corp
msExchHomeServerName: /o=Corp/ou=First Administrative Group/cn=Configuration/cn=Servers/cn=${server}
`;

beforeAll(async () => {
  const [londonBase, parisBase] = [portBase(), portBase()];
  const directory = path.join(folder, 'people.ldif');
  const group = `dn: CN=everyone,OU=Groups,DC=corp,DC=example
objectClass: top
objectClass: group
cn: everyone
mailNickname: everyone
proxyAddresses: SMTP:everyone@corp.example
groupType: 8
member: CN=ada,OU=People,DC=corp,DC=example
member: CN=pierre,OU=People,DC=corp,DC=example
`;
  writeFileSync(directory, [person('ada', 'EX1'), person('pierre', 'EX2'), person('postmaster', 'EX1'), group].join('\n'));
  const secret = 'a-secret-both-sites-know-0123456789';
  const site = (name: string, server: string, other: string, bridgehead: number) => {
    const organization = parse(readFileSync(defaults, 'utf8'));
    Object.assign(organization, {
      site: name,
      server,
      servers: [
        { name: 'EX1', site: 'london' },
        { name: 'EX2', site: 'paris' },
      ],
    });
    organization.connectors.push({
      name: `to-${other}`,
      kind: 'routing-group',
      site: other,
      bridgeheads: [`127.0.0.1:${bridgehead}`],
      tls: 'never',
    });
    const file = path.join(folder, `${name}.yaml`);
    writeFileSync(file, stringify(organization));
    const data = path.join(folder, name);
    mkdirSync(data, { recursive: true });
    writeFileSync(
      path.join(data, 'secrets.json'),
      JSON.stringify({
        apiKey: `key-of-${name}-0123456789012345678901234567`,
        submissionUser: 'user',
        submissionPassword: 'password-0123456789012345',
        siteSecret: secret,
      }),
      { mode: 0o600 },
    );
    return { data, organization: file, directory };
  };
  const [first, second] = [site('london', 'EX1', 'paris', parisBase + 5), site('paris', 'EX2', 'london', londonBase + 5)];
  [london, paris] = await Promise.all([
    startSystem({ ...first, args: ['--port-base', String(londonBase)] }),
    startSystem({ ...second, args: ['--port-base', String(parisBase)] }),
  ]);
}, 120_000);
afterAll(async () => {
  await Promise.all([london.close(), paris.close()]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const arrives = (system: System, address: string, id: string) =>
  waitFor(
    async () => {
      for (const file of system.mailbox(address)) {
        const text = await system.read(file);
        if (text.includes(`<${id}@`)) return text;
      }
      return undefined;
    },
    { what: `${id} for ${address}`, timeoutMs: 50_000 },
  );

test('a mailbox at the other site: over the routing group connector, into its mailbox there', async () => {
  expect(await sendOne(london.first.smtp, { to: ['pierre@corp.example'], message: letter('to-paris') })).toMatchObject({ code: 250 });
  const text = await arrives(paris, 'pierre@corp.example', 'to-paris');
  expect(text.match(/^Received:/gm)?.length).toBe(2); // one line a site
  expect(text).toMatch(/^Return-Path: <zoe@elsewhere\.example>/);
});

test('a group over both sites: each member once', async () => {
  await sendOne(paris.first.smtp, { to: ['everyone@corp.example', 'ada@corp.example'], message: letter('everyone') });
  await arrives(london, 'ada@corp.example', 'everyone');
  await arrives(paris, 'pierre@corp.example', 'everyone');
  await Promise.all([london.settled(), paris.settled()]);
  for (const [system, address] of [
    [london, 'ada@corp.example'],
    [paris, 'pierre@corp.example'],
  ] as const) {
    const texts = await Promise.all(system.mailbox(address).map(system.read));
    expect(texts.filter((text) => text.includes('<everyone@'))).toHaveLength(1);
  }
});

test('the site listener without the secret takes nothing', async () => {
  const port = Number(new URL(paris.first.smtp).port) + 5;
  const answer = await sendOne(`smtp://127.0.0.1:${port}`, { to: ['pierre@corp.example'], message: letter('stranger') });
  expect(answer.code).toBe(530);
});

test('both lines balance', async () => {
  const [one, two] = await Promise.all([london.settled(), paris.settled()]);
  expect([one.badmail ?? 0, two.badmail ?? 0]).toEqual([0, 0]);
});
