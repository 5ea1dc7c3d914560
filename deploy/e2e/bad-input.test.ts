import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitFor } from '@mailrail/testing';
import { letter, sendOne, SmtpSender } from './src/smtp-sender.ts';
import { startSystem, type System } from './src/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 120_000);
afterAll(async () => system.close(), 60_000);

async function session(): Promise<SmtpSender> {
  const { sender } = await SmtpSender.open(system.first.smtp);
  await sender.say('EHLO client.elsewhere.example');
  return sender;
}
const send = (message: string | Uint8Array, to = ['ada@corp.example'], mailParameters = '') =>
  sendOne(system.first.smtp, { to, message, mailParameters });
const delivered = (id: string) =>
  waitFor(
    async () => {
      for (const file of system.mailbox('ada@corp.example')) {
        const text = await system.read(file);
        if (text.includes(id)) return text;
      }
      return undefined;
    },
    { what: `${id} delivered`, timeoutMs: 40_000 },
  );

test('over 50 MB: 552 at MAIL by SIZE, and at the end of data without it', async () => {
  expect(await send('', ['ada@corp.example'], ' SIZE=52428801')).toMatchObject({ code: 552, text: expect.stringContaining('5.3.4') });
  const line = `${'x'.repeat(998)}\r\n`;
  const sender = await session();
  await sender.say('MAIL FROM:<zoe@elsewhere.example>');
  await sender.say('RCPT TO:<ada@corp.example>');
  await sender.say('DATA');
  sender.write(letter('huge'));
  const chunk = line.repeat(1_000);
  for (let sent = 0; sent < 53; sent += 1) {
    if (!sender.write(chunk)) await new Promise((resolve) => setImmediate(resolve));
  }
  sender.write('\r\n.\r\n');
  expect(await sender.reply()).toMatchObject({ code: 552, text: expect.stringContaining('5.3.4') });
  await sender.quit();
});

test('a foreign domain from outside: 550 5.7.1', async () => {
  expect(await send(letter('relay'), ['someone@foreign.example'])).toMatchObject({ code: 550, text: expect.stringContaining('5.7.1') });
});

test.each(['ada@@corp.example', 'ada@corp..example', '@corp.example', 'ada corp.example', 'ada@corp.example,ben@corp.example'])(
  'malformed address %s: 501',
  async (address) => {
    expect(await send(letter('malformed'), [address])).toMatchObject({ code: 501 });
  },
);

test('over 1,000 recipients: 452 for the rest, the transaction stands', async () => {
  const sender = await session();
  await sender.say('MAIL FROM:<zoe@elsewhere.example>');
  sender.write(Array.from({ length: 1_001 }, (_, index) => `RCPT TO:<r${index}@relay.example>\r\n`).join(''));
  const answers = [];
  for (let index = 0; index < 1_001; index += 1) answers.push((await sender.reply()).code);
  expect(answers.slice(0, 1_000).every((code) => code === 250)).toBe(true);
  expect(answers[1_000]).toBe(452);
  await sender.say('RSET');
  await sender.quit();
});

describe('bare CR, bare LF, NUL and smuggled ends: 550 5.6.11 after the true end, nothing delivered', () => {
  test.each([
    ['bare LF', 'a\nb'],
    ['bare CR', 'a\rb'],
    ['NUL', 'a\0b'],
    ['LF dot LF', 'a\n.\nMAIL FROM:<evil@elsewhere.example>'],
    ['LF dot CRLF', 'a\n.\r\nMAIL FROM:<evil@elsewhere.example>'],
    ['CR dot CRLF', 'a\r.\r\nMAIL FROM:<evil@elsewhere.example>'],
    ['CR dot CR', 'a\r.\rb'],
    ['CRLF dot LF', 'a\r\n.\nb'],
    ['CRLF dot CR', 'a\r\n.\rb'],
  ])('%s', async (name, body) => {
    const id = `smuggled-${name.replaceAll(' ', '-')}`;
    const message = Buffer.concat([Buffer.from(letter(id, {}, '')), Buffer.from(body, 'latin1')]);
    const sender = await session();
    await sender.say('MAIL FROM:<zoe@elsewhere.example>');
    await sender.say('RCPT TO:<ada@corp.example>');
    await sender.say('DATA');
    sender.write(message);
    sender.write('\r\n.\r\n');
    expect(await sender.reply()).toMatchObject({ code: 550, text: expect.stringContaining('5.6.11') });
    expect(await sender.say('NOOP')).toMatchObject({ code: 250 }); // one reply for the whole, so nothing was taken as a command
    await sender.quit();
    expect((await Promise.all(system.mailbox('ada@corp.example').map(system.read))).some((text) => text.includes(id))).toBe(false);
  });
});

