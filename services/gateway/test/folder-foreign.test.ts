import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { unbundle } from '@mailrail/foreign';
import { derivedId } from '@mailrail/mail';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import { type FolderGateway, openFolderGateway } from '../src/folder/folder-gateway.ts';
import type { FolderMode } from '../src/folder/work-file.ts';
import { type FakeAcceptor, fakeAcceptor, organization, refusal } from './fake-acceptor.ts';

let folder: string;
let acceptor: FakeAcceptor;
let gateway: FolderGateway | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'foreign-'));
  acceptor = fakeAcceptor();
});
afterEach(async () => {
  await gateway?.close();
  gateway = undefined;
  await rm(folder, { recursive: true, force: true });
});

function start(mode: FolderMode, trust: 'inside' | 'outside' = 'inside', keepDoneMs = 0, attachmentMs = 60_000): void {
  gateway = openFolderGateway({
    folder,
    gateway: { name: 'legacy', mode, trust, quietMs: 5_000, pollEveryMs: 20, keepDoneMs },
    acceptor,
    organization: organization(),
    log: silentLog,
    metrics: createMetrics('gateway'),
    unfinishedMs: 300,
    attachmentMs,
  });
}

async function drop(name: string, content: string | Buffer, into = 'IN'): Promise<void> {
  await mkdir(join(folder, into), { recursive: true });
  await writeFile(join(folder, into, `.${name}`), content);
  await rename(join(folder, into, `.${name}`), join(folder, into, name));
}
const names = async (name: string): Promise<string[]> => (await readdir(join(folder, name))).sort();
const report = async (name: string): Promise<unknown> => JSON.parse(await readFile(join(folder, 'BAD', `${name}.report.json`), 'utf8'));
const isIdle = async (): Promise<boolean> => (await names('IN')).length === 0 && (await names('WORK')).length === 0;

const message = (to: string, text: string): string =>
  `MAIL FROM:<ops@silo.example>\r\nRCPT TO:<${to}>\r\nDATA\r\nSubject: ${text}\r\n\r\n${text}\r\n.\r\n`;
const file = (...messages: string[]): string => `EHLO silo.example\r\n${messages.join('')}QUIT\r\n`;

describe('a file of several messages', () => {
  test('becomes one mail each, with identities that derive from the claim, and its bytes as they are', async () => {
    start('bsmtp', 'inside', 60_000);
    await drop('a.bsmtp', file(message('ada@corp.example', 'one'), message('ben@corp.example', 'two')));
    await waitFor(async () => acceptor.taken.length === 2 && (await isIdle()), { what: 'two mails' });
    const [first, second] = acceptor.taken;
    expect(first?.request).toMatchObject({
      sender: 'SMTP:ops@silo.example',
      recipients: [{ address: 'SMTP:ada@corp.example' }],
      origin: { gateway: 'legacy', dialect: 'bsmtp', peer: 'a.bsmtp', helo: 'silo.example', trust: 'inside' },
      foreign: true,
    });
    expect(first?.bytes.toString()).toBe(message('ada@corp.example', 'one'));
    expect(second?.request.rootId).toBe(derivedId(first?.request.rootId ?? '', 'message:2'));
    expect([await names('BAD'), await names('DONE')]).toEqual([[], [`${first?.request.rootId}~a.bsmtp`]]);
  });

  test('of which one is bad: the others are taken, and the bad one is in BAD with a report', async () => {
    start('bsmtp');
    await drop('a.bsmtp', file(message('ada@corp.example', 'one'), message('a b', 'two'), message('ben@corp.example', 'three')));
    await waitFor(async () => acceptor.taken.length === 2 && (await isIdle()), { what: 'two mails' });
    expect(await names('BAD')).toEqual(['a.bsmtp.message-2', 'a.bsmtp.report.json', 'a.bsmtp.report.txt']);
    expect(await readFile(join(folder, 'BAD', 'a.bsmtp.message-2'), 'utf8')).toBe(message('a b', 'two'));
    expect(await report('a.bsmtp')).toMatchObject({ code: 'envelope', acceptedFor: 2, leftOut: [{ recipient: 'message 2' }] });
  });

  test('that the line does not take now waits, and is the same mail later', async () => {
    acceptor.answers.finish = refusal('unconfirmed');
    start('bsmtp');
    await drop('a.bsmtp', file(message('ada@corp.example', 'one')));
    await waitFor(() => acceptor.begun >= 1, { what: 'the first attempt' });
    const [work] = await waitFor(async () => (await names('WORK')).length === 1 && (await names('WORK')), { what: 'the claim' });
    acceptor.answers.finish = undefined;
    await waitFor(isIdle, { what: 'an empty folder' });
    expect(work?.split('~')[0]).toBe(acceptor.taken[0]?.request.rootId);
  });
});

