import { statSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { balance } from '@mailrail/ledger';
import { waitFor } from '@mailrail/testing';
import { simpleParser } from 'mailparser';
import { letter, sendOne } from './src/smtp-sender.ts';
import { startSystem, type System } from './src/system.ts';

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 120_000);
afterAll(async () => system.close(), 60_000);

const send = (id: string, to: string[], more: { from?: string; fields?: Record<string, string>; mailParameters?: string } = {}) =>
  sendOne(system.first.smtp, {
    to,
    message: letter(id, more.fields),
    ...(more.from === undefined ? {} : { from: more.from }),
    ...(more.mailParameters === undefined ? {} : { mailParameters: more.mailParameters }),
  });
const withId = async (files: string[], id: string) => {
  const found: string[] = [];
  for (const file of files) if ((await system.read(file)).includes(`<${id}@elsewhere.example>`)) found.push(file);
  return found;
};
const inMailbox = (address: string, id: string) =>
  waitFor(
    async () => {
      const found = await withId(system.mailbox(address), id);
      return found.length > 0 ? found : undefined;
    },
    { what: `${id} in the mailbox of ${address}`, timeoutMs: 40_000 },
  );
const atSink = (text: string) =>
  waitFor(
    async () => {
      for (const file of system.sink()) if ((await system.read(file)).includes(text)) return file;
      return undefined;
    },
    { what: `${text} at the sink`, timeoutMs: 40_000 },
  );

test('to one person: all nine steps, once, byte for byte behind our first lines', async () => {
  expect(await send('one', ['ada@corp.example'])).toMatchObject({ code: 250 });
  const [file = ''] = await inMailbox('ada@corp.example', 'one');
  const stored = await system.read(file);
  expect(stored).toMatch(/^Return-Path: <zoe@elsewhere\.example>\r\nReceived: from client\.elsewhere\.example/);
  expect(stored.endsWith(`\r\n${letter('one')}\r\n`)).toBe(true);
  expect(stored).toMatch(/\tfor <ada@corp\.example>|for <ada@corp\.example>/);
  expect(statSync(file).mode & 0o777).toBe(0o440);
});

test('to a nested group: each member once, one stored copy hard-linked, no recipient named (E1, E2)', async () => {
  await send('group', ['team@corp.example', 'ada@corp.example']);
  const files = (await Promise.all(['ada', 'ben', 'chloe'].map((name) => inMailbox(`${name}@corp.example`, 'group')))).flat();
  await system.settled();
  for (const name of ['ada', 'ben', 'chloe']) expect(await withId(system.mailbox(`${name}@corp.example`), 'group')).toHaveLength(1);
  expect(new Set(files.map((file) => statSync(file).ino)).size).toBe(1);
  expect(await system.read(files[0] ?? '')).not.toMatch(/\bfor </);
});

test('to nobody we know: refused by a report to the sender, the others are not held back', async () => {
  await send('unknown', ['nobody@corp.example', 'ben@corp.example'], { from: 'ada@corp.example' });
  await inMailbox('ben@corp.example', 'unknown');
  const report = await waitFor(
    async () => {
      for (const file of system.mailbox('ada@corp.example')) {
        const text = await system.read(file);
        if (text.includes('multipart/report') && text.includes('nobody@corp.example')) return text;
      }
      return undefined;
    },
    { what: 'a report', timeoutMs: 40_000 },
  );
  expect(report).toMatch(/^Return-Path: <>\r\n/);
  expect(report).toMatch(/Auto-Submitted: auto-replied/i);
  expect(report).toMatch(/Status: 5\.1\.1/);
  expect(report).toMatch(/Final-Recipient: rfc822;\s?nobody@corp\.example/i);
  expect(report).toMatch(/^Content-Type: message\/delivery-status/m);
  const parsed = await simpleParser(report);
  expect(parsed.from?.text).toContain('postmaster@corp.example');
  expect(parsed.attachments.map(({ contentType }) => contentType)).toEqual(['message/rfc822']); // the original goes back
});

test('relay domain and contact: to the other server, and the counts say so', async () => {
  const before = await system.counts();
  await send('relay', ['someone@relay.example']);
  await send('contact', ['partner@corp.example']);
  await atSink('<relay@elsewhere.example>');
  await atSink('<contact@elsewhere.example>');
  const after = await system.settled();
  expect((after.handedOver ?? 0) - (before.handedOver ?? 0)).toBe(2);
});

test('a report to a sender outside goes to the other server with the null sender', async () => {
  await send('outside', ['nobody@corp.example'], { from: 'ursula@elsewhere.example' });
  const file = await atSink('ursula@elsewhere.example');
  expect(await system.read(file)).toMatch(/multipart\/report/);
});

test('a report about a report is never made', async () => {
  const before = await system.counts();
  await send('null', ['nobody@corp.example'], { from: '' });
  const after = await waitFor(
    async () => {
      const now = await system.counts();
      return (now.accepted ?? 0) > (before.accepted ?? 0) && balance(now).open === 0 ? now : undefined;
    },
    { what: 'settled', timeoutMs: 40_000 },
  );
  expect(after.reports ?? 0).toBe(before.reports ?? 0);
});

test('wishes: NOTIFY=NEVER tells nobody, NOTIFY=SUCCESS tells of delivery', async () => {
  const { SmtpSender } = await import('./src/smtp-sender.ts');
  const { sender } = await SmtpSender.open(system.first.smtp);
  await sender.say('EHLO client.elsewhere.example');
  await sender.say('MAIL FROM:<ben@corp.example> RET=HDRS ENVID=QQ314159');
  expect(await sender.say('RCPT TO:<nobody@corp.example> NOTIFY=NEVER')).toMatchObject({ code: 250 });
  expect(await sender.say('RCPT TO:<dmitri@corp.example> NOTIFY=SUCCESS ORCPT=rfc822;dmitri+2B@corp.example')).toMatchObject({ code: 250 });
  await sender.say('DATA');
  sender.write(`${letter('wishes')}\r\n.\r\n`);
  expect(await sender.reply()).toMatchObject({ code: 250 });
  await sender.quit();
  const report = await waitFor(
    async () => {
      for (const file of system.mailbox('ben@corp.example')) {
        const text = await system.read(file);
        if (text.includes('QQ314159')) return text;
      }
      return undefined;
    },
    { what: 'a report of success', timeoutMs: 40_000 },
  );
  expect(report).toMatch(/Action: delivered/i);
  expect(report).toMatch(/Original-Recipient: rfc822;\s?dmitri\+@corp\.example/i);
  await system.settled();
  const all = await Promise.all(system.mailbox('ben@corp.example').map((file) => system.read(file)));
  expect(all.filter((text) => text.includes('multipart/report') && text.includes('QQ314159'))).toHaveLength(1);
});

test('local parts that would leave the folder stay in it (S5)', async () => {
  for (const address of ['"../../etc/x"@corp.example', '"a/b"@corp.example', '".."@corp.example']) {
    await send(`path-${address.length}`, [address], { from: '' });
  }
  await system.settled();
});

test('the end: everything balances, nothing waits, nothing is parked', async () => {
  const counts = await system.settled();
  expect(counts.badmail ?? 0).toBe(0);
  expect(await system.whereMailIs()).toBe('all queues are empty');
});
