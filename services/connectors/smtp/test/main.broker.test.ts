import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { filesystemContentStore } from '@mailrail/content-store';
import { Bag, DeliveryReport, RoutedMail } from '@mailrail/contracts';
import { type ScriptedServer, scriptedServer } from '@mailrail/hand-over/scripted-server';
import { redisLedger } from '@mailrail/ledger';
import { ConfigError, type Running } from '@mailrail/pipeline';
import { silentLog } from '@mailrail/telemetry';
import { freshVhost, mailTo, messageBytes, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { badmailQueue, connectorStation, declareTopology, queueName, rungQueue, topologyOf } from '@mailrail/topology';
import { start } from '../src/main.ts';

let folder: string;
let vhost: Vhost;
let redis: TestRedis;
let server: ScriptedServer;
let running: Running;
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'connector-smtp-'));
  [vhost, redis] = await Promise.all([freshVhost(), redisForTests()]);
  server = await scriptedServer({
    offers: ['PIPELINING', 'AUTH PLAIN', 'DSN'],
    say: (phase, line) => {
      if (phase !== 'RCPT') return undefined;
      return line.includes('ben') ? '550 5.1.1 unknown' : line.includes('chloe') ? '450 4.2.0 greylisted' : undefined;
    },
  });
  await declareTopology(topologyOf([{ name: 'internet', kind: 'smtp' }]), vhost.amqpUrl, vhost.managementUrl);
  const file = join(folder, 'organization.yaml');
  await writeFile(
    file,
    `organization: Corp
site: london
server: EX1
servers: [{ name: EX1, site: london }]
domains: [{ name: corp.example, type: authoritative }]
postmaster: postmaster@corp.example
connectors:
  - { name: internet, kind: smtp, addressSpaces: [{ space: 'SMTP:*' }], smartHosts: ['127.0.0.1:${server.port}'], tls: never, user: corp, passwordEnv: SMART_HOST_PASSWORD }
`,
  );
  env = {
    AMQP_URL: vhost.amqpUrl,
    REDIS_URL: redis.redisUrl,
    ORGANIZATION_FILE: file,
    CONTENT_DIR: join(folder, 'content'),
    LOG_LEVEL: 'silent',
  };
}, 30_000);

afterAll(async () => {
  await running?.stop();
  await server[Symbol.asyncDispose]();
  await Promise.all([vhost.drop(), redis.drop(), rm(folder, { recursive: true })]);
});

test.each([
  { name: 'no connector named', role: undefined, gives: 'name the connector, as the first argument or in CONNECTOR_NAME' },
  { name: 'no such connector', role: 'paris', gives: 'the organization has no smtp connector paris; it has internet' },
  { name: 'a password that is not there', role: 'internet', gives: 'connector internet has a user, but SMART_HOST_PASSWORD is not set' },
])('does not start: $name', async ({ role, gives }) => {
  const error = await start(env, role).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  expect(String(error)).toContain(gives);
});

test('hands a mail over, reports who was refused, and lets wait who is to wait', async () => {
  server.sessions.length = 0;
  const bytes = Buffer.concat([Buffer.from('Return-Path: <zoe@elsewhere.example>\r\n'), messageBytes()]);
  const store = filesystemContentStore({ directory: join(folder, 'content') });
  const about = mailTo(['ada@remote.example', 'ben@remote.example', 'chloe@remote.example']);
  const stored = await store.put({ rootId: about.rootId, form: 'smtp' }, [bytes]);
  const content = { ...about.content, ref: stored.ref, sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  const now = Date.now();
  const mail = RoutedMail.schema.parse({
    ...about,
    content: { ...content, relayOffset: bytes.indexOf('\n') + 1 },
    renderedAt: now,
    submittedAt: now,
    categorizedAt: now,
    connector: 'internet',
    destination: 'remote.example',
    routedBy: 'SMTP:* cost 1',
  });

  running = await start({ ...env, CONNECTOR_NAME: 'internet', SMART_HOST_PASSWORD: 's3cret' });
  const ready = async () => (await fetch(`http://127.0.0.1:${running.adminPort}/health/ready`)).ok;
  await waitFor(ready, { what: 'a connector that is ready', timeoutMs: 20_000 });
  await vhost.api('POST', `exchanges/${vhost.name}/mail/publish`, {
    routing_key: connectorStation('internet'),
    payload: JSON.stringify({ schema: 'connector.v1', mails: [mail] }),
    payload_encoding: 'string',
    properties: { message_id: mail.copyId, type: 'connector.v1', delivery_mode: 2, headers: {} },
  });

  const reported = await waitFor(() => take(queueName('aq.reports')), { what: 'the report', timeoutMs: 20_000 });
  expect(DeliveryReport.schema.parse(Bag.parse(JSON.parse(reported)).mails[0])).toMatchObject({
    rootId: mail.rootId,
    reportedBy: 'connectors/smtp.internet',
    about: [{ action: 'failed', status: '5.1.1', remote: { mta: 'mx.remote.example', reply: '550 5.1.1 unknown' } }],
  });
  const waiting = await waitFor(() => take(rungQueue('1m')), { what: 'the mail on the ladder', timeoutMs: 20_000 });
  expect(RoutedMail.schema.parse(Bag.parse(JSON.parse(waiting)).mails[0])).toMatchObject({
    rootId: mail.rootId,
    parentId: mail.mailId,
    attempt: 2,
    lastReason: '450 4.2.0 greylisted',
    recipients: [{ address: 'SMTP:chloe@remote.example' }],
  });
  expect(server.mails.map(({ from, to }) => ({ from: from.split(' ')[0], to }))).toEqual([
    { from: '<zoe@elsewhere.example>', to: ['<ada@remote.example>'] },
  ]);
  expect(server.mails[0]?.data.equals(bytes.subarray(bytes.indexOf('\n') + 1))).toBe(true);
  expect(server.sessions[0]?.commands[1]).toBe(`AUTH PLAIN ${Buffer.from('\0corp\0s3cret').toString('base64')}`);

  const ledger = redisLedger({ url: redis.redisUrl, log: silentLog });
  expect(await ledger.counts()).toEqual({ handedOver: 1 });
  await ledger.close();
  expect(await take(badmailQueue(connectorStation('internet')))).toBeUndefined();
}, 50_000);

/** The oldest message of a queue as text, taken off it. */
async function take(queue: string): Promise<string | undefined> {
  const taken = await vhost.api('POST', `queues/${vhost.name}/${queue}/get`, { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' });
  const [first]: unknown[] = Array.isArray(taken) ? taken : [];
  return typeof first === 'object' && first !== null && 'payload' in first ? String(first.payload) : undefined;
}