describe('a file that is not taken', () => {
  test.each([
    ['another format', 'From: a@x.example\r\n\r\nhello\r\nQUIT\r\n', 'unrecognised'],
    ['one that was never finished', file(message('ada@corp.example', 'one')).slice(0, -12), 'incomplete-timeout'],
  ])('%s', async (_name, content, code) => {
    start('bsmtp');
    await drop('a.txt', content);
    await waitFor(async () => (await names('BAD')).length === 3, { what: 'a file in BAD' });
    expect(await report('a.txt')).toMatchObject({ code, reason: expect.stringMatching(/ /) });
    expect(await readFile(join(folder, 'BAD', 'a.txt'), 'utf8')).toBe(content);
    expect(acceptor.taken).toEqual([]);
  });

  test('one from outside that would go elsewhere', async () => {
    start('bsmtp', 'outside');
    await drop('a.bsmtp', file(message('ada@elsewhere.example', 'one')));
    await waitFor(async () => (await names('BAD')).length === 3, { what: 'a file in BAD' });
    expect(await report('a.bsmtp')).toMatchObject({ code: 'auth' });
  });
});

test('a file is waited for until it is finished', async () => {
  start('bsmtp');
  const whole = file(message('ada@corp.example', 'one'));
  await drop('a.bsmtp', whole.slice(0, -10));
  await waitFor(async () => (await names('IN')).includes('a.bsmtp'), { what: 'the file' });
  await writeFile(join(folder, 'IN', 'a.bsmtp'), whole);
  await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
  expect(acceptor.taken[0]?.bytes.toString()).toBe(message('ada@corp.example', 'one'));
});

test('the sample gateway’s file', async () => {
  start('sgw');
  await drop('a.sgw', await readFile(new URL('../../../libs/foreign/samples/sgw/note.sgw', import.meta.url)));
  await waitFor(() => acceptor.taken.length === 1, { what: 'the mail' });
  expect(acceptor.taken[0]?.request.recipients).toEqual([{ address: 'SMTP:ada@corp.example' }, { address: 'SMTP:chloe@corp.example' }]);
});

describe('a message with files beside it', () => {
  const keywords = (...more: string[]): string =>
    ['WPC-API= 1.2;', 'From= WPD= ACME; WPPO= PO1; WPU= bo; ;', 'To= X.Y.ada;', 'Msg-Id= 7;', ...more, '-END-', ''].join('\r\n');
  const withFile = keywords('Msg-File= A.BDY;');

  test('is kept with them as one, and they are gone when it is', async () => {
    start('gwapi');
    await drop('a.bdy', 'hello', 'ATT_IN');
    await drop('m.api', withFile);
    await waitFor(async () => acceptor.taken.length === 1 && (await isIdle()), { what: 'the mail' });
    expect(acceptor.taken[0]?.request).toMatchObject({ sender: 'GWISE:ACME.PO1.bo', recipients: [{ address: 'GWISE:X.Y.ada' }] });
    expect(unbundle(acceptor.taken[0]?.bytes ?? Buffer.alloc(0))).toEqual({
      file: Buffer.from(withFile),
      parts: [{ name: 'A.BDY', bytes: Buffer.from('hello') }],
    });
    await waitFor(async () => (await names('ATT_IN')).length === 0, { what: 'an empty ATT_IN' });
  });

  test('waits for a file that comes later, and holds nothing else up', async () => {
    start('gwapi', 'inside', 60_000);
    await drop('m.api', withFile);
    await waitFor(async () => (await names('WORK')).length === 1, { what: 'the claim' });
    await drop('n.api', keywords());
    await waitFor(() => acceptor.taken.length === 1, { what: 'the mail without files' });
    await drop('A.BDY', 'late', 'ATT_IN');
    await waitFor(async () => acceptor.taken.length === 2 && (await isIdle()), { what: 'the mail with its file' });
    await waitFor(async () => (await names('DONE')).length === 3, { what: 'all three files in DONE' });
  });

  test('that never come is bad, told in BAD and to the foreign side', async () => {
    start('gwapi', 'inside', 0, 100);
    await drop('m.api', withFile);
    await waitFor(async () => (await names('BAD')).length === 3, { what: 'a file in BAD' });
    expect(await report('m.api')).toMatchObject({
      code: 'attachment-missing',
      reason: 'it names "A.BDY", which did not come to ATT_IN in time',
    });
    const [answer] = await names('OUT');
    expect(answer).toMatch(/^[0-9a-f-]{36}\.api$/);
    expect(await readFile(join(folder, 'OUT', answer ?? ''), 'utf8')).toContain('Orig-Msg-ID= 7;\r\nStatus= Undeliverable;');
  });

  test('never leads out of ATT_IN', async () => {
    await writeFile(join(folder, 'secret'), 'secret');
    start('gwapi');
    await waitFor(async () => (await readdir(folder)).includes('ATT_OUT'), { what: 'the folders' });
    await symlink(join(folder, 'secret'), join(folder, 'ATT_IN', 'A.BDY'));
    await drop('link.api', withFile);
    await drop('path.api', keywords('Msg-File= ../secret;'));
    await waitFor(async () => (await names('BAD')).length === 6, { what: 'both in BAD' });
    expect([await report('link.api'), await report('path.api')]).toMatchObject([{ code: 'unsupported-type' }, { code: 'attachment-path' }]);
    expect(acceptor.taken).toEqual([]);
  });
});
