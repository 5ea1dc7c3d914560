import { describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { fileDialects } from '../src/index.ts';
import { entryOf, limits, lines, sample, summary, translated } from './dialect-support.ts';

const { ffapi } = fileDialects;
const file = sample('ffapi', 'silo.mai');
const tokens = ['VERSION:3.00', 'FROM:ACME/PO1/BO', 'TO:ACME/PO1/ADA'];
const message = (...more: string[]): Buffer => lines(...tokens, ...more, 'TEXT:0');

describe('the sample', () => {
  test('envelope', () => {
    expect(summary(ffapi.read(file, limits))).toEqual(['MS:ACME/PO1/SCALE7 -> MS:ACME/PO1/ADA SMTP:bo@example.net']);
  });
  test('becomes an Internet message', async () => {
    const text = await translated(ffapi, entryOf(ffapi.read(file, limits)).bytes);
    const mail = await simpleParser(text);
    expect(mail).toMatchObject({
      subject: 'Silo 7 überfüllt',
      text: 'Silo 7 ist überfüllt.\nBitte prüfen.\n',
      from: { text: 'IMCEAMS-ACME_PO1_SCALE7@corp.example' },
      to: { text: 'IMCEAMS-ACME_PO1_ADA@corp.example, bo@example.net' },
      attachments: [{ filename: 'LOG.CSV', contentType: 'text/csv', content: Buffer.from('07:01,98\r\n') }],
    });
    expect(mail.date?.toISOString()).toBe('2026-10-05T08:00:00.000Z');
    expect(text).toMatch(/^Importance: high\r$/m);
    expect(text).toMatch(/^X-Foreign-Priority: 5\r$/m);
  });
  test('every beginning of it is unfinished, and never a shorter message', () => {
    for (let size = 0; size < file.length; size += 1) {
      const cut = file.subarray(0, size);
      expect([size, ffapi.isComplete(cut, cut, true), ffapi.read(cut, limits).kind]).toEqual([size, false, 'reject']);
    }
    expect(ffapi.isComplete(file, file, true)).toBe(true);
  });
});

describe('what is odd and taken', () => {
  test('a carriage return inside an address', () => {
    const odd = lines('VERSION:3.00', 'FROM:A/B/C', 'TO:MCI:Ada Ex\rEMS: X', 'TEXT:0');
    expect(summary(ffapi.read(odd, limits))).toEqual(['MS:A/B/C -> MCI:Ada Ex EMS: X']);
  });
  test('an end-of-file sign', () => {
    expect(ffapi.read(Buffer.concat([message(), Buffer.from('\r\n\u001a')]), limits).kind).toBe('read');
  });
  test('registered mail', async () => {
    expect(await translated(ffapi, message('PRIORITY:R'))).toMatch(/^Disposition-Notification-To: IMCEAMS-ACME_PO1_BO@corp.example\r$/m);
  });
  test('one bad recipient does not hold back the good one', () => {
    expect(entryOf(ffapi.read(message('TO:nobody'), limits))).toMatchObject({
      recipients: [{ address: 'MS:ACME/PO1/ADA' }],
      unreadable: [{ text: 'nobody', where: 'line 4' }],
    });
  });
});

describe('bad input', () => {
  test.each([
    ['another format', lines('From: a@x.example', '', 'x'), /^unrecognised/],
    ['no TEXT', lines(...tokens), /^incomplete-timeout/],
    ['a text that is shorter', lines(...tokens, 'TEXT:99', 'short'), /^incomplete-timeout/],
    ['a text that is longer', lines(...tokens, 'TEXT:2', 'much longer'), /^count-mismatch: the file has 11 bytes more/],
    ['a size that is no number', lines(...tokens, 'TEXT:many'), /^syntax: the size of TEXT/],
    ['a huge size', lines(...tokens, 'ATTACHMENTS:A.BIN 9999999999', 'TEXT:0'), /^incomplete-timeout/],
    ['an attachment without size', message('ATTACHMENTS:A.BIN'), /^syntax: "A.BIN" is no name with a size/],
    ['a place on a disk', message('XATTACH:C:\\AUTOEXEC.BAT[A]'), /^attachment-path: XATTACH/],
    ['text from a disk', message('XTEXT:..\\X'), /^attachment-path: XTEXT/],
    ['no sender', lines('VERSION:3.00', 'TO:A/B/C', 'TEXT:0'), /^envelope: nobody to answer to/],
    ['no recipient', lines('VERSION:3.00', 'FROM:A/B/C', 'TEXT:0'), /^envelope: nobody to send it to/],
    ['a token twice', message('FROM:A/B/C'), /^syntax: FROM is there twice/],
    ['a line that is no token', message('hello'), /^syntax: "hello" is no token/],
    ['an address of 10 KB', message(`TO:A/B/${'x'.repeat(10_000)}`), /^syntax: a token is longer than 4096/],
    ['a million tokens', message('X-\r\n'.replace('X-', 'XX:1').repeat(1_000_000)), /^too-large: more than 5000 tokens/],
    ['too many recipients', message(...Array.from({ length: 101 }, () => 'TO:A/B/C')), /^too-many-recipients/],
  ])('%s', (_name, bytes, expected) => {
    expect(summary(ffapi.read(bytes, limits)).join()).toMatch(expected);
  });
});
