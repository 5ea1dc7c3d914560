import { describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { fileDialects } from '../src/index.ts';
import { entryOf, limits, lines, sample, summary, translated } from './dialect-support.ts';

const { sgw } = fileDialects;
const file = sample('sgw', 'note.sgw');
const envelope = ['X-Tnef-Attach:', 'MAIL FROM:<a@x.example>', 'RCPT TO:<b@y.example>', 'DATA:'];
const made = async (bytes: Buffer) => translated(sgw, entryOf(sgw.read(bytes, limits)).bytes);

describe('the sample', () => {
  test('envelope', () => {
    expect(summary(sgw.read(file, limits))).toEqual(['SMTP:bo@gate.example.org -> SMTP:ada@corp.example SMTP:chloe@corp.example']);
  });
  test('becomes an Internet message', async () => {
    const text = await made(file);
    const mail = await simpleParser(text);
    expect(mail).toMatchObject({
      subject: 'Silo 7 überfüllt',
      text: 'Bitte prüfen.\n',
      messageId: '<g42@gate.example.org>',
      from: { text: '"Bo Koe" <bo@gate.example.org>' },
      to: { text: '"Ada Lovelace" <ada@corp.example>' },
      cc: { text: 'IMCEANOTES-Cy+20Ex_Ops_Acme+40ACMEDOM@corp.example' },
    });
    expect(mail.date?.toISOString()).toBe('2026-10-05T06:00:00.000Z');
    expect(text).toMatch(/^Importance: high\r$/m);
    expect(text).toContain('\r\nSensitivity: Private\r\n');
    expect(text).toContain('\r\nX400-Received-By: /P=Acme/A= /C=XX/;Relayed\r\n');
    expect(text).toContain('\r\nX-Foreign-Message-Class: IPM.Note\r\n');
  });
  test('who is in BCC is in the envelope and nowhere in the message', async () => {
    expect(await made(file)).not.toMatch(/chloe/i);
  });
  test('is the same when it is made again', async () => {
    expect(await made(file)).toBe(await made(file));
  });
  test('is finished when its header is', () => {
    expect(sgw.isComplete(file, file, true)).toBe(true);
    const cut = file.subarray(0, file.indexOf('TO: Ada'));
    expect(sgw.isComplete(cut, cut, true)).toBe(false);
  });
});

test('a report is told from a letter, and leads back', async () => {
  const text = await made(
    lines(
      ...envelope,
      'X-Message-Class:Report.IPM.Note.NDR',
      'X-Subject-Message-ID: <1@x.example>',
      'X-Message-ID: 4711',
      '',
      'Subject: not delivered',
      '',
      'no such person',
    ),
  );
  expect(text).toMatch(/^Auto-Submitted: auto-generated\r$/m);
  expect(text).toContain('\r\nIn-Reply-To: <1@x.example>\r\n');
  expect(text).toContain('\r\nX-Foreign-Message-ID: 4711\r\n');
});

test('text in the code page of its time', async () => {
  const bytes = Buffer.concat([lines(...envelope, 'From: a@x.example', ''), Buffer.from('pr\xfcfen\r\n', 'latin1')]);
  expect((await simpleParser(await made(bytes))).text).toBe('prüfen\n');
});

describe('bad input', () => {
  test.each([
    ['another format', lines('From: a@x.example', '', 'x'), [expect.stringMatching(/^unrecognised/)]],
    [
      'content in TNEF',
      lines('X-Tnef-Attach: MAPIMAIL.DAT', ...envelope.slice(1), 'From: a@x.example', ''),
      [expect.stringMatching(/^unsupported-type: its content is in TNEF/)],
    ],
    [
      'a class that is no mail',
      lines(...envelope, 'X-Message-Class:IPC.Agent', '', 'x'),
      [expect.stringMatching(/^unsupported-type: messages of class "IPC.Agent"/)],
    ],
    ['a header without end', lines(...envelope, 'From: a@x.example'), [expect.stringMatching(/^bad incomplete-timeout/)]],
    ['a line that is no field', lines(...envelope, 'Dear Ada,', '', 'x'), [expect.stringMatching(/^syntax: "Dear Ada,"/)]],
    ['nobody', lines('MAIL FROM:<a@x.example>', 'DATA:', 'From: a@x.example', '', 'x'), [expect.stringMatching(/^bad envelope/)]],
    ['a million fields', lines(...envelope, 'a: b\r\n'.repeat(1_000_000), '', 'x'), ['too-large: more than 2000 fields']],
    ['a lone CR', lines(...envelope, 'From: a@x.example', '', 'a\rb'), [expect.stringMatching(/carriage return alone/)]],
  ])('%s', (_name, bytes, expected) => {
    expect(summary(sgw.read(bytes, { ...limits, messageBytes: 100_000_000 }))).toEqual(expected);
  });
  test('a line end in a field makes no second field', async () => {
    const text = await made(lines(...envelope, 'From: a@x.example', '', 'Subject: one\u2028X-Evil: two', '', 'x'));
    expect(text).not.toMatch(/^X-Evil/m);
  });
});
