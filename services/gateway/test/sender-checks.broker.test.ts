import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { filesystemContentStore } from '@mailrail/content-store';
import { Bag, ForeignMessage } from '@mailrail/contracts';
import { freshVhost, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { declareTopology, queueName, topologyOf } from '@mailrail/topology';
import { createTransport } from 'nodemailer';
import { type TestDns, dnsServer } from './dns-server.ts';
import { type GatewayProcess, gatewayProcess } from './gateway-process.ts';
import { Talk } from './talk.ts';

const keys = generateKeyPairSync('rsa', { modulusLength: 2_048 });
let folder: string;
let vhost: Vhost;
let redis: TestRedis;
let dns: TestDns;
let gateway: GatewayProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-senders-'));
  const publicKey = keys.publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  [vhost, redis, dns] = await Promise.all([
    freshVhost(),
    redisForTests(),
    dnsServer({
      'elsewhere.example': 'v=spf1 ip4:127.0.0.0/8 -all',
      'sel._domainkey.elsewhere.example': `v=DKIM1; k=rsa; p=${publicKey}`,
      '_dmarc.elsewhere.example': 'v=DMARC1; p=reject',
    }),
  ]);
  await declareTopology(topologyOf([]), vhost.amqpUrl, vhost.managementUrl);
  await writeFile(
    join(folder, 'organization.yaml'),
    'organization: Corp\nsite: london\nserver: EX1\nservers: [{ name: EX1, site: london }]\nhostname: gw.corp.example\n' +
      'domains: [{ name: corp.example, type: authoritative }]\npostmaster: postmaster@corp.example\n' +
      'gateways: [{ name: smtp, kind: smtp, senderChecks: reject }]\n',
  );
  gateway = await gatewayProcess({
    AMQP_URL: vhost.amqpUrl,
    REDIS_URL: redis.redisUrl,
    ORGANIZATION_FILE: join(folder, 'organization.yaml'),
    CONTENT_DIR: join(folder, 'content'),
    DNS_SERVERS: `127.0.0.1:${dns.port}`,
    SMTP_PORT: '0',
  });
}, 60_000);

afterAll(async () => {
  Talk.destroyAll();
  await gateway.stop();
  await Promise.all([dns.close(), vhost.drop(), redis.drop(), rm(folder, { recursive: true })]);
}, 30_000);

/** The next mail of the queue, its stored bytes. */
async function nextStored(): Promise<string> {
  const bag = await waitFor(
    async () => {
      const body = { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' };
      const taken = await vhost.api('POST', `queues/${vhost.name}/${queueName('gateway.in')}/get`, body);
      const [first]: unknown[] = Array.isArray(taken) ? taken : [];
      return typeof first === 'object' && first !== null && 'payload' in first && Bag.parse(JSON.parse(String(first.payload)));
    },
    { what: 'a mail in the queue' },
  );
  const { content } = ForeignMessage.schema.parse(bag.mails[0]);
  const chunks: Buffer[] = [];
  for await (const chunk of filesystemContentStore({ directory: join(folder, 'content') }).read(content.ref)) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

test.each([
  ['small', 'Hello, this is signed. \r\n'],
  ['large', 'A line of a large message, one of very many that are alike.\r\n'.repeat(60_000)],
])(
  'a %s mail that nodemailer signed: the line’s own bytes are the sender’s, and name servers of ours were asked',
  async (_, text) => {
    const sender = createTransport({
      host: '127.0.0.1',
      port: gateway.ports.smtp,
      ignoreTLS: true,
      dkim: {
        domainName: 'elsewhere.example',
        keySelector: 'sel',
        privateKey: String(keys.privateKey.export({ type: 'pkcs8', format: 'pem' })),
      },
    });
    const sent = await sender.sendMail({ from: 'zoe@elsewhere.example', to: 'ada@corp.example', subject: 'signed', text });
    expect(sent.response).toMatch(/^250 2\.0\.0 Ok: queued/);
    sender.close();
    const stored = await nextStored();
    expect(stored).toMatch(
      /^Return-Path: <zoe@elsewhere\.example>\r\nAuthentication-Results: gw\.corp\.example;\r\n\tdkim=pass header\.d=elsewhere\.example /,
    );
    expect(stored).toContain(
      '\r\n\tspf=pass smtp.mailfrom=elsewhere.example;\r\n\tdmarc=pass header.from=elsewhere.example policy.dmarc=reject\r\n',
    );
    expect(dns.asked).toContain('sel._domainkey.elsewhere.example');
  },
  30_000,
);

test('forged: refused at its end, in the name of the author’s domain', async () => {
  const talk = await Talk.hello(gateway.ports.smtp);
  const content = 'From: ceo@elsewhere.example\r\n\r\nPay.\r\n';
  expect(await talk.mail({ from: 'x@nowhere.example', content })).toBe(
    '550 5.7.26 The domain of the author refuses mail that fails its checks (DMARC)',
  );
  expect(await gateway.metric('mailrail_sender_checks_total{gateway="smtp",dmarc="fail",result="refused",stage="gateway"}')).toBe(1);
});
