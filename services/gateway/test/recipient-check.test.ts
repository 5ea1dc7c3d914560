import { afterEach, describe, expect, test } from '@jest/globals';
import { type Answer, directoryDown, directoryOf, type Entry } from '@mailrail/directory';
import { organizationOf } from '@mailrail/organization';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { comingRecipients } from '../src/coming-recipients.ts';
import { type RecipientCheck, recipientCheck } from '../src/recipient-check.ts';
import { openSmtpListener, type SmtpListener, type SmtpListenerOptions } from '../src/smtp-listener.ts';
import { fakeAcceptor } from './fake-acceptor.ts';
import { Talk } from './talk.ts';

const organization = organizationOf({ gateways: [{ name: 'smtp', kind: 'smtp', recipientCheck: true, maxUnknownRecipients: 3 }] });
const off = organizationOf();
const known = directoryOf(['ada@corp.example', 'ben@corp.example', 'postmaster@corp.example']);
const metrics = createMetrics('gateway');
let listeners: SmtpListener[] = [];

afterEach(async () => {
  Talk.destroyAll();
  await Promise.all(listeners.map((listener) => listener.close()));
  listeners = [];
});

async function open(recipients: RecipientCheck, more: Partial<SmtpListenerOptions> = {}): Promise<Talk> {
  const listener = await openSmtpListener({
    kind: 'mx',
    host: '127.0.0.1',
    port: 0,
    acceptor: fakeAcceptor(),
    organization,
    log: silentLog,
    metrics,
    recipients,
    ...more,
  });
  listeners.push(listener);
  return Talk.hello(listener.port);
}
const checkIn = (directory: { byAddress: (addresses: readonly string[]) => Promise<Answer<Map<string, Entry[]>>> }, more = {}) =>
  recipientCheck({ directory, log: silentLog, metrics, ...more });

describe('at RCPT', () => {
  test('an unknown recipient is refused there, the others are not held back', async () => {
    const talk = await open(checkIn(known));
    await talk.say('MAIL FROM:<zoe@elsewhere.example>');
    expect(await talk.say('RCPT TO:<ada@corp.example>')).toBe('250 2.1.5 Recipient ok');
    expect(await talk.say('RCPT TO:<nobody@corp.example>')).toBe('550 5.1.1 No such recipient here');
    expect(await talk.say('RCPT TO:<x@relay.example>')).toMatch(/^250/);
    expect(await talk.say('RCPT TO:<postmaster>')).toMatch(/^250/);
    expect(await talk.say('RCPT TO:<x@elsewhere.example>')).toBe('550 5.7.1 Relaying denied');
    await talk.say('DATA');
    expect(await talk.say('x\r\n.')).toMatch(/^250/);
  });

  test('switched off: taken as it always was, and nobody asked', async () => {
    let asked = 0;
    const counting = checkIn({ byAddress: async (addresses) => ((asked += 1), known.byAddress(addresses)) });
    const talk = await open(counting, { organization: off });
    await talk.say('MAIL FROM:<zoe@elsewhere.example>');
    expect(await talk.say('RCPT TO:<nobody@corp.example>')).toMatch(/^250/);
    expect(asked).toBe(0);
  });

  test('a directory that is down refuses nobody', async () => {
    const talk = await open(checkIn(directoryDown));
    await talk.say('MAIL FROM:<zoe@elsewhere.example>');
    expect(await talk.say('RCPT TO:<nobody@corp.example>')).toMatch(/^250/);
  });

  test('a directory that says nothing is waited for once, and then left alone for a while', async () => {
    let asked = 0;
    const silent = () => ((asked += 1), new Promise<never>(() => {}));
    const talk = await open(checkIn({ byAddress: silent }, { timeoutMs: 50 }));
    await talk.say('MAIL FROM:<zoe@elsewhere.example>');
    for (let at = 0; at < 5; at++) expect(await talk.say(`RCPT TO:<r${at}@corp.example>`)).toMatch(/^250/);
    expect(asked).toBe(1);
  });

  test('a directory that throws refuses nobody', async () => {
    const check = checkIn({
      byAddress: async () => {
        throw new Error('a bug');
      },
    });
    expect(await check.isUnknown('SMTP:x@corp.example', false, organization.current())).toBe(false);
  });

  test('whoever tries one address after the other is sent away', async () => {
    const talk = await open(checkIn(known));
    await talk.say('MAIL FROM:<zoe@elsewhere.example>');
    for (let at = 0; at < 3; at++) expect(await talk.say(`RCPT TO:<r${at}@corp.example>`)).toMatch(/^550 5\.1\.1/);
    expect(await talk.say('RCPT TO:<r4@corp.example>')).toBe('421 4.7.0 Too many unknown recipients');
    await talk.end();
  });

  test('a client that leaves while it is looked up leaves nothing behind', async () => {
    const asked = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    const check = checkIn({
      async byAddress(addresses) {
        asked.resolve();
        await gate.promise;
        return known.byAddress(addresses);
      },
    });
    const talk = await open(check);
    talk.send('MAIL FROM:<zoe@elsewhere.example>\r\nRCPT TO:<ada@corp.example>\r\n');
    await asked.promise;
    talk.socket.destroy();
    gate.resolve();
    await Promise.all(listeners.map((listener) => listener.close()));
    expect(listeners[0]?.sessions).toBe(0);
  });

  test('pipelined recipients are asked about together', async () => {
    const questions: string[][] = [];
    const check = checkIn({
      async byAddress(addresses) {
        questions.push([...addresses]);
        return known.byAddress(addresses);
      },
    });
    const talk = await open(check);
    talk.send('MAIL FROM:<>\r\nRCPT TO:<ada@corp.example>\r\nRCPT TO:<ben@corp.example> NOTIFY=NEVER\r\n');
    for (let at = 0; at < 3; at++) expect(await talk.reply()).toMatch(/^250/);
    expect(questions[0]).toEqual(['SMTP:ada@corp.example', 'SMTP:ben@corp.example']);
  });
});

test('after a while a silent directory is asked again', async () => {
  let clock = 0;
  let answers = false;
  const directory = { byAddress: async (addresses: readonly string[]) => (answers ? known : directoryDown).byAddress(addresses) };
  const check = checkIn(directory, { circuitMs: 1_000, now: () => clock });
  const ask = () => check.isUnknown('SMTP:nobody@corp.example', false, organization.current());
  expect(await ask()).toBe(false);
  answers = true;
  clock = 999;
  expect(await ask()).toBe(false);
  clock = 1_000;
  expect(await ask()).toBe(true);
});

test.each([
  ['RCPT TO:<a@x>\r\n', []],
  ['RCPT TO:<a@x>\r\nRCPT TO:<b@y.z>\r\n', ['SMTP:a@x', 'SMTP:b@y.z']],
  ['rcpt to: <a@x> NOTIFY=NEVER\r\nRCPT TO:<b@y\r\nRCPT TO:<c@z>\r\n', ['SMTP:a@x', 'SMTP:c@z']],
  [`${'RCPT TO:<a@x>\r\n'.repeat(500)}`, Array.from({ length: 50 }, () => 'SMTP:a@x')],
])('recipients that come: %#', (input, is) => {
  expect(comingRecipients(Buffer.from(input))).toEqual(is);
});
