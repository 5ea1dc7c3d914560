import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { DeliveryReport, RoutedMail } from '@mailrail/contracts';
import { type ScriptedServer, scriptedServer } from '@mailrail/hand-over/scripted-server';
import { redisLedger } from '@mailrail/ledger';
import { ConfigError, type Running } from '@mailrail/pipeline';
import { type ServicePlace, servicePlace } from '@mailrail/pipeline/service-place';
import { silentLog } from '@mailrail/telemetry';
import { mailTo, messageBytes } from '@mailrail/testing';
import { badmailQueue, connectorStation, queueName, rungQueue } from '@mailrail/topology';
import { start } from '../src/main.ts';

let place: ServicePlace;
let server: ScriptedServer;
let running: Running;

beforeAll(async () => {
  server = await scriptedServer({
    offers: ['PIPELINING', 'AUTH PLAIN', 'DSN'],
    say: (phase, line) => {
      if (phase !== 'RCPT') return undefined;
      return line.includes('ben') ? '550 5.1.1 unknown' : line.includes('chloe') ? '450 4.2.0 greylisted' : undefined;
    },
  });
  place = await servicePlace({
    connectors: [{ name: 'internet', kind: 'smtp' }],
    organization: `connectors:
  - { name: internet, kind: smtp, addressSpaces: [{ space: 'SMTP:*' }], smartHosts: ['127.0.0.1:${server.port}'], tls: never, user: corp, passwordEnv: SMART_HOST_PASSWORD }
`,
  });
}, 30_000);

afterAll(async () => {
  await running?.stop();
  await server[Symbol.asyncDispose]();
  await place.close();
});

test.each([
  { name: 'no connector named', role: undefined, gives: 'name the connector, as the first argument or in CONNECTOR_NAME' },
  { name: 'no such connector', role: 'paris', gives: 'the organization has no smtp connector paris; it has internet' },
  { name: 'a password that is not there', role: 'internet', gives: 'connector internet has a user, but SMART_HOST_PASSWORD is not set' },
])('does not start: $name', async ({ role, gives }) => {
  const error = await start(place.env, role).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(ConfigError);
  expect(String(error)).toContain(gives);
});

test('hands a mail over, reports who was refused, and lets wait who is to wait', async () => {
  server.sessions.length = 0;
  const bytes = Buffer.concat([Buffer.from('Return-Path: <zoe@elsewhere.example>\r\n'), messageBytes()]);
  const stored = await place.withContent(mailTo(['ada@remote.example', 'ben@remote.example', 'chloe@remote.example']), 'smtp', bytes);
  const now = Date.now();
  const mail = RoutedMail.schema.parse({
    ...stored,
    content: { ...stored.content, relayOffset: bytes.indexOf('\n') + 1 },
    renderedAt: now,
    submittedAt: now,
    categorizedAt: now,
    connector: 'internet',
    destination: 'remote.example',
    routedBy: 'SMTP:* cost 1',
  });

  running = await start({ ...place.env, CONNECTOR_NAME: 'internet', SMART_HOST_PASSWORD: 's3cret' });
  await place.ready(running);
  await place.publish(connectorStation('internet'), mail, 'connector.v1');

  const reported = await place.takeBag(queueName('aq.reports'));
  expect(DeliveryReport.schema.parse(reported.mails[0])).toMatchObject({
    rootId: mail.rootId,
    reportedBy: 'connectors/smtp.internet',
    about: [{ action: 'failed', status: '5.1.1', remote: { mta: 'mx.remote.example', reply: '550 5.1.1 unknown' } }],
  });
  const waiting = await place.takeBag(rungQueue('1m'));
  expect(RoutedMail.schema.parse(waiting.mails[0])).toMatchObject({
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

  const ledger = redisLedger({ url: place.redis.redisUrl, log: silentLog });
  expect(await ledger.counts()).toEqual({ handedOver: 1 });
  await ledger.close();
  expect(await place.take(badmailQueue(connectorStation('internet')))).toBeUndefined();
}, 50_000);
