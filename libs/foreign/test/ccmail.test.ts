import { describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { fileDialects } from '../src/index.ts';
import { entryOf, limits, lines, sample, summary, translated } from './dialect-support.ts';

const { ccmail } = fileDialects;
const file = sample('ccmail', 'two-messages.ccmail');
const message = (...more: string[]) => lines('Message:', 'From: Ada Ex at PO1', 'To: bo@example.net', ...more);

describe('the sample', () => {
  test('has two messages', () => {
    expect(summary(ccmail.read(file, limits))).toEqual([
      'CCMAIL:Ex, Ada at PO1 -> CCMAIL:Koe, Bo at PO1 SMTP:cy@example.org SMTP:di@example.org CCMAIL:Ed Ex at PO1',
      'CCMAIL:Ex, Ada at PO1 -> SMTP:bo@example.net',
    ]);
  });
  test('becomes an Internet message; the blind copy is not in it, nor the path of the file', async () => {
    const text = await translated(ccmail, entryOf(ccmail.read(file, limits)).bytes);
    expect(await simpleParser(text)).toMatchObject({
      subject: 'Silo 7 überfüllt',
      text: 'Bitte prüfen.\nMessage: that is text, since no label follows it.\n',
      from: { text: '"Ex, Ada" <IMCEACCMAIL-Ex+2C+20Ada+20at+20PO1@corp.example>' },
      cc: { text: 'di@example.org' },
      attachments: [{ filename: 'LOG.CSV', content: Buffer.from('07:01,98\r\n') }],
    });
    expect(text).toMatch(/^Importance: high\r$/m);
    expect(text).not.toMatch(/Ed Ex|Ed\+20Ex|SILO/);
  });
  test('no beginning of it has a message with another envelope', () => {
    const whole = summary(ccmail.read(file, limits));
    for (let size = 0; size < file.length; size += 1) {
      const found = summary(ccmail.read(file.subarray(0, size), limits)).filter((one) => !/^(?:bad|unrecognised)/.test(one));
      expect(whole.slice(0, found.length)).toEqual(found);
    }
  });
});

describe('bad input', () => {
  test.each([
    ['another format', lines('From: a@x.example', '', 'hi'), /^unrecognised/],
    ['no contents', message('Subject: s'), /^bad incomplete-timeout: the message ends before its Contents/],
    ['a file on a disk', message('Contents:', 'x', 'File item: C:\\AUTOEXEC.BAT'), /^bad attachment-path: it names a place on a disk/],
    ['a path out of the folder', message('Contents:', 'File item: ..\\..\\secret'), /^bad attachment-path/],
    ['half a byte', message('Contents:', 'File item: a', '414'), /^bad count-mismatch/],
    ['text behind a file', message('Contents:', 'File item: a', '41', 'hello'), /^bad syntax: "hello" is neither/],
    ['a line that is no label', message('hello', 'Contents:', 'x'), /^bad syntax: "hello" is no label/],
    ['no sender', lines('Message:', 'To: bo@example.net', 'Contents:', 'x'), /^bad envelope: nobody to answer to: From is missing/],
    [
      'a sender who is none',
      lines('Message:', 'From: Ada', 'To: bo@example.net', 'Contents:', 'x'),
      /^bad envelope: nobody to answer to: .*NAME at POSTOFFICE/,
    ],
    ['no recipient', lines('Message:', 'From: Ada at PO1', 'Contents:', 'x'), /^bad envelope: nobody to send it to/],
    ['an address of 10 KB', message(`To: ${'b'.repeat(10_000)} at PO1`, 'Contents:', 'x'), /^bad syntax: a label is longer than 4096/],
    ['a million labels', message('X: y\r\n'.repeat(1_000_000), 'Contents:', 'x'), /^bad too-large: more than 5000 labels/],
    ['too many recipients', message(...Array.from({ length: 101 }, () => 'To: Bo at PO1'), 'Contents:', 'x'), /^bad too-many-recipients/],
    ['too many messages', Buffer.from('Message:\nTo: a at b\n'.repeat(1_001)), /^too-large: more than 1000 messages/],
  ])('%s', (_name, bytes, expected) => {
    expect(summary(ccmail.read(bytes, limits)).join()).toMatch(expected);
  });
  test('a bad recipient, and a bad message, hold nothing else back', () => {
    const read = ccmail.read(
      Buffer.concat([message('To: nobody', 'Contents:', 'x'), lines('Message:', 'Subject: s', 'Contents:', 'x')]),
      limits,
    );
    expect(summary(read)).toEqual(['CCMAIL:Ada Ex at PO1 -> SMTP:bo@example.net', expect.stringMatching(/^bad envelope/)]);
    expect(entryOf(read).unreadable).toMatchObject([{ text: 'nobody', where: 'line 4' }]);
  });
  test('a text of control characters does not end a line of the header', async () => {
    expect(await translated(ccmail, message('Subject: a\u0085Bcc: b\u000bc', 'Contents:', 'x'))).not.toMatch(/^Bcc:/m);
  });
});
