import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type MemoryContentStore, memoryContentStore } from '@mailrail/content-store';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import { type Acceptor, openAcceptor } from '../src/accept.ts';
import { type FolderGateway, openFolderGateway } from '../src/folder/folder-gateway.ts';
import { httpApi } from '../src/http-api.ts';
import { organization } from './fake-acceptor.ts';
import { httpStores } from './http-support.ts';
import { type FakeLine, fakeLine } from './fake-line.ts';

// The gateways on the acceptor that the service has, down to the stored bytes and the mail on the bus.

let base: string;
let line: FakeLine;
let contents: MemoryContentStore;
let acceptor: Acceptor;
const metrics = createMetrics('gateway');
const open: FolderGateway[] = [];

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'intake-'));
  line = fakeLine();
  contents = memoryContentStore();
  const ledger = { countOnce: () => Promise.resolve(true) };
  acceptor = openAcceptor({ contents, line, organization: organization(), ledger, log: silentLog, metrics });
});
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
  await rm(base, { recursive: true, force: true });
});

function start(mode: 'pickup' | 'replay' = 'pickup'): void {
  const gateway = { name: mode, mode, trust: 'outside' as const, pollEveryMs: 20, quietMs: 40, keepDoneMs: 0 };
  const options = { folder: join(base, mode), gateway, acceptor, organization: organization(), log: silentLog, metrics, leaseMs: 100 };
  open.push(openFolderGateway(options));
}

async function drop(mode: string, name: string, content: string): Promise<void> {
  await mkdir(join(base, mode, 'IN'), { recursive: true });
  await writeFile(join(base, mode, `${name}.tmp`), content);
  await rename(join(base, mode, `${name}.tmp`), join(base, mode, 'IN', name));
}

async function mailAndBytes(index: number) {
  const { mail, station } = await waitFor(() => line.accepted[index], { what: `mail ${index}` });
  expect(station).toBe('gateway.in');
  let bytes = '';
  for await (const chunk of contents.read(mail.content.ref)) bytes += String(chunk);
  return { mail, bytes };
}

describe('what is stored of a file', () => {
  test('pickup: our two fields, what was missing, then the message without Bcc', async () => {
    start();
    await drop(
      'pickup',
      'a.eml',
      'From: ada@corp.example\nBcc: chloe@corp.example,\n dmitri@corp.example\nTo: ben@corp.example\nSubject: x\n\nhello\n',
    );
    const { mail, bytes } = await mailAndBytes(0);
    expect(bytes.replaceAll(mail.rootId, 'ID').replace(/\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d/g, 'NOW')).toBe(
      [
        'Return-Path: <ada@corp.example>',
        'Received: (pickup folder, file a.eml)',
        '\tby gw.corp.example',
        '\twith pickup id ID;',
        '\tNOW +0000',
        'Date: NOW +0000',
        'Message-ID: <ID@gw.corp.example>',
        'From: ada@corp.example',
        'To: ben@corp.example',
        'Subject: x',
        '',
        'hello',
        '',
      ].join('\r\n'),
    );
    expect(mail.recipients.map(({ address }) => address)).toEqual([
      'SMTP:chloe@corp.example',
      'SMTP:dmitri@corp.example',
      'SMTP:ben@corp.example',
    ]);
    expect(mail.origin).toMatchObject({ gateway: 'pickup', dialect: 'pickup', peer: 'a.eml', authenticated: false, trust: 'outside' });
  });

  test('replay: nothing of the injected lines, but where it came from', async () => {
    start('replay');
    const injected = 'X-Sender: <ada@corp.example> ENVID=Q1\nX-Receiver: <ben@corp.example>\nX-SourceIPAddress: 192.0.2.7\n';
    await drop('replay', 'r.eml', `${injected}Date: x\nMessage-ID: <1@x>\nSubject: x\n\nhello\n`);
    const { mail, bytes } = await mailAndBytes(0);
    expect(bytes.slice(bytes.indexOf('X-Foreign'))).toBe(
      'X-Foreign-Peer: 192.0.2.7\r\nDate: x\r\nMessage-ID: <1@x>\r\nSubject: x\r\n\r\nhello\r\n',
    );
    expect(bytes).not.toMatch(/X-(Sender|Receiver|Source)/);
    expect(mail).toMatchObject({ sender: 'SMTP:ada@corp.example', envid: 'Q1' });
  });

  test('no confirm: the repeat is the same mail, bytes and all', async () => {
    let refusals = 2;
    line.verdict = () => {
      refusals -= 1;
      return refusals >= 0 ? 'unconfirmed' : undefined;
    };
    const published: string[] = [];
    const accept = line.accept.bind(line);
    line.accept = (station, mail) => {
      published.push(JSON.stringify({ ...mail, copyId: '', trace: '', expiresAt: 0 }));
      return accept(station, mail);
    };
    start();
    await drop('pickup', 'a.eml', 'From: ada@corp.example\nTo: ben@corp.example\n\nhello\n');
    await waitFor(() => line.accepted.length === 1, { what: 'the mail' });
    expect(published).toHaveLength(3);
    expect(new Set(published).size).toBe(1);
    await waitFor(async () => (await readdir(join(base, 'pickup', 'WORK'))).length === 0, { what: 'an empty WORK' });
  });

  test('a file that names another mail’s identity does not get its content', async () => {
    const options = {
      gateway: 'http',
      host: '127.0.0.1',
      port: 0,
      apiKey: 'a-key-of-some-length',
      ...httpStores(),
      acceptor,
      organization: organization(),
      log: silentLog,
      metrics,
    };
    const app = httpApi(options);
    const headers = { authorization: 'Bearer a-key-of-some-length', 'content-type': 'message/rfc822' };
    const answer = await app.inject({
      method: 'POST',
      url: '/v1/messages',
      headers,
      payload: 'From: ada@corp.example\nTo: ben@corp.example\n\nsecret\n',
    });
    await app.close();
    const { id } = answer.json();
    await mkdir(join(base, 'pickup', 'WORK'), { recursive: true });
    await writeFile(join(base, 'pickup', 'WORK', `${String(id)}~a.eml`), 'From: mallory@corp.example\nTo: mallory@corp.example\n\nmine\n');
    start();
    const { bytes } = await mailAndBytes(1);
    expect(bytes).toContain('mine');
    expect(bytes).not.toContain('secret');
  });
});
