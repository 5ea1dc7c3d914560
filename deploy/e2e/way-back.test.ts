import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Entry, fileDialects } from '@mailrail/foreign';
import { waitFor } from '@mailrail/testing';
import { letter, SmtpSender } from './src/smtp-sender.ts';
import { startSystem, type System } from './src/system.ts';

// A file of a foreign system comes in, ada answers its sender by what her mail shows, and the answer is a file in that gateway's OUT.

let system: System;
beforeAll(async () => {
  system = await startSystem();
}, 120_000);
afterAll(async () => system.close(), 60_000);

/** As a foreign system does it: what a file names first, the file last, each by a rename. */
function drop(gateway: string, name: string, content: string, parts: Record<string, string> = {}): void {
  for (const [part, text] of Object.entries(parts)) writeFileSync(path.join(system.first.in, gateway, 'ATT_IN', part), text);
  const hidden = path.join(system.first.in, gateway, 'WORK', `.${name}`);
  writeFileSync(hidden, content);
  renameSync(hidden, path.join(system.first.in, gateway, 'IN', name));
}

const inMailbox = (text: string) =>
  waitFor(
    async () => {
      for (const file of system.mailbox('ada@corp.example')) {
        const found = await system.read(file);
        if (found.includes(text)) return found;
      }
      return undefined;
    },
    { what: `${text} in ada’s mailbox`, timeoutMs: 40_000 },
  );

const inOut = (gateway: string, text: string) =>
  waitFor(
    () => {
      const folder = path.join(system.first.in, gateway, 'OUT');
      return readdirSync(folder)
        .map((name) => readFileSync(path.join(folder, name)))
        .find((file) => file.includes(text));
    },
    { what: `${text} in OUT of ${gateway}`, timeoutMs: 40_000 },
  );

async function answer(mail: string, subject: string): Promise<void> {
  const from = /^From: .*?<?([^\s<>]+@[^\s<>]+?)>?\r?$/im.exec(mail)?.[1] ?? '';
  const { url, user, password } = system.first.submission;
  const { sender } = await SmtpSender.open(url);
  await sender.say('EHLO client.corp.example');
  await sender.say(`AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`);
  const message = letter(subject, { From: 'ada@corp.example', To: from });
  expect(await sender.mail({ from: 'ada@corp.example', to: [from], message })).toMatchObject({ code: 250 });
  await sender.quit();
}

function entryIn(dialect: 'gwapi' | 'bsmtp' | 'ffapi', file: Buffer): Entry {
  const read = fileDialects[dialect].read(file, { recipientsPerMessage: 10, messageBytes: 1_000_000 });
  const [entry] = read.kind === 'read' ? read.entries : [];
  if (entry?.kind !== 'message') throw new Error(`no message: ${JSON.stringify(read)}`);
  return entry;
}

const keywords = (id: string, to: string, subject: string, body: string): string =>
  `WPC-API= 1.2;\r\nMsg-Type= MAIL;\r\nFrom= WPD= ACME; WPPO= PO1; WPU= BKo; ;\r\nTo= WPU= ${to}; ;\r\nSubject= ${subject};\r\nMsg-File= ${body};\r\nMsg-Id= ${id};\r\nStatus-Request= Delivered;\r\n-END-\r\n`;

test('GroupWise: in by a keyword file, the answer out by one, and a status that it was delivered', async () => {
  drop('gwapi', 'a.api', keywords('G1.PO1.ACME.100.1', 'ada@corp.example', 'from-groupwise', 'a.bdy'), { 'a.bdy': 'hello\r\n' });
  const mail = await inMailbox('from-groupwise');
  expect(mail).toContain('IMCEAGWISE-ACME+2EPO1+2EBKo@corp.example');
  await answer(mail, 'answer-to-groupwise');
  const entry = entryIn('gwapi', await inOut('gwapi', 'answer-to-groupwise'));
  expect(entry.recipients.map(({ address }) => address)).toEqual(['GWISE:ACME.PO1.BKo']);
  expect(entry.sender).toBe('GWISE:Exchange.Corp.ada'); // her proxy address in the directory
  const status = (await inOut('gwapi', 'Orig-Msg-ID= G1.PO1.ACME.100.1')).toString();
  expect(status).toContain('Status= Delivered;');
  expect(status).toContain('To= WPD= ACME; WPPO= PO1; WPU= BKo; ;');
});

test('GroupWise: a report to a foreign sender is a status', async () => {
  drop('gwapi', 'b.api', keywords('G2.PO1.ACME.100.2', 'nobody@corp.example', 'to-nobody', 'b.bdy'), { 'b.bdy': 'hello\r\n' });
  const status = (await inOut('gwapi', 'Orig-Msg-ID= G2.PO1.ACME.100.2')).toString();
  expect(status).toContain('Status= Undeliverable;');
  expect(status).toContain('Status-Code= 5.1.1;');
});

test('batch SMTP: the answer goes out by the gateway its domain lies behind', async () => {
  const session = `EHLO silo.example\r\nMAIL FROM:<ops@silo.example>\r\nRCPT TO:<ada@corp.example>\r\nDATA\r\nFrom: ops@silo.example\r\nTo: ada@corp.example\r\nSubject: from-silo\r\n\r\nhello\r\n.\r\nQUIT\r\n`;
  drop('bsmtp', 'a.bsmtp', session);
  await answer(await inMailbox('from-silo'), 'answer-to-silo');
  const entry = entryIn('bsmtp', await inOut('bsmtp', 'answer-to-silo'));
  expect(entry.sender).toBe('SMTP:ada@corp.example');
  expect(entry.recipients.map(({ address }) => address)).toEqual(['SMTP:ops@silo.example']);
});

test('MS Mail: the answer goes out with sizes that are right', async () => {
  const body = 'hello\r\n';
  drop(
    'ffapi',
    'a.mai',
    `VERSION:3.00\r\nTO:SMTP:ada@corp.example\r\nFROM:ACME/PO1/BO\r\nSUBJECT:from-msmail\r\nTEXT:${body.length}\r\n${body}`,
  );
  await answer(await inMailbox('from-msmail'), 'answer-to-msmail');
  const entry = entryIn('ffapi', await inOut('ffapi', 'answer-to-msmail'));
  expect(entry.recipients.map(({ address }) => address)).toEqual(['MS:ACME/PO1/BO']);
});

test('the counts balance, and nothing is left in a place for what went wrong', async () => {
  const counts = await system.settled();
  expect(counts).toMatchObject({ failed: 1 });
  expect(counts.badmail ?? 0).toBe(0);
});
