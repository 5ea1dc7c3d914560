import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { filesystemContentStore } from '@mailrail/content-store';
import { Bag, ForeignMessage } from '@mailrail/contracts';
import type { Running } from '@mailrail/pipeline';
import { openRedis } from '@mailrail/redis';
import { freePorts, freshVhost, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { declareTopology, queueName, topologyOf } from '@mailrail/topology';
import { start } from '../src/main.ts';

const apiKey = 'a-key-for-this-test-alone';
let base: string;
let vhost: Vhost;
let redis: TestRedis;
let running: Running;
let http: string;

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'gateway-'));
  [vhost, redis] = await Promise.all([freshVhost(), redisForTests()]);
  await declareTopology(topologyOf([]), vhost.amqpUrl, vhost.managementUrl);
  const file = join(base, 'organization.yaml');
  const gateways =
    'gateways: [{ name: pickup, kind: folder, dialect: pickup, pollEvery: 100ms }, { name: replay, kind: folder, dialect: replay, pollEvery: 100ms, trust: inside }]\n';
  await writeFile(
    file,
    `organization: Corp\nsite: london\nserver: EX1\nservers: [{ name: EX1, site: london }]\ndomains: [{ name: corp.example, type: authoritative }]\npostmaster: postmaster@corp.example\n${gateways}`,
  );
  const [port = 0] = await freePorts([0]);
  http = `http://127.0.0.1:${port}`;
  running = await start({
    AMQP_URL: vhost.amqpUrl,
    REDIS_URL: redis.redisUrl,
    ORGANIZATION_FILE: file,
    CONTENT_DIR: join(base, 'content'),
    LOG_LEVEL: 'silent',
    HTTP_PORT: String(port),
    API_KEY: apiKey,
    IN_DIR: join(base, 'in'),
  });
  const ready = async () => (await fetch(`http://127.0.0.1:${running.adminPort}/health/ready`)).ok;
  await waitFor(ready, { what: 'a gateway that is ready', timeoutMs: 20_000 });
}, 40_000);

afterAll(async () => {
  await running.stop();
  await Promise.all([vhost.drop(), redis.drop(), rm(base, { recursive: true })]);
});

test('a posted message is in the queue under the identity that was answered', async () => {
  const answer = await fetch(`${http}/v1/messages?from=ada@corp.example&to=ben@corp.example&to=x@elsewhere.example`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'message/rfc822' },
    body: 'Subject: by http\n\nhello\n',
  });
  expect(answer.status).toBe(202);
  const { id, recipients } = (await answer.json()) as { id: string; recipients: number };
  expect(recipients).toBe(2);
  const mail = await taken();
  expect(mail).toMatchObject({ rootId: id, sender: 'SMTP:ada@corp.example', origin: { gateway: 'http', trust: 'inside' } });
  expect(await stored(mail)).toMatch(/\r\nSubject: by http\r\n\r\nhello\r\n$/);
}, 30_000);

test('a repeated request is one mail; when Redis has forgotten it, it is the same mail again', async () => {
  const send = async (body: string) => {
    const answer = await fetch(`${http}/v1/messages?from=ada@corp.example&to=ben@corp.example`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'message/rfc822', 'idempotency-key': 'broker-1' },
      body,
    });
    return { status: answer.status, said: (await answer.json()) as { id?: string; code?: string } };
  };
  const body = 'Subject: once\n\nhello\n';
  const first = await send(body);
  const again = await send(body);
  expect([first.status, again]).toEqual([202, first]);
  expect(await send(body.replace('hello', 'bye'))).toMatchObject({ status: 422, said: { code: 'idempotency-key-reused' } });
  const mail = await taken();

  const { client } = openRedis(redis.redisUrl, { queueWhileAway: true, autoPipelining: false, retryMs: () => 100 });
  for (const key of await client.keys('mailrail:http:*')) await client.del(key);
  client.disconnect();
  expect(await send(body)).toEqual(first);
  const repeat = await taken();
  expect(repeat.mailId).toBe(mail.mailId);
  expect(repeat.content).toEqual(mail.content);
  expect(repeat.copyId).not.toBe(mail.copyId); // another publication, which the claim of Advanced Queuing drops
  expect(await send(body.replace('hello', 'bye'))).toMatchObject({ status: 422, said: { code: 'idempotency-key-reused' } });
}, 30_000);

test('files of both folders are in the queue, and gone from the folders', async () => {
  await drop('pickup', 'p.eml', 'From: ada@corp.example\nTo: ben@corp.example\nBcc: chloe@corp.example\nSubject: by pickup\n\nhello\n');
  const picked = await taken();
  expect(picked).toMatchObject({ origin: { gateway: 'pickup', dialect: 'pickup', peer: 'p.eml', trust: 'outside', authenticated: false } });
  expect(picked.recipients.map(({ address }) => address)).toEqual(['SMTP:ben@corp.example', 'SMTP:chloe@corp.example']);
  expect(await stored(picked)).not.toMatch(/chloe/);

  await drop('replay', 'r.eml', 'X-Sender: <>\nX-Receiver: <x@elsewhere.example> NOTIFY=NEVER\nSubject: by replay\n\nhello\n');
  const replayed = await taken();
  expect(replayed).toMatchObject({
    sender: null,
    recipients: [{ address: 'SMTP:x@elsewhere.example', notify: 'never' }],
    origin: { dialect: 'replay' },
  });
  for (const gateway of ['pickup', 'replay']) {
    const isEmpty = async () =>
      (await Promise.all(['IN', 'WORK', 'BAD'].map((name) => readdir(join(base, 'in', gateway, name))))).flat().length === 0;
    await waitFor(isEmpty, { what: `empty folders of ${gateway}` });
  }
}, 30_000);

test('a file that cannot be taken is in BAD with its report', async () => {
  await drop('pickup', 'bad.eml', 'From: ada@corp.example\nTo: x@elsewhere.example\n\nhello\n');
  const report = join(base, 'in', 'pickup', 'BAD', 'bad.eml.report.json');
  expect(JSON.parse(await waitFor(() => readFile(report, 'utf8'), { what: 'the report' }))).toMatchObject({
    code: 'auth',
    gateway: 'pickup',
  });
}, 30_000);

async function drop(gateway: string, name: string, content: string): Promise<void> {
  const folder = join(base, 'in', gateway, 'IN');
  await writeFile(join(folder, `.${name}`), content);
  await rename(join(folder, `.${name}`), join(folder, name));
}

async function taken(): Promise<ForeignMessage> {
  const payload = await waitFor(
    async () => {
      const path = `queues/${vhost.name}/${queueName('gateway.in')}/get`;
      const got = await vhost.api('POST', path, { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' });
      const [first]: unknown[] = Array.isArray(got) ? got : [];
      return typeof first === 'object' && first !== null && 'payload' in first ? String(first.payload) : undefined;
    },
    { what: 'a mail in the queue', timeoutMs: 20_000 },
  );
  const [mail] = Bag.parse(JSON.parse(payload)).mails;
  return ForeignMessage.schema.parse(mail);
}

async function stored(mail: ForeignMessage): Promise<string> {
  let text = '';
  for await (const chunk of filesystemContentStore({ directory: join(base, 'content') }).read(mail.content.ref)) text += String(chunk);
  return text;
}
