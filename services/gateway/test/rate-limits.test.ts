import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { organizationOf, type OrganizationInput } from '@mailrail/organization';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import { clientNetwork } from '../src/limits/client-network.ts';
import { localRates } from '../src/limits/local-rates.ts';
import { rateLimits } from '../src/limits/rate-limits.ts';
import type { RateCounter } from '../src/limits/rates.ts';
import { openSmtpListener, type SmtpListener } from '../src/smtp-listener.ts';
import { type FakeAcceptor, fakeAcceptor } from './fake-acceptor.ts';
import { Talk } from './talk.ts';

let listeners: SmtpListener[] = [];
let metrics: ReturnType<typeof createMetrics>;
let acceptor: FakeAcceptor;

beforeEach(() => {
  metrics = createMetrics('gateway');
  acceptor = fakeAcceptor();
});
afterEach(async () => {
  Talk.destroyAll();
  await Promise.all(listeners.map((listener) => listener.close()));
  listeners = [];
});

type SmtpInput = Extract<NonNullable<OrganizationInput['gateways']>[number], { kind: 'smtp' }>;

async function open(settings: Partial<SmtpInput>, shared: RateCounter = localRates()): Promise<number> {
  const listener = await openSmtpListener({
    kind: settings.listener ?? 'mx',
    host: '127.0.0.1',
    port: 0,
    acceptor,
    organization: organizationOf({ gateways: [{ name: 'smtp', kind: 'smtp', ...settings }] }),
    log: silentLog,
    metrics,
    rates: rateLimits({ shared, metrics }),
    account: { user: 'app', password: 'secret' },
    limits: { authDelayMs: 1, stopMs: 300, lingerMs: 300 },
  });
  listeners.push(listener);
  return listener.port;
}

const limitedCounts = async () =>
  (await metrics.limited.get()).values.map(({ labels, value }) => `${labels.gateway} ${labels.subject} ${labels.measure} ${value}`);

describe('a client address', () => {
  test('has so many connections in a time', async () => {
    const port = await open({ perAddress: { connections: 2 } });
    for (let at = 0; at < 2; at++) expect(await (await Talk.to(port)).reply()).toMatch(/^220/);
    const third = await Talk.to(port);
    expect(await third.reply()).toBe('421 4.7.0 Too many connections from you lately, try again later');
    await third.end();
    expect(await limitedCounts()).toEqual(['smtp address connections 1']);
  });

  test('has so many mails, on however many connections', async () => {
    const port = await open({ perAddress: { mails: 2 } });
    const one = await Talk.hello(port);
    const other = await Talk.hello(port);
    expect(await one.mail({ to: ['ada@corp.example'] })).toMatch(/^250/);
    expect(await other.mail({ to: ['ada@corp.example'] })).toMatch(/^250/);
    expect(await one.say('MAIL FROM:<zoe@elsewhere.example>')).toBe('450 4.7.1 Too many mails from you lately, try again later');
    expect(await one.say('NOOP')).toMatch(/^250/);
  });

  test('has so many recipients; those before the limit get the mail', async () => {
    const port = await open({ perAddress: { recipients: 2 } });
    const talk = await Talk.hello(port);
    talk.send('MAIL FROM:<>\r\nRCPT TO:<a@corp.example>\r\nRCPT TO:<b@corp.example>\r\nRCPT TO:<c@corp.example>\r\nDATA\r\n');
    const heard = [await talk.reply(), await talk.reply(), await talk.reply(), await talk.reply(), await talk.reply()];
    expect(heard.map((reply) => reply.slice(0, 9))).toEqual(['250 2.1.0', '250 2.1.5', '250 2.1.5', '450 4.7.1', '354 Send ']);
    expect(await talk.say('x\r\n.')).toMatch(/^250/);
    expect(acceptor.taken[0]?.request.recipients).toHaveLength(2);
  });

  test('has so many bytes, declared or not', async () => {
    const port = await open({ perAddress: { bytes: '1KB' } });
    const talk = await Talk.hello(port);
    expect(await talk.say('MAIL FROM:<> SIZE=1025')).toBe('450 4.7.1 Too much mail from you lately, try again later');
    expect(await talk.mail({ to: ['ada@corp.example'], content: `x${'y'.repeat(900)}\r\n` })).toMatch(/^250/);
    await talk.say('MAIL FROM:<> SIZE=20');
    await talk.say('RSET');
    expect(await talk.say('MAIL FROM:<> SIZE=500')).toMatch(/^450 4\.7\.1/);
  });

  test('without limits is not counted at all', async () => {
    const never: RateCounter = {
      take: () => {
        throw new Error('nobody is to be counted');
      },
    };
    const talk = await Talk.hello(await open({}, never));
    expect(await talk.mail({ to: ['ada@corp.example'] })).toMatch(/^250/);
  });
});

