import { afterEach, expect, test } from '@jest/globals';
import { memoryContentStore } from '@mailrail/content-store';
import { startLmtpServer } from '@mailrail/mailbox-store/lmtp-server';
import { ConfigError, loadConfig } from '@mailrail/pipeline';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DeliverConfig } from '../src/config.ts';
import { openMailboxes } from '../src/open-mailboxes.ts';

const content = memoryContentStore();
const counted: [string, number][] = [];
const deps = {
  content,
  hostname: 'ex1.corp.example',
  possibleDuplicates: (cause: string, copies: number) => void counted.push([cause, copies]),
};
const keep = () => content.put({ rootId: randomUUID(), form: 'internet' }, [Buffer.from('Subject: x\r\n\r\nx\r\n')]);
afterEach(() => {
  counted.length = 0;
});

test('a folder by default', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'mailboxes-'));
  try {
    const mailboxes = openMailboxes({ MAILBOX_DIR: folder, MAILBOX_URL: undefined }, deps);
    const outcomes = await mailboxes.storeFor(true).deliver(await keep(), [{ mailbox: 'ada@corp.example', name: '1.a' }]);
    expect(outcomes).toEqual([{ kind: 'delivered' }]);
    expect(await readdir(`${folder}/ada@corp.example/Maildir/new`)).toEqual(['1.a.ex1.corp.example']);
    expect(counted).toEqual([]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('an LMTP server goes before it; what was delivered on a redelivery may be there twice, and is counted', async () => {
  const server = await startLmtpServer();
  const mailboxes = openMailboxes({ MAILBOX_DIR: '/nowhere', MAILBOX_URL: `lmtp://127.0.0.1:${server.port}` }, deps);
  try {
    await mailboxes.probe();
    const form = await keep();
    expect(await mailboxes.storeFor(false).deliver(form, [{ mailbox: 'ada@corp.example', name: '1.a' }])).toEqual([{ kind: 'delivered' }]);
    expect(counted).toEqual([]);
    expect(await mailboxes.storeFor(true).deliver(form, [{ mailbox: 'ben@corp.example', name: '1.a' }])).toEqual([{ kind: 'delivered' }]);
    expect(counted).toEqual([['mailbox redelivery', 1]]);
    server.after = 'ends';
    await mailboxes.storeFor(false).deliver(form, [{ mailbox: 'chloe@corp.example', name: '1.a' }]);
    expect(counted.slice(1)).toEqual([['mailbox reply lost', 1]]);
  } finally {
    mailboxes.close();
    await server.close();
  }
});

test('neither is a mistake, and a place that cannot be read too', () => {
  const env = { AMQP_URL: 'amqp://h', REDIS_URL: 'redis://h', ORGANIZATION_FILE: 'o', CONTENT_DIR: 'c' };
  expect(() => openMailboxes({ MAILBOX_DIR: undefined, MAILBOX_URL: undefined }, deps)).toThrow(ConfigError);
  expect(() => loadConfig(DeliverConfig, env)).toThrow(/must name the folder of the mailboxes.*\n.*MAILBOX_DIR/);
  expect(() => loadConfig(DeliverConfig, { ...env, MAILBOX_URL: 'smtp://store' })).toThrow(/lmtp:.*\n.*MAILBOX_URL/);
  expect(loadConfig(DeliverConfig, { ...env, MAILBOX_URL: 'lmtp://store' })).toMatchObject({ MAILBOX_URL: 'lmtp://store' });
});
