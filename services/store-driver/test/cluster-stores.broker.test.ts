import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openContentStore } from '@mailrail/content-store';
import { type S3Server, startS3Server } from '@mailrail/content-store/s3-server';
import { type LmtpServer, startLmtpServer } from '@mailrail/mailbox-store/lmtp-server';
import { redisLedger } from '@mailrail/ledger';
import type { Running } from '@mailrail/pipeline';
import { type ServicePlace, servicePlace } from '@mailrail/pipeline/service-place';
import { silentLog } from '@mailrail/telemetry';
import { mailTo, messageBytes, waitFor } from '@mailrail/testing';
import { start } from '../src/main.ts';

// The stores of a cluster: bodies in a bucket, mailboxes behind LMTP.

let place: ServicePlace;
let s3: S3Server;
let lmtp: LmtpServer;
let deliver: Running | undefined;
const before = { id: process.env['AWS_ACCESS_KEY_ID'], secret: process.env['AWS_SECRET_ACCESS_KEY'] };

beforeAll(async () => {
  [place, s3, lmtp] = await Promise.all([servicePlace(), startS3Server({ conditional: true }), startLmtpServer()]);
  process.env['AWS_ACCESS_KEY_ID'] = s3.credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = s3.credentials.secretAccessKey;
  const { CONTENT_DIR: _, ...env } = place.env;
  const stores = { CONTENT_URL: `s3://${s3.bucket}/london?endpoint=${s3.endpoint}`, MAILBOX_URL: `lmtp://127.0.0.1:${lmtp.port}` };
  deliver = await start({ ...env, ...stores }, 'deliver');
  await place.ready(deliver);
}, 60_000);

afterAll(async () => {
  await deliver?.stop();
  for (const [name, value] of [
    ['AWS_ACCESS_KEY_ID', before.id],
    ['AWS_SECRET_ACCESS_KEY', before.secret],
  ] as const) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  await Promise.all([place.close(), s3.close(), lmtp.close()]);
});

test('a message comes out of the bucket into both mailboxes, and the ledger knows', async () => {
  const content = await openContentStore(`s3://${s3.bucket}/london?endpoint=${s3.endpoint}`);
  const people = ['ada@corp.example', 'ben@corp.example'];
  const mail = mailTo(people);
  const bytes = Buffer.concat([Buffer.from('Return-Path: <zoe@elsewhere.example>\r\n'), messageBytes()]);
  const { ref, sizeBytes, sha256 } = await content.put({ rootId: mail.rootId, form: 'internet' }, [bytes]);
  const recipients = mail.recipients.map((one, i) => ({ ...one, mailbox: { id: `guid-${i}`, address: people[i] ?? '' } }));
  const delivery = { ...mail, content: { ...mail.content, ref, sizeBytes, sha256 }, recipients, renderedAt: 1, submittedAt: 1 };
  await place.publish('store.local-delivery', delivery);
  const ledger = redisLedger({ url: place.redis.redisUrl, log: silentLog });
  try {
    await waitFor(async () => (await ledger.effects([`m:${mail.rootId}:guid-1`]))[0] !== undefined, {
      what: 'the note',
      timeoutMs: 20_000,
    });
    expect(await ledger.counts()).toMatchObject({ delivered: 2 });
  } finally {
    await ledger.close();
  }
  expect(lmtp.messages.map(({ mailbox, sender }) => [mailbox, sender])).toEqual(people.map((one) => [one, 'zoe@elsewhere.example']));
  expect(lmtp.messages[0]?.text).toBe(messageBytesOf(bytes));
}, 40_000);

function messageBytesOf(stored: Buffer): string {
  return stored.toString().slice('Return-Path: <zoe@elsewhere.example>\r\n'.length);
}