test('an account has limits of its own, wherever it comes from', async () => {
  const port = await open({ listener: 'submission', requireAuthentication: true, perAccount: { mails: 1, connections: 2 } });
  const plain = `AUTH PLAIN ${Buffer.from('\0app\0secret').toString('base64')}`;
  const first = await Talk.hello(port);
  expect(await first.say(plain)).toMatch(/^235/);
  expect(await first.mail({ to: ['ada@corp.example'] })).toMatch(/^250/);
  const second = await Talk.hello(port);
  expect(await second.say(plain)).toMatch(/^235/);
  expect(await second.say('MAIL FROM:<zoe@corp.example>')).toMatch(/^450 4\.7\.1/);
  const third = await Talk.hello(port);
  expect(await third.say(plain)).toMatch(/^421 4\.7\.0/);
  await third.end();
  expect((await limitedCounts()).sort()).toEqual(['smtp account connections 1', 'smtp account mails 1']);
});

test('Redis away: each process counts for itself, and refuses nobody for that', async () => {
  const away: RateCounter = { take: () => Promise.reject(new Error('away')) };
  const port = await open({ perAddress: { mails: 1 } }, away);
  const talk = await Talk.hello(port);
  expect(await talk.mail({ to: ['ada@corp.example'] })).toMatch(/^250/);
  expect(await talk.say('MAIL FROM:<>')).toMatch(/^450/);
  expect((await metrics.limitsUnshared.get()).values[0]?.value).toBe(2);
});

describe('time limits of a listener', () => {
  test('a command that does not come', async () => {
    const talk = await Talk.hello(await open({ commandTimeout: '1s' }));
    expect(await talk.reply()).toBe('421 4.4.2 Timed out waiting for you');
    await talk.end();
  });

  test('a session that is too long ends between two mails', async () => {
    const talk = await Talk.hello(await open({ sessionTimeout: '1s' }));
    const said = await waitFor(
      async () => {
        const reply = await talk.say('NOOP').catch(() => '421');
        return reply.startsWith('421') ? reply : undefined;
      },
      { what: 'the end of the session' },
    );
    expect(said).toMatch(/^421/);
  });

  test('a mail that is in hand then is taken', async () => {
    const gate = Promise.withResolvers<void>();
    acceptor.gate = gate.promise;
    const port = await open({ sessionTimeout: '1s' });
    const other = await Talk.hello(port); // the clock that this one sees has passed for the first, too
    const talk = await Talk.hello(port);
    for (const line of ['MAIL FROM:<>', 'RCPT TO:<ada@corp.example>', 'DATA']) await talk.say(line);
    await waitFor(async () => (await other.say('NOOP').catch(() => '421')).startsWith('421'), {
      what: 'the end of a session of the same age',
    });
    talk.send('x\r\n.\r\n');
    gate.resolve();
    expect(await talk.reply()).toMatch(/^250/);
    expect(acceptor.taken).toHaveLength(1);
  });
});

test('what counts alone is bounded: past 50,000 clients whoever was longest away is forgotten', () => {
  const counter = localRates(() => 0);
  const amounts = [{ measure: 'mails' as const, by: 1, need: 1, limit: 1 }];
  const take = (key: string) => counter.take({ counting: 'window', key, perMs: 1_000, amounts });
  expect(take('first')).toBeUndefined();
  expect(take('second')).toBeUndefined();
  expect(take('first')).toMatchObject({ measure: 'mails' }); // and is the latest now
  for (let at = 2; at <= 50_000; at++) expect(take(String(at))).toBeUndefined();
  expect(take('first')).toMatchObject({ measure: 'mails' });
  expect(take('second')).toBeUndefined();
});

describe('counting over a sliding time', () => {
  const amounts = (need: number) => [{ measure: 'mails' as const, by: 1, need, limit: 10 }];

  test('what came a window ago counts by its share', () => {
    let clock = 0;
    const counter = localRates(() => clock);
    const take = () => counter.take({ counting: 'window', key: 'a', perMs: 1_000, amounts: amounts(1) });
    for (let at = 0; at < 10; at++) expect(take()).toBeUndefined();
    expect(take()).toMatchObject({ measure: 'mails' });
    clock = 1_000; // all ten still lie within the last second
    expect(take()).toMatchObject({ measure: 'mails' });
    clock = 1_500; // half of them
    for (let at = 0; at < 5; at++) expect(take()).toBeUndefined();
    expect(take()).toMatchObject({ measure: 'mails' });
    clock = 3_000;
    expect(take()).toBeUndefined();
  });

  test('all or nothing, and clients apart', () => {
    const counter = localRates(() => 0);
    const both = (key: string) =>
      counter.take({
        key,
        counting: 'window',
        perMs: 1_000,
        amounts: [...amounts(1), { measure: 'bytes', by: 6, need: 6, limit: 10 }],
      });
    expect(both('a')).toBeUndefined();
    expect(both('a')).toMatchObject({ measure: 'bytes' });
    expect(both('b')).toBeUndefined();
    for (let at = 0; at < 9; at++)
      expect(counter.take({ counting: 'window', key: 'a', perMs: 1_000, amounts: amounts(1) })).toBeUndefined();
    expect(counter.take({ counting: 'window', key: 'a', perMs: 1_000, amounts: amounts(1) })).toMatchObject({ measure: 'mails' });
  });
});

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::1', '2001:db8:1:2::/64'],
  ['2001:DB8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['::', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0:0::/64'],
  ['2001:db8:0:1:0:0:192.0.2.1', '2001:db8:0:1::/64'],
])('%s counts as %s', (address, is) => {
  expect(clientNetwork(address)).toBe(is);
});
