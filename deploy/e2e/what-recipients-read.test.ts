import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitFor } from '@mailrail/testing';
import { sendOne } from './src/smtp-sender.ts';
import { startSystem, type System } from './src/system.ts';

const dn = (name: string) => `CN=${name},OU=People,DC=corp,DC=example`;
const entry = (name: string, kind: string, lines: readonly string[]) =>
  [
    `dn: ${dn(name)}`,
    'objectClass: top',
    `objectClass: ${kind}`,
    `cn: ${name}`,
    `mailNickname: ${name}`,
    `proxyAddresses: SMTP:${name}@corp.example`,
    ...lines,
    '',
  ].join('\n');
const directory = [
  entry('ada', 'user', ['homeMDB: CN=Store,CN=EX1,CN=Servers,CN=Corp']),
  entry('ben', 'user', ['homeMDB: CN=Store,CN=EX1,CN=Servers,CN=Corp']),
  entry('quiet', 'group', ['reportToOriginator: TRUE', 'oOFReplyToOriginator: FALSE', `member: ${dn('ben')}`, `member: ${dn('plain')}`]),
  entry('plain', 'contact', ['targetAddress: SMTP:plain@remote.example', 'mAPIRecipient: FALSE', 'internetEncoding: 393216']),
];

const part = (boundary: string, type: string, body: string) => `--${boundary}\r\nContent-Type: ${type}\r\n\r\n${body}\r\n`;
const text = part('a', 'text/plain', 'hello');
const html = part('a', 'text/html', '<p>hello');
const winmail = part('b', 'application/ms-tnef', 'AAAA');
const open = '--b\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n';
const bodyOf = (...parts: string[]) => `${parts.join('')}--b--`; // the client ends the last line
const whole = bodyOf(open, text, html, '--a--\r\n', winmail);
const message = [
  'From: Zoe <zoe@elsewhere.example>',
  'To: ada@corp.example, quiet@corp.example',
  'Subject: wishes',
  'Message-ID: <wishes@elsewhere.example>',
  'Date: Mon, 02 Nov 2026 10:00:00 +0000',
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary=b',
  '',
  whole,
].join('\r\n');

let folder: string;
let system: System;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mailrail-wishes-'));
  const file = path.join(folder, 'directory.ldif');
  await writeFile(file, directory.join('\n'));
  system = await startSystem({ directory: file, processes: 'one' });
}, 120_000);
afterAll(async () => {
  await system?.close();
  await rm(folder, { recursive: true, force: true });
});

test('one mail, three copies: as it came, not to be answered by programs, and what the partner can read', async () => {
  const { code } = await sendOne(system.first.smtp, { to: ['ada@corp.example', 'quiet@corp.example'], message });
  expect(code).toBe(250);
  const copies = () => [system.mailbox('ada@corp.example'), system.mailbox('ben@corp.example'), system.sink()];
  await waitFor(() => copies().every(({ length }) => length === 1), { what: 'three copies', timeoutMs: 60_000 });
  const [ada = '', ben = '', partner = ''] = await Promise.all(copies().map(([file = '']) => system.read(file)));

  expect(ada).not.toContain('X-Auto-Response-Suppress');
  expect(ada.endsWith(`${whole}\r\n`)).toBe(true);
  expect(ben).toMatch(
    /^Return-Path: <zoe@elsewhere\.example>\r\nX-Auto-Response-Suppress: OOF, AutoReply\r\nPrecedence: list\r\nReceived: /,
  );
  expect(ben.endsWith(`${whole}\r\n`)).toBe(true);
  expect(partner).toContain('X-Auto-Response-Suppress: OOF, AutoReply\r\n');
  expect(partner.endsWith(bodyOf(open, text, '--a--\r\n') + '\r\n')).toBe(true);
  expect(await system.settled({ accepted: 2 })).toMatchObject({ delivered: 2, handedOver: 1, expanded: 1 });
}, 120_000);
