import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { messageBytes } from '@mailrail/testing';
import { keptMail, type Sink, smtpSink } from '../src/index.ts';
import { sendBySmtp } from '../src/tour/smtp-send.ts';

let dir = '';
let sink: Sink;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'mailrail-sink-'));
  sink = await smtpSink({ port: 0, kept: await keptMail(dir) });
});
afterAll(async () => {
  await sink.close();
  await rm(dir, { recursive: true, force: true });
});
const list = async () =>
  (await readFile(path.join(dir, 'received.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line): { t: number; id: string; from: string | null; to: string[]; file: string } => JSON.parse(line));

test('keeps every mail whole, and lists it by Message-ID', async () => {
  const body = `..two dots\n.\n${'x'.repeat(2_000)}\nlast line ü\n`;
  const mails = Array.from({ length: 100 }, (_, at) => messageBytes({ 'Message-ID': `<m${at}@corp.example>` }, body));
  const answers = await Promise.all(
    mails.map((bytes, at) =>
      sendBySmtp({
        port: sink.port,
        sender: at === 0 ? null : 'ada@corp.example',
        recipients: [`r${at}@far.example`, 'b@far.example'],
        bytes,
      }),
    ),
  );
  expect(new Set(answers.map((answer) => answer.slice(0, 3)))).toEqual(new Set(['250']));

  const kept = await list();
  expect(kept.map(({ id }) => id).sort()).toEqual(mails.map((_, at) => `<m${at}@corp.example>`).sort());
  expect(await readdir(path.join(dir, 'Maildir', 'new'))).toHaveLength(100);
  expect(await readdir(path.join(dir, 'Maildir', 'tmp'))).toEqual([]);
  const first = kept.find(({ id }) => id === '<m0@corp.example>');
  expect(first).toMatchObject({ from: null, to: ['r0@far.example', 'b@far.example'] });
  const file = await readFile(path.join(dir, 'Maildir', 'new', first?.file ?? ''));
  const trace = 'Return-Path: <>\r\nDelivered-To: r0@far.example\r\nDelivered-To: b@far.example\r\n';
  expect(file.toString()).toBe(trace + mails[0]?.toString());
});

test('a client that goes away in the middle leaves nothing', async () => {
  const before = (await list()).length;
  const socket = connect(sink.port, '127.0.0.1');
  await once(socket, 'data');
  socket.write('EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: half\r\n');
  await once(socket, 'data');
  socket.destroy();
  await once(socket, 'close');
  await sendBySmtp({ port: sink.port, sender: null, recipients: ['c@d.example'], bytes: messageBytes() });
  expect(await list()).toHaveLength(before + 1);
});

test('a server that is not there is an error with its reason', async () => {
  const none = await smtpSink({ port: 0, kept: { keep: () => Promise.resolve() } });
  await none.close();
  await expect(sendBySmtp({ port: none.port, sender: null, recipients: ['a@b.example'], bytes: messageBytes() })).rejects.toThrow(
    'ECONNREFUSED',
  );
});

test('a mail that cannot be kept is not accepted', async () => {
  const full = await smtpSink({ port: 0, kept: { keep: () => Promise.reject(new Error('disk full')) } });
  await expect(sendBySmtp({ port: full.port, sender: null, recipients: ['a@b.example'], bytes: messageBytes() })).rejects.toThrow(/^451 /);
  await full.close();
});
