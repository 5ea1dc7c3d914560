import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freshVhost, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { letter, type Reply, SmtpSender } from './src/smtp-sender.ts';
import { startSystem, type System } from './src/system.ts';

// What a sender may wish of the way of its mail (FUTURERELEASE, DELIVERBY, MT-PRIORITY, BINARYMIME), from the client to the mailbox.

let data: string;
let vhost: Vhost;
let redis: TestRedis;
let system: System;
const start = () => startSystem({ data, amqpUrl: vhost.amqpUrl, managementUrl: vhost.managementUrl, redisUrl: redis.redisUrl });
beforeAll(async () => {
  data = mkdtempSync(path.join(tmpdir(), 'mailrail-wishes-'));
  [vhost, redis] = await Promise.all([freshVhost(), redisForTests()]);
  system = await start();
}, 120_000);
afterAll(async () => {
  await system.close();
  await Promise.all([vhost.drop(), redis.drop()]);
  rmSync(data, { recursive: true });
}, 60_000);

/** A client of the submission listener, inside TLS, that has said who it is. */
async function submitter(): Promise<SmtpSender> {
  const { user, password } = system.first.submission;
  const { sender } = await SmtpSender.open(system.first.submissions);
  await sender.say('EHLO client.corp.example');
  await sender.say(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`);
  return sender;
}
async function submit(id: string, to: string, mailParameters: string): Promise<Reply> {
  const sender = await submitter();
  const reply = await sender.mail({ from: 'ada@corp.example', to: [to], message: letter(id), mailParameters });
  await sender.quit();
  return reply;
}
const found = async (files: readonly string[], text: string) => {
  for (const file of files) {
    const content = await system.read(file);
    if (content.includes(text)) return content;
  }
  return undefined;
};
const inMailbox = (address: string, text: string) =>
  waitFor(() => found(system.mailbox(address), text), { what: `${text} in the mailbox of ${address}`, timeoutMs: 30_000 });
const heldReason = async () => {
  for (const queue of system.waitingQueues) {
    const reason: unknown = (await system.peek(queue))?.properties.headers?.['reason'];
    if (String(reason).startsWith('held until')) return String(reason);
  }
  return undefined;
};

test('a held mail waits on the ladder, says so in the console, outlives a restart, and comes when its time has come', async () => {
  const until = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 14_000);
  expect(await submit('held', 'ben@corp.example', ` HOLDUNTIL=${until.toISOString()}`)).toMatchObject({ code: 250 });
  const reason = await waitFor(heldReason, { what: 'the mail on the ladder', timeoutMs: 20_000 });
  expect(reason).toBe(`held until ${until.toISOString()}, as its sender wished`);

  expect(await system.stopLine()).toBe(0);
  await system.close();
  system = await start();
  if (Date.now() < until.getTime() - 2_000) expect(await found(system.mailbox('ben@corp.example'), '<held@')).toBeUndefined();

  await inMailbox('ben@corp.example', '<held@');
  expect(Date.now()).toBeGreaterThan(until.getTime() - 1_000);
  await system.settled();
  expect(system.mailbox('ben@corp.example')).toHaveLength(1);
}, 120_000);

test('to be returned unless in time: the next system would not keep it, so it comes back at once, with 5.4.7', async () => {
  expect(await submit('by-return', 'x@remote.example', ' BY=600;R')).toMatchObject({ code: 250 });
  const report = await inMailbox('ada@corp.example', '<by-return@');
  expect(report).toMatch(/^Status: 5\.4\.7\r$/m);
  expect(await found(system.sink(), '<by-return@')).toBeUndefined();
}, 60_000);

test('to be returned unless in time, to a mailbox here: delivered', async () => {
  expect(await submit('by-here', 'chloe@corp.example', ' BY=600;R MT-PRIORITY=6')).toMatchObject({ code: 250 });
  await inMailbox('chloe@corp.example', '<by-here@');
}, 60_000);

test('TLS required all the way: the next system does not promise it, so it comes back, the header alone, with 5.7.30', async () => {
  const sender = await submitter();
  const message = letter('safe', {}, 'For your eyes only.');
  const mail = { from: 'ada@corp.example', to: ['x@remote.example'], message, mailParameters: ' REQUIRETLS RET=FULL' };
  expect(await sender.mail(mail)).toMatchObject({ code: 250 });
  await sender.quit();
  const report = await inMailbox('ada@corp.example', '<safe@');
  expect(report).toMatch(/^Status: 5\.7\.30\r$/m);
  expect(report).not.toContain('For your eyes only.');
  expect(await found(system.sink(), '<safe@')).toBeUndefined();
}, 60_000);

test('a binary message: untouched into a mailbox, converted for a system without BINARYMIME', async () => {
  const head = letter('binary', { 'MIME-Version': '1.0', 'Content-Type': 'application/x', 'Content-Transfer-Encoding': 'binary' }, '');
  const content = Buffer.concat([Buffer.from(head), Buffer.from([0, 10, 13, 46, 13, 10, 255])]);
  const sender = await submitter();
  await sender.say('MAIL FROM:<ada@corp.example> BODY=BINARYMIME');
  await sender.say('RCPT TO:<chloe@corp.example>');
  await sender.say('RCPT TO:<x@remote.example>');
  sender.write(`BDAT ${content.length} LAST\r\n`);
  sender.write(content);
  expect(await sender.reply()).toMatchObject({ code: 250 });
  await sender.quit();
  const stored = await inMailbox('chloe@corp.example', '<binary@');
  expect(stored.endsWith(content.toString('latin1'))).toBe(true);
  const sent = await waitFor(() => found(system.sink(), '<binary@'), { what: 'the message at the sink', timeoutMs: 30_000 });
  expect(sent).toMatch(/Content-Transfer-Encoding: base64\r\n\r\nAAoNLg0K\/w==\r\n$/);
  await system.settled();
}, 60_000);
