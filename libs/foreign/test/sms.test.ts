import { describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { fileDialects } from '../src/index.ts';
import { entryOf, limits, sample, summary, translated } from './dialect-support.ts';

const { sms } = fileDialects;
const file = sample('sms', 'GSM1.sms');
const spool = (head: readonly string[], text: string | Buffer) =>
  Buffer.concat([Buffer.from(['From: 491725550100', 'Modem: GSM1', ...head, '', ''].join('\n')), Buffer.from(text)]);

describe('the sample', () => {
  test('is for whoever the modem stands for', () => {
    expect(summary(sms.read(file, limits))).toEqual(['SMS:+491725550100 -> SMS:GSM1']);
  });
  test('becomes an Internet message', async () => {
    const text = await translated(sms, entryOf(sms.read(file, limits)).bytes);
    const mail = await simpleParser(text);
    expect(mail).toMatchObject({
      subject: 'Silo 7 überfüllt. Bitte prüfen.',
      text: 'Silo 7 überfüllt. Bitte prüfen.\n',
      from: { text: '"+491725550100" <IMCEASMS-+2B491725550100@corp.example>' },
    });
    expect(mail.date?.toISOString()).toBe('2026-10-05T08:00:00.000Z');
    expect(text).toMatch(/^X-Foreign-Modem: GSM1\r$/m);
  });
  test('it is unfinished until its header is', () => {
    const end = file.indexOf('\n\n') + 2;
    for (let size = 0; size < end; size += 1) {
      const cut = file.subarray(0, size);
      expect([size, sms.isComplete(cut, cut, true), sms.read(cut, limits).kind]).toEqual([size, false, 'reject']);
    }
  });
});

describe('what else there is', () => {
  const textOf = async (bytes: Buffer) => (await simpleParser(await translated(sms, bytes))).text;
  test('UCS-2', async () => {
    expect(await textOf(spool(['Alphabet: UCS2'], Buffer.from('über\n', 'utf16le').swap16()))).toBe('über\n');
  });
  test('Latin 1', async () => {
    expect(await textOf(spool(['Alphabet: ISO'], Buffer.from('über\n', 'latin1')))).toBe('über\n');
  });
  test('bytes that are no text', async () => {
    const mail = await simpleParser(await translated(sms, spool(['Alphabet: binary'], Buffer.from([0, 255, 13]))));
    expect(mail.attachments).toMatchObject([{ filename: 'message.bin', content: Buffer.from([0, 255, 13]) }]);
  });
  test('a number in To, an address in To, a short number', () => {
    expect(summary(sms.read(spool(['To: 491600000'], 'x\n'), limits))).toEqual(['SMS:+491725550100 -> SMS:+491600000']);
    expect(summary(sms.read(spool(['To: ben@corp.example'], 'x\n'), limits))).toEqual(['SMS:+491725550100 -> SMTP:ben@corp.example']);
    expect(summary(sms.read(Buffer.from('From: 7001\nModem: GSM1\n\nx\n'), limits))).toEqual(['SMS:7001 -> SMS:GSM1']);
  });
  test('a report is from nobody', async () => {
    const bytes = spool(['Message_id: 7', 'Status: 0,Ok'], 'SMS STATUS REPORT\n');
    expect(entryOf(sms.read(bytes, limits)).sender).toBeNull();
    expect(await translated(sms, bytes)).toMatch(/^Auto-Submitted: auto-generated\r$/m);
  });
});

describe('bad input', () => {
  test.each([
    ['another format', Buffer.from('From: a@x.example\n\nhi\n'), /^unrecognised/],
    ['cut in its header', Buffer.from('From: 491725550100\nModem: G'), /^incomplete-timeout/],
    ['nobody', Buffer.from('From: 491725550100\nSent: x\n\nhi\n'), /^envelope: nobody to send it to/],
    ['a line that is none', spool(['hello'], 'x'), /^syntax: "hello" is no line/],
    ['a line of 10 KB', spool([`To: ${'4'.repeat(10_000)}`], 'x'), /^syntax: a line of the header is longer/],
    ['a number that is none', spool([`To: ${'a'.repeat(1_500)}`], 'x'), /^SMS:\+491725550100 -> SMS:GSM1/],
    ['a million lines', spool(['A: b\n'.repeat(1_000_000)], 'x'), /^too-large|^incomplete-timeout|^syntax/],
    ['half a letter of UCS-2', spool(['Alphabet: UCS2'], 'abc'), /^charset: its text is in UCS-2/],
    ['Latin 1 said to be UTF-8', spool(['Alphabet: UTF-8'], Buffer.from('über', 'latin1')), /^charset: its text is not the UTF-8/],
  ])('%s', (_name, bytes, expected) => {
    expect(summary(sms.read(bytes, limits)).join()).toMatch(expected);
  });
});
