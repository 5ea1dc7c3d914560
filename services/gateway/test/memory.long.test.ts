import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { freshVhost, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { declareTopology, topologyOf } from '@mailrail/topology';
import { type GatewayProcess, gatewayProcess } from './gateway-process.ts';
import { Talk } from './talk.ts';

let folder: string;
let vhost: Vhost;
let redis: TestRedis;
let gateway: GatewayProcess;

/** A gateway as a process of its own: its resident memory is what the system says. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-memory-'));
  [vhost, redis] = await Promise.all([freshVhost(), redisForTests()]);
  await declareTopology(topologyOf([]), vhost.amqpUrl, vhost.managementUrl);
  await writeFile(
    join(folder, 'organization.yaml'),
    'organization: Corp\nsite: london\nserver: EX1\nservers: [{ name: EX1, site: london }]\nhostname: gw.corp.example\n' +
      'domains: [{ name: corp.example, type: authoritative }]\npostmaster: postmaster@corp.example\nlimits: { messageBytes: 60MB }\n' +
      'gateways: [{ name: smtp, kind: smtp }, { name: lmtp, kind: smtp, listener: lmtp, senderChecks: mark }]\n',
  );
  gateway = await gatewayProcess(
    {
      AMQP_URL: vhost.amqpUrl,
      REDIS_URL: redis.redisUrl,
      ORGANIZATION_FILE: join(folder, 'organization.yaml'),
      CONTENT_DIR: join(folder, 'content'),
      DNS_SERVERS: '127.0.0.1:1', // nobody: every answer is temperror, at once
      SMTP_PORT: '0',
      LMTP_PORT: '0',
    },
    ['--max-semi-space-size=8', '--expose-gc', '--import', "data:text/javascript,process.on('SIGUSR2',()=>globalThis.gc())"],
  );
}, 60_000);

afterEach(() => Talk.destroyAll());

afterAll(async () => {
  await gateway.stop();
  await Promise.all([vhost.drop(), redis.drop(), rm(folder, { recursive: true })]);
}, 30_000);

function megabytes(field: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${gateway.pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) / 1_024;
}

/** The most that is resident while something happens (proc(5): 5 resets the high-water mark). */
async function peakDuring(action: () => Promise<void>): Promise<number> {
  writeFileSync(`/proc/${gateway.pid}/clear_refs`, '5');
  await action();
  return megabytes('VmHWM');
}

/** What is resident when nothing is left that only waits to be collected: how much of that there is varies more than what is asked here. */
async function megabytesInUse(): Promise<number> {
  const talk = await Talk.hello(gateway.ports.smtp);
  process.kill(gateway.pid, 'SIGUSR2');
  for (let turn = 0; turn < 3; turn++) await talk.say('NOOP'); // the signal was heard in between
  await talk.say('QUIT');
  return megabytes('VmRSS');
}

const line = Buffer.from(`${'x'.repeat(70)}\r\n`);
const envelope = ['MAIL FROM:<>', 'RCPT TO:<ada@corp.example>', 'DATA'];

/** Connects to the listener that checks senders. */
async function helloChecked(port: number): Promise<Talk> {
  const talk = await Talk.to(port);
  await talk.reply();
  await talk.say('LHLO client.example');
  return talk;
}

async function sendLarge(talk: Talk, sizeBytes: number, header = ''): Promise<void> {
  for (const command of envelope) await talk.say(command);
  talk.send(`${header}From: zoe@elsewhere.example\r\n\r\n`);
  const piece = Buffer.concat(Array.from({ length: 900 }, () => line));
  for (let sent = 0; sent < sizeBytes; sent += piece.length) {
    if (!talk.socket.write(piece)) await once(talk.socket, 'drain');
  }
  expect(await talk.say('.')).toMatch(/^250/);
}

const small = `Subject: x\r\n\r\n${line.toString().repeat(55)}`;

test('a message of 50 MB passes with less than 20 MB of extra memory, and so do the next ones', async () => {
  const talk = await Talk.hello(gateway.ports.smtp);
  for (let count = 0; count < 200; count++) await talk.mail({ content: small });
  const before = megabytes('VmRSS');
  const peaks: number[] = [];
  for (let count = 0; count < 4; count++) peaks.push((await peakDuring(() => sendLarge(talk, 50_000_000))) - before);
  for (const peak of peaks) expect(peak).toBeLessThan(20);
}, 120_000);

/** Nobody has the key, but the body is hashed before anybody asks. */
const signature =
  'DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=elsewhere.example; s=x; h=from;\r\n' +
  ' bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n';

test('no more with senders checked', async () => {
  const talk = await helloChecked(gateway.ports.lmtp);
  for (let count = 0; count < 50; count++) await talk.mail({ content: small });
  const before = megabytes('VmRSS');
  const peaks: number[] = [];
  for (let count = 0; count < 3; count++) peaks.push((await peakDuring(() => sendLarge(talk, 50_000_000, signature))) - before);
  for (const peak of peaks) expect(peak).toBeLessThan(20);
}, 120_000);

test('a client that drips costs nothing but its socket', async () => {
  const talks = await Promise.all(Array.from({ length: 100 }, () => Talk.hello(gateway.ports.smtp)));
  for (const [at, talk] of talks.entries()) {
    if (at % 2 === 0) for (const command of envelope) await talk.say(command);
    talk.socket.setNoDelay(true);
  }
  expect(await gateway.metric('mailrail_sessions{name="smtp",stage="gateway"}')).toBe(100);
  const drip = async (rounds: number) => {
    for (let round = 0; round < rounds; round++) {
      for (const talk of talks) talk.send('x');
      await waitFor(() => talks.every(({ socket }) => socket.writableLength === 0), { what: 'bytes on their way' });
    }
  };
  await drip(300); // until the heap has found its size
  const before = await megabytesInUse();
  await drip(1_500);
  expect((await megabytesInUse()) - before).toBeLessThan(10);
}, 120_000);

test('200 sessions at once stay under 300 MB, whether they wait, send small mail or large', async () => {
  const talks = await Promise.all(Array.from({ length: 200 }, () => Talk.hello(gateway.ports.smtp)));
  expect(await peakDuring(async () => void (await Promise.all(talks.map((talk) => talk.say('NOOP')))))).toBeLessThan(300);
  const withSmall = await peakDuring(async () => {
    for (let round = 0; round < 10; round++) {
      const answers = await Promise.all(talks.map((talk) => talk.mail({ content: small })));
      for (const answer of answers) expect(answer).toMatch(/^250/);
    }
  });
  const withLarge = await peakDuring(async () => void (await Promise.all(talks.map((talk) => sendLarge(talk, 500_000)))));
  expect(withSmall).toBeLessThan(300);
  expect(withLarge).toBeLessThan(300);
}, 120_000);

test.each([
  ['signed', signature],
  ['unsigned', ''],
])(
  'and so do 200 sessions with half a megabyte each whose senders are checked: %s',
  async (_, header) => {
    const talks = await Promise.all(Array.from({ length: 200 }, () => helloChecked(gateway.ports.lmtp)));
    for (let round = 0; round < 3; round++) {
      const peak = await peakDuring(async () => void (await Promise.all(talks.map((talk) => sendLarge(talk, 500_000, header)))));
      expect(peak).toBeLessThan(300);
    }
  },
  120_000,
);
