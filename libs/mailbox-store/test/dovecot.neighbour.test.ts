import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { memoryContentStore } from '@mailrail/content-store';
import { randomUUID } from 'node:crypto';
import { type LmtpMailboxStore, lmtpMailboxStore, parseLmtpLocation } from '../src/index.ts';
import { type Dovecot, startDovecot } from './dovecot.ts';
import { copy } from './mailbox-store-suite.ts';

// The mailboxes of a real server.

const content = memoryContentStore();
const ada = 'ada@corp.example';
const ben = 'ben@corp.example';
const full = 'full@corp.example';
const nobody = 'nobody@corp.example';
let dovecot: Dovecot;
let store: LmtpMailboxStore;
const open = (url: string) => lmtpMailboxStore({ location: parseLmtpLocation(url), content, hostname: 'ex1.corp.example' });

beforeAll(async () => {
  const crowd = Array.from({ length: 150 }, (_, i): [string, number] => [`u${i}@corp.example`, 0]);
  dovecot = await startDovecot({ [ada]: 0, [ben]: 0, [full]: 2_000, ...Object.fromEntries(crowd) });
  store = open(`lmtp://127.0.0.1:${dovecot.port}?tls=never`);
}, 180_000);
afterAll(async () => {
  store.close();
  await dovecot.close();
});

async function keep(body: string, sender = 'zoe@elsewhere.example') {
  const text = `Return-Path: <${sender}>\r\nReceived: by ex1\r\nMessage-ID: <${randomUUID()}@x>\r\nSubject: test\r\n\r\n${body}`;
  const { ref, sizeBytes } = await content.put({ rootId: randomUUID(), form: 'internet' }, [Buffer.from(text)]);
  return { ref, sizeBytes };
}

test('a mail is in each mailbox, with its sender; who is unknown or full has an answer of his own', async () => {
  const large = 'x'.repeat(70) + '\r\n';
  const outcomes = await store.deliver(await keep(`.dot\r\nGrüße\r\n${large.repeat(60)}`), [
    copy(ada),
    copy(nobody),
    copy(full),
    copy(ben),
  ]);
  expect(outcomes).toMatchObject([
    { kind: 'delivered' },
    { kind: 'permanent', status: '5.1.1', reason: expect.stringMatching(/^550 5\.1\.1/) },
    { kind: expect.stringMatching(/permanent|transient/), reason: expect.stringMatching(/[45]\.2\.2/) },
    { kind: 'delivered' },
  ]);
  for (const mailbox of [ada, ben]) {
    const [message = '', ...more] = await dovecot.in(mailbox);
    expect(more).toEqual([]);
    expect(message.match(/^Return-Path: .*/gm)).toEqual(['Return-Path: <zoe@elsewhere.example>']);
    expect(message).toMatch(/^Subject: test$/m);
    expect(message).toMatch(/^\.dot$/m);
    expect(message).toContain('Grüße');
  }
  expect(await dovecot.in(full)).toEqual([]);
});

test('a report has the null sender, and large mail and many mailboxes arrive', async () => {
  const before = (await dovecot.in(ada)).length;
  const many = Array.from({ length: 150 }, (_, i) => copy(`u${i}@corp.example`, '3.c'));
  expect(await store.deliver(await keep('report\r\n', ''), many)).toEqual(many.map(() => ({ kind: 'delivered' })));
  expect((await dovecot.in('u149@corp.example')).join()).toContain('Return-Path: <>');
  const line = `${'0123456789'.repeat(7)}\r\n`;
  expect(await store.deliver(await keep(line.repeat(45_000)), [copy(ada, '4.d')])).toEqual([{ kind: 'delivered' }]);
  const arrived = await dovecot.in(ada);
  expect(arrived).toHaveLength(before + 1);
  expect(Math.max(...arrived.map((text) => text.length))).toBeGreaterThan(3_000_000);
}, 120_000);

test('over the Unix socket', async () => {
  const local = open(`lmtp+unix://${dovecot.socket}`);
  expect(await local.deliver(await keep('socket\r\n'), [copy(ben, '5.e')])).toEqual([{ kind: 'delivered' }]);
  local.close();
});

test('a server that is away is waited for, and its restart costs nothing', async () => {
  await store.deliver(await keep('before\r\n'), [copy(ben, '6.f')]);
  await dovecot.stop();
  const content = await keep('after\r\n');
  expect(await store.deliver(content, [copy(ben, '7.g')])).toMatchObject([{ kind: 'transient' }]);
  await expect(store.probe()).rejects.toThrow();
  await dovecot.start();
  await store.probe();
  expect(await store.deliver(content, [copy(ben, '7.g')])).toEqual([{ kind: 'delivered' }]);
  expect((await dovecot.in(ben)).filter((text) => text.includes('after'))).toHaveLength(1);
}, 90_000);
