import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { silentLog } from '@mailrail/telemetry';
import { freshVhost, redisForTests, type TcpProxy, type TestRedis, tcpProxy, type Vhost, waitFor } from '@mailrail/testing';
import { declareTopology, topologyOf } from '@mailrail/topology';
import { type RedisRates, redisRates } from '../src/limits/redis-rates.ts';
import type { Take } from '../src/limits/rates.ts';
import { type GatewayProcess, gatewayProcess } from './gateway-process.ts';
import { Talk } from './talk.ts';

let folder: string;
let vhost: Vhost;
let redis: TestRedis;
let proxy: TcpProxy; // Redis as the second gateway sees it
let gateways: GatewayProcess[] = [];
let rates: RedisRates;

const organization = `organization: Corp
site: london
server: EX1
servers: [{ name: EX1, site: london }]
domains: [{ name: corp.example, type: authoritative }]
postmaster: postmaster@corp.example
gateways:
  - name: smtp
    kind: smtp
    perAddress: { per: 1h, mails: 6 }
  - name: lmtp
    kind: smtp
    listener: lmtp
    recipientCheck: true
    perAddress: { unknownRecipients: 4 }
`;
const directory = join(import.meta.dirname, '..', '..', '..', 'libs', 'organization', 'default', 'directory.ldif');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gateway-rates-'));
  [vhost, redis] = await Promise.all([freshVhost(), redisForTests()]);
  await declareTopology(topologyOf([]), vhost.amqpUrl, vhost.managementUrl);
  await writeFile(join(folder, 'organization.yaml'), organization);
  const server = new URL(redis.redisUrl);
  proxy = await tcpProxy({ host: server.hostname, port: Number(server.port || 6379) });
  const through = new URL(redis.redisUrl);
  through.hostname = '127.0.0.1';
  through.port = String(proxy.port);
  gateways = await Promise.all(
    [redis.redisUrl, through.href].map((redisUrl) =>
      gatewayProcess({
        AMQP_URL: vhost.amqpUrl,
        REDIS_URL: redisUrl,
        ORGANIZATION_FILE: join(folder, 'organization.yaml'),
        DIRECTORY_URL: directory,
        CONTENT_DIR: join(folder, 'content'),
        SMTP_PORT: '0',
        LMTP_PORT: '0',
      }),
    ),
  );
  rates = redisRates({ url: redis.redisUrl, log: silentLog, prefix: 'test:rate:', timeoutMs: 2_000 });
}, 60_000);

afterEach(() => Talk.destroyAll());

afterAll(async () => {
  rates.close();
  await Promise.all(gateways.map((gateway) => gateway.stop()));
  await proxy.close();
  await Promise.all([vhost.drop(), redis.drop(), rm(folder, { recursive: true })]);
}, 30_000);

const mailTo = async (at: number) => (await Talk.hello(gateways[at]?.ports.smtp ?? 0)).mail();

test('whoever asks here and there for people who do not exist gets no answer about any', async () => {
  const talks = await Promise.all(gateways.map(({ ports }) => Talk.to(ports.lmtp)));
  for (const talk of talks) for (const line of ['LHLO client.example', 'MAIL FROM:<>']) await talk.say(line);
  for (const talk of talks) {
    await talk.reply(); // one behind: the greeting came first
    for (const at of [0, 1]) expect(await talk.say(`RCPT TO:<nobody${at}@corp.example>`)).toBe('550 5.1.1 No such recipient here');
  }
  for (const talk of talks) {
    expect(await talk.say('RCPT TO:<ada@corp.example>')).toBe('450 4.7.1 Too many unknown recipients from you lately, try again later');
  }
});

test('two gateways share one count; with Redis away each bounds by itself and goes on', async () => {
  expect(await Promise.all([mailTo(0), mailTo(1), mailTo(0), mailTo(1), mailTo(0), mailTo(1)])).toEqual(
    Array.from({ length: 6 }, () => expect.stringMatching(/^250 2\.0\.0/)),
  );
  for (const at of [0, 1]) expect(await mailTo(at)).toBe('450 4.7.1 Too many mails from you lately, try again later');
  const [first, second] = gateways;
  expect(await second?.metric('mailrail_limited_total{gateway="smtp",subject="address",measure="mails",stage="gateway"}')).toBe(1);

  await proxy.refuse();
  for (let mail = 0; mail < 6; mail++) expect(await mailTo(1)).toMatch(/^250/);
  expect(await mailTo(1)).toMatch(/^450 4\.7\.1/);
  expect(await second?.metric('mailrail_limits_unshared_total{stage="gateway"}')).toBeGreaterThanOrEqual(7);
  expect(await mailTo(0)).toMatch(/^450 4\.7\.1/);
  expect(await first?.metric('mailrail_limits_unshared_total{stage="gateway"}')).toBe(0);
}, 40_000);

const take = async (key: string, amounts: Take['amounts'], perMs = 3_600_000) =>
  (await rates.take({ counting: 'window', key, perMs, amounts }))?.measure;
const mails = (limit: number) => ({ measure: 'mails' as const, by: 1, need: 1, limit });

test('all amounts or none, and clients apart', async () => {
  const both = (key: string) => take(key, [mails(10), { measure: 'bytes', by: 6, need: 6, limit: 10 }]);
  expect([await both('a'), await both('a'), await both('b')]).toEqual([undefined, 'bytes', undefined]);
  const rest = await Promise.all(Array.from({ length: 10 }, () => take('a', [mails(10)])));
  expect(rest.filter((over) => over === undefined)).toHaveLength(9);
});

test('what needs nothing is counted without a limit, and shows afterwards', async () => {
  expect(await take('c', [{ measure: 'bytes', by: 50, need: 0, limit: 10 }])).toBeUndefined();
  expect(await take('c', [{ measure: 'bytes', by: 0, need: 1, limit: 10 }])).toBe('bytes');
});

test('a while later there is room again, little by little', async () => {
  const one = () => take('d', [mails(4)], 1_000);
  const first = await Promise.all([one(), one(), one(), one(), one(), one(), one(), one(), one()]);
  expect(first).toContain('mails');
  const begun = performance.now();
  await waitFor(async () => (await one()) === undefined, { what: 'room for another mail' });
  expect(performance.now() - begun).toBeLessThan(5_000);
});