test('a line of 5,000 characters passes as it is', async () => {
  const long = 'y'.repeat(5_000);
  expect(await send(letter('long-line', {}, long))).toMatchObject({ code: 250 });
  expect(await delivered('long-line')).toContain(long);
});

test('undeclared 8-bit is accepted and kept', async () => {
  const message = Buffer.concat([Buffer.from(letter('eight-bit', {}, '')), Buffer.from('Grüße', 'latin1'), Buffer.from('\r\n')]);
  expect(await send(message)).toMatchObject({ code: 250 });
  expect(await delivered('eight-bit')).toContain('Gr\xfc\xdfe');
});

test('an empty message, and one without From:, are accepted', async () => {
  const before = system.mailbox('ada@corp.example').length;
  expect(await send('')).toMatchObject({ code: 250 });
  expect(await send('Subject: no from\r\n\r\nbody')).toMatchObject({ code: 250 });
  await waitFor(() => system.mailbox('ada@corp.example').length === before + 2, { what: 'both delivered', timeoutMs: 40_000 });
});

test('client gone in DATA: nothing kept, nothing delivered', async () => {
  const counts = await system.counts();
  const sender = await session();
  await sender.say('MAIL FROM:<zoe@elsewhere.example>');
  await sender.say('RCPT TO:<ada@corp.example>');
  await sender.say('DATA');
  sender.write(letter('gone'));
  sender.destroy();
  expect(await send(letter('after-gone'))).toMatchObject({ code: 250 });
  await delivered('after-gone');
  const after = await system.settled({ accepted: (counts.accepted ?? 0) + 1 });
  expect((after.accepted ?? 0) - (counts.accepted ?? 0)).toBe(1);
});

const hopsOf = (count: number) => Array.from({ length: count }, (_, index) => `Received: from a by b; hop ${index}\r\n`).join('');

test('exactly 30 Received on arrival: delivered, with ours as the 31st', async () => {
  expect(await send(hopsOf(30) + letter('thirty-hops'))).toMatchObject({ code: 250 });
  expect((await delivered('thirty-hops')).match(/^Received:/gm)).toHaveLength(31);
});

test('over 30 Received: 5.4.6 by a report', async () => {
  const hops = hopsOf(31);
  expect(
    await sendOne(system.first.smtp, { from: 'ben@corp.example', to: ['ada@corp.example'], message: hops + letter('loop') }),
  ).toMatchObject({ code: 250 });
  await waitFor(
    async () => {
      for (const file of system.mailbox('ben@corp.example')) if ((await system.read(file)).includes('Status: 5.4.6')) return true;
      return undefined;
    },
    { what: 'a report', timeoutMs: 40_000 },
  );
});

test('<postmaster> without a domain is accepted and delivered', async () => {
  const before = system.mailbox('postmaster@corp.example').length;
  expect(await send(letter('postmaster'), ['postmaster'])).toMatchObject({ code: 250 });
  await waitFor(() => system.mailbox('postmaster@corp.example').length === before + 1, { what: 'delivered', timeoutMs: 40_000 });
});

test('a header block over 1 MB: 552', async () => {
  const field = `X-Filler: ${'z'.repeat(900)}\r\n`;
  expect(await send(`${field.repeat(1_200)}\r\nbody`)).toMatchObject({ code: 552 });
});

test('200 connections at once: each is served or told 421', async () => {
  const opened = await Promise.all(Array.from({ length: 200 }, () => SmtpSender.open(system.first.smtp)));
  expect(opened.every(({ banner }) => banner.code === 220 || banner.code === 421)).toBe(true);
  const answers = await Promise.all(
    opened
      .filter(({ banner }) => banner.code === 220)
      .map(async ({ sender }, index) => {
        await sender.say('EHLO client.elsewhere.example');
        return sender.mail({ from: 'zoe@elsewhere.example', to: ['dmitri@corp.example'], message: letter(`crowd-${index}`) });
      }),
  );
  expect(answers.every(({ code }) => code === 250)).toBe(true);
  await Promise.all(opened.map(async ({ sender }) => sender.quit()));
  await waitFor(() => system.mailbox('dmitri@corp.example').length >= answers.length, { what: 'all delivered', timeoutMs: 30_000 });
});

test('the end: everything balances', async () => {
  const counts = await system.settled();
  expect(counts.badmail ?? 0).toBe(0);
});
