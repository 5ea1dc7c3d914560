import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { filesystemContentStore } from '@mailrail/content-store';
import { Bag, type Envelope, ForeignMessage, OutboundMail } from '@mailrail/contracts';
import { redisLedger } from '@mailrail/ledger';
import { newRootId } from '@mailrail/mail';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { freshVhost, redisForTests, type TcpProxy, type TestRedis, tcpProxy, type Vhost, waitFor } from '@mailrail/testing';
import { declareTopology, queueName, topologyOf } from '@mailrail/topology';
import { Talk } from './talk.ts';

let folder: string;
let vhost: Vhost;
let redis: TestRedis;
let proxy: TcpProxy;
let gateway: ChildProcess;
let ports: { smtp: number; submission: number; site: number; lmtp: number; adminPort: number };

/** The gateway as a process of its own, its broker behind a proxy that can fail. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-smtp-'));
  [vhost, redis] = await Promise.all([freshVhost(), redisForTests()]);
  await declareTopology(topologyOf([]), vhost.amqpUrl, vhost.managementUrl);
  const broker = new URL(vhost.amqpUrl);
  proxy = await tcpProxy({ host: broker.hostname, port: Number(broker.port || 5672) });
  const amqp = new URL(vhost.amqpUrl);
  amqp.hostname = '127.0.0.1';
  amqp.port = String(proxy.port);
  const file = join(folder, 'organization.yaml');
  await writeFile(
    file,
    'organization: Corp\nsite: london\nserver: EX1\nservers: [{ name: EX1, site: london }, { name: EX2, site: paris }]\n' +
      'domains: [{ name: corp.example, type: authoritative }]\npostmaster: postmaster@corp.example\n',
  );
  gateway = spawn(process.execPath, [join(import.meta.dirname, '..', 'src', 'main.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      PATH: process.env['PATH'],
      AMQP_URL: amqp.href,
      REDIS_URL: redis.redisUrl,
      ORGANIZATION_FILE: file,
      CONTENT_DIR: join(folder, 'content'),
      SMTP_PORT: '0',
      SUBMISSION_PORT: '0',
      SUBMISSION_USER: 'app',
      SUBMISSION_PASSWORD: 'secret',
      SITE_PORT: '0',
      LMTP_PORT: '0',
      SITE_SECRET: 'between sites',
    },
  });
  ports = await listening(gateway);
  const ready = async () => (await fetch(`http://127.0.0.1:${ports.adminPort}/health/ready`)).ok;
  await waitFor(ready, { what: 'a gateway that is ready', timeoutMs: 20_000 });
}, 40_000);

afterAll(async () => {
  Talk.destroyAll();
  if (gateway.exitCode === null) {
    const exited = once(gateway, 'exit');
    gateway.kill('SIGTERM');
    await exited;
  }
  await proxy.close();
  await Promise.all([vhost.drop(), redis.drop(), rm(folder, { recursive: true })]);
}, 30_000);

test('a mail from outside is in 1.gateway.in, its bytes in the store, and counted', async () => {
  const talk = await Talk.hello(ports.smtp);
  const answer = await talk.mail({ to: ['ada@corp.example', 'ben@corp.example'] });
  const bag = await take(queueName('gateway.in'));
  expect(bag.schema).toBe('gateway.in.v1');
  const mail = ForeignMessage.schema.parse(bag.mails[0]);
  expect(answer).toBe(`250 2.0.0 Ok: queued as ${mail.rootId}`);
  expect(mail).toMatchObject({ recipients: [{ address: 'SMTP:ada@corp.example' }, { address: 'SMTP:ben@corp.example' }] });
  expect(await stored(mail)).toMatch(/^Return-Path: <zoe@elsewhere\.example>\r\nReceived: .*\r\nSubject: x\r\n\r\nHello\.\r\n$/s);
  const ledger = redisLedger({ url: redis.redisUrl, log: silentLog, metrics: createMetrics('test') });
  await waitFor(
    async () => {
      const counts = await ledger.counts();
      return counts !== 'silent' && counts.accepted === 2;
    },
    { what: 'the count of accepted recipients' },
  );
  await ledger.close();
}, 30_000);

test('250 recipients are three mails of one message', async () => {
  const talk = await Talk.hello(ports.smtp);
  talk.send(
    `MAIL FROM:<zoe@elsewhere.example>\r\n${Array.from({ length: 250 }, (_, at) => `RCPT TO:<r${at}@corp.example>\r\n`).join('')}DATA\r\n`,
  );
  for (let count = 0; count < 252; count++) await talk.reply();
  expect(await talk.say('x\r\n.')).toMatch(/^250/);
  const parts: Envelope[] = [];
  while (parts.length < 3) parts.push(...(await take(queueName('gateway.in'))).mails.map((mail) => ForeignMessage.schema.parse(mail)));
  expect(parts.map(({ part, recipients }) => [part?.k, part?.n, recipients.length]).sort(([a = 0], [b = 0]) => a - b)).toEqual([
    [1, 3, 100],
    [2, 3, 100],
    [3, 3, 50],
  ]);
  expect(new Set(parts.map(({ rootId }) => rootId)).size).toBe(1);
}, 30_000);

test('submission and a peer site', async () => {
  const plain = (user: string, password: string) => `AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`;
  const app = await Talk.hello(ports.submission);
  await app.say(plain('app', 'secret'));
  expect(await app.mail({ from: 'ada@corp.example', to: ['x@foreign.example'] })).toMatch(/^250/);
  expect((await take(queueName('gateway.in'))).mails[0]).toMatchObject({ origin: { authenticated: true, trust: 'inside' } });

  const peer = await Talk.hello(ports.site);
  await peer.say(plain('paris', 'between sites'));
  const parameters = ` XMAILRAIL=${newRootId()},${newRootId()},1,00-${'a'.repeat(32)}-${'b'.repeat(16)}-01,outside`;
  expect(await peer.mail({ parameters })).toMatch(/^250/);
  const bag = await take(queueName('mts-out'));
  expect(OutboundMail.schema.parse(bag.mails[0])).toMatchObject({ hop: 1, origin: { gateway: 'site', trust: 'outside' } });
}, 30_000);

test('LMTP: two recipients, two answers, one mail in the queue', async () => {
  const talk = await Talk.to(ports.lmtp);
  await talk.reply();
  await talk.say('LHLO postfix.example');
  talk.send('MAIL FROM:<>\r\nRCPT TO:<ada@corp.example>\r\nRCPT TO:<ben@corp.example>\r\nBDAT 14 LAST\r\nSubject: x\r\n\r\n');
  for (let count = 0; count < 3; count++) expect(await talk.reply()).toMatch(/^250/);
  const answers = [await talk.reply(), await talk.reply()];
  const mail = ForeignMessage.schema.parse((await take(queueName('gateway.in'))).mails[0]);
  expect(answers).toEqual(Array.from({ length: 2 }, () => `250 2.0.0 Ok: queued as ${mail.rootId}`));
  expect(mail).toMatchObject({ sender: null, recipients: [{ address: 'SMTP:ada@corp.example' }, { address: 'SMTP:ben@corp.example' }] });
  expect(await stored(mail)).toMatch(/with LMTP id .*\r\nSubject: x\r\n\r\n$/s);
}, 30_000);

test('the broker is gone: 421 at connect, and it recovers alone', async () => {
  await proxy.refuse();
  await waitFor(() => greeting('421 4.3.2'), { what: '421 at connect', timeoutMs: 15_000 });
  await proxy.heal();
  await waitFor(() => greeting('220'), { what: 'a greeting again', timeoutMs: 20_000 });
  await acceptedAgain();
}, 60_000);

test('the network swallows everything: 451, and it recovers alone', async () => {
  const talk = await Talk.hello(ports.smtp);
  proxy.blackhole();
  expect(await talk.mail()).toMatch(/^4(51 4\.3\.0|52 4\.3\.1|21 4\.3\.2)/);
  await proxy.heal();
  await waitFor(() => greeting('220'), { what: 'a greeting again', timeoutMs: 20_000 });
  await acceptedAgain();
}, 60_000);

test('SIGTERM: a mail in hand is finished, then the process ends', async () => {
  const talk = await Talk.hello(ports.smtp);
  await talk.say('MAIL FROM:<zoe@elsewhere.example>');
  await talk.say('RCPT TO:<ada@corp.example>');
  await talk.say('DATA');
  const idle = await Talk.hello(ports.smtp);
  const exited = once(gateway, 'exit');
  gateway.kill('SIGTERM');
  expect(await idle.reply()).toMatch(/^421 4\.3\.2/);
  expect(await talk.say('Subject: last\r\n\r\n.')).toMatch(/^250/);
  expect(await talk.reply()).toMatch(/^421 4\.3\.2/);
  Talk.destroyAll();
  expect(await exited).toEqual([0, null]);
  const mails = await waitFor(async () => (await take(queueName('gateway.in'))).mails, { what: 'the last mail' });
  expect(await stored(ForeignMessage.schema.parse(mails.at(-1)))).toContain('Subject: last');
}, 30_000);

async function listening(child: ChildProcess): Promise<typeof ports> {
  if (child.stdout === null) throw new Error('no output');
  for await (const text of createInterface(child.stdout)) {
    const line: unknown = JSON.parse(text);
    if (typeof line !== 'object' || line === null || !('event' in line) || line.event !== 'gateway.listening') continue;
    child.stdout.resume();
    return line as unknown as typeof ports; // numbers, or the connections below fail
  }
  throw new Error('the gateway ended without listening');
}

async function greeting(code: string): Promise<boolean> {
  const talk = await Talk.to(ports.smtp);
  const reply = await talk.reply();
  talk.destroy();
  return reply.startsWith(code);
}

/** A mail is accepted now; what was published without our knowing may be in front of it (R4). */
async function acceptedAgain(): Promise<void> {
  const reply = await waitFor(
    async () => {
      const answer = await (await Talk.hello(ports.smtp)).mail();
      return answer.startsWith('250') && answer;
    },
    { what: 'a mail accepted', timeoutMs: 20_000 },
  );
  await waitFor(async () => (await take(queueName('gateway.in'))).mails.some((mail) => JSON.stringify(mail).includes(reply.slice(-36))), {
    what: 'the mail in the queue',
  });
}

async function stored(mail: Envelope): Promise<string> {
  const chunks: Buffer[] = [];
  const content = filesystemContentStore({ directory: join(folder, 'content') });
  for await (const chunk of content.read(mail.content.ref)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

/** The oldest bag of a queue, taken off it. */
async function take(queue: string): Promise<Bag> {
  return waitFor(
    async () => {
      const taken = await vhost.api('POST', `queues/${vhost.name}/${queue}/get`, {
        count: 1,
        ackmode: 'ack_requeue_false',
        encoding: 'auto',
      });
      const [first]: unknown[] = Array.isArray(taken) ? taken : [];
      return typeof first === 'object' && first !== null && 'payload' in first && Bag.parse(JSON.parse(String(first.payload)));
    },
    { what: `a bag in ${queue}`, timeoutMs: 10_000 },
  );
}
