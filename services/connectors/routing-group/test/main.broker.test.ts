import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { filesystemContentStore } from '@mailrail/content-store';
import { RoutedMail } from '@mailrail/contracts';
import { type Script, type ScriptedServer, scriptedServer } from '@mailrail/hand-over/scripted-server';
import { ConfigError, type Running } from '@mailrail/pipeline';
import { freshVhost, mailTo, messageBytes, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { connectorStation, declareTopology, topologyOf } from '@mailrail/topology';
import { start } from '../src/main.ts';

let folder: string;
let vhost: Vhost;
let redis: TestRedis;
let down: ScriptedServer;
let paris: ScriptedServer;
let running: Running;
let env: NodeJS.ProcessEnv;

/** A site offers the extension to those who have proved themselves. */
const siteListener: Script = {
  offers: ['PIPELINING', 'AUTH PLAIN', 'DSN', 'SIZE 52428800'],
  say: (phase, _, session) =>
    phase === 'EHLO' && session.commands.some((line) => line.startsWith('AUTH'))
      ? '250-paris.corp.example\r\n250-PIPELINING\r\n250-DSN\r\n250 XMAILRAIL'
      : undefined,
};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'connector-routing-group-'));
  [vhost, redis] = await Promise.all([freshVhost(), redisForTests()]);
  down = await scriptedServer({ say: (phase) => (phase === 'CONNECT' ? '421 4.3.2 stopping' : undefined) });
  paris = await scriptedServer(siteListener);
  await declareTopology(topologyOf([{ name: 'to-paris', kind: 'routing-group' }]), vhost.amqpUrl, vhost.managementUrl);
  const file = join(folder, 'organization.yaml');
  await writeFile(
    file,
    `organization: Corp
site: london
server: EX1
servers: [{ name: EX1, site: london }, { name: EX2, site: paris }]
domains: [{ name: corp.example, type: authoritative }]
postmaster: postmaster@corp.example
connectors:
  - { name: to-paris, kind: routing-group, site: paris, bridgeheads: ['127.0.0.1:${down.port}', '127.0.0.1:${paris.port}'], tls: never }
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
  await Promise.all([down, paris].map((server) => server[Symbol.asyncDispose]()));
  await Promise.all([vhost.drop(), redis.drop(), rm(folder, { recursive: true })]);
});

test.each([
  {
    name: 'a connector of another kind or none',
    role: 'internet',
    more: {},
    gives: 'no routing-group connector internet; it has to-paris',
  },
  { name: 'a certificate without its key', role: 'to-paris', more: { TLS_CERT: 'x.pem' }, gives: 'TLS_CERT and TLS_KEY come together' },
])('does not start: $name', async ({ role, more, gives }) => {
  const error = await start({ ...env, ...more }, role).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  expect(String(error)).toContain(gives);
});

test('tries the bridgeheads in order, proves its site, and tells the identity of the mail', async () => {
  const bytes = Buffer.concat([Buffer.from('Return-Path: <zoe@elsewhere.example>\r\n'), messageBytes()]);
  const store = filesystemContentStore({ directory: join(folder, 'content') });
  const about = mailTo(['chloe@corp.example']);
  const stored = await store.put({ rootId: about.rootId, form: 'smtp' }, [bytes]);
  const content = { ...about.content, ref: stored.ref, sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  const now = Date.now();
  const mail = RoutedMail.schema.parse({
    ...about,
    content: { ...content, relayOffset: bytes.indexOf('\n') + 1 },
    renderedAt: now,
    submittedAt: now,
    categorizedAt: now,
    targetSite: 'paris',
    connector: 'to-paris',
    destination: 'paris',
    routedBy: 'site paris, cost 1',
  });

  running = await start({ ...env, SITE_SECRET: 's3cret' }, 'to-paris');
  const ready = async () => (await fetch(`http://127.0.0.1:${running.adminPort}/health/ready`)).ok;
  await waitFor(ready, { what: 'a connector that is ready', timeoutMs: 20_000 });
  await vhost.api('POST', `exchanges/${vhost.name}/mail/publish`, {
    routing_key: connectorStation('to-paris'),
    payload: JSON.stringify({ schema: 'connector.v1', mails: [mail] }),
    payload_encoding: 'string',
    properties: { message_id: mail.copyId, type: 'connector.v1', delivery_mode: 2, headers: {} },
  });

  const arrived = await waitFor(() => paris.mails[0], { what: 'the mail at the other site', timeoutMs: 20_000 });
  expect(arrived.from).toBe(`<zoe@elsewhere.example> XMAILRAIL=${mail.rootId},${mail.mailId},1,${mail.trace.parent},outside`);
  expect(arrived.to).toEqual(['<chloe@corp.example>']);
  expect(down.sessions).toHaveLength(1);
  expect(paris.sessions[0]?.commands[1]).toBe(`AUTH PLAIN ${Buffer.from('\0london\0s3cret').toString('base64')}`);
}, 50_000);
