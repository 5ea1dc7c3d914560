import { describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { bundle, fileDialects, unbundle } from '../src/index.ts';
import { context, entryOf, limits, lines, sample, summary } from './dialect-support.ts';

const { gwapi } = fileDialects;
const file = sample('gwapi', 'silo.api');
const parts = ['3fc1a2b0.bdy', '3fc1a2b1.att'].map((name) => ({ name, bytes: sample('gwapi', name) }));

async function made(message: Buffer, beside: { name: string; bytes: Buffer }[] = []): Promise<string> {
  const result = await gwapi.translate(bundle(entryOf(gwapi.read(message, limits)).bytes, beside), context);
  if (result.kind === 'reject') throw new Error(`${result.code}: ${result.reason}`);
  return Buffer.concat(result.parts).toString();
}
const message = (...more: string[]): Buffer =>
  lines('WPC-API= 1.2;', 'Msg-Type= Mail;', 'From= WPD= A; WPPO= B; WPU= c; ;', 'To= WPD= X; WPPO= Y; WPU= z; ;', ...more, '-END-');

describe('the sample', () => {
  test('envelope and files', () => {
    const read = gwapi.read(file, limits);
    expect(summary(read)).toEqual(['GWISE:ACME.PO1.BKo -> GWISE:EXCH.SITE.ada GWISE:EXCH.SITE.ben GWISE:EXCH.SITE.cy GWISE:EXCH.SITE.ed']);
    expect(read).toMatchObject({ files: ['3fc1a2b0.bdy', '3fc1a2b1.att'] });
    expect(entryOf(read).recipients[0]).toMatchObject({ notify: ['success', 'failure'], where: 'TO' });
  });
  test('becomes an Internet message', async () => {
    const text = await made(file, parts);
    const mail = await simpleParser(text);
    expect(mail).toMatchObject({
      subject: 'Silo 7 überfüllt; 98 %',
      text: 'Bitte prüfen.\n',
      from: { value: [{ name: 'Bo Koe', address: 'IMCEAGWISE-ACME+2EPO1+2EBKo@corp.example' }] },
      attachments: [{ filename: 'log.csv', contentType: 'text/csv' }],
      messageId: expect.stringMatching(/^<[0-9a-f]{40}\.gwapi@ex1\.corp\.example>$/),
    });
    expect(mail.attachments[0]?.content.toString()).toBe('07:01,98\r\n');
    expect(mail.date?.toISOString()).toBe('2026-10-05T06:00:00.000Z');
    for (const field of [
      'Importance: high',
      'Priority: urgent',
      'Sensitivity: Company-Confidential',
      'Disposition-Notification-To: IMCEAGWISE-ACME+2EPO1+2EBKo@corp.example',
      'X-Foreign-ID: 4AC9E0F2.PO1.ACME.100.0001',
      'X-Foreign-Security: Confidential',
      'X-Foreign-To-Text: Ada Ex, Ben Ex, Di Ex',
    ]) {
      expect(text).toMatch(new RegExp(`^${field.replaceAll(/[+.]/g, '\\$&')}\r$`, 'm'));
    }
  });
  test('shows who is served elsewhere, and nobody of BC', async () => {
    const text = await made(file, parts);
    expect(text).toContain('IMCEAGWISE-ACME+2EPO1+2Edi@corp.example');
    expect(text).not.toMatch(/SITE\+2Eed/);
  });
  test('is the same when it is made again', async () => {
    expect(await made(file, parts)).toBe(await made(file, parts));
  });
  test('every beginning of it is unfinished', () => {
    for (let size = 0; size < file.length - 2; size += 1) {
      const cut = file.subarray(0, size);
      const isWhole = cut.toString('latin1').trimEnd().endsWith('-END-');
      expect([size, gwapi.isComplete(cut, cut, true)]).toEqual([size, isWhole]);
      if (!isWhole) expect(gwapi.read(cut, limits).kind).toBe('reject');
    }
  });
});

describe('what is odd and taken', () => {
  test('dotted addresses, Internet addresses, a body-less message', async () => {
    const odd = lines('WPC-API= 1.2;', 'From= A.B.c;', 'To= X.Y.z, CDBA= X.Y.w^hidden; , WPU= d@e.example; ;', 'Subject=;', '-END-');
    expect(summary(gwapi.read(odd, limits))).toEqual(['GWISE:A.B.c -> GWISE:X.Y.z GWISE:X.Y.w SMTP:d@e.example']);
    expect(await made(odd)).toContain('From: IMCEAGWISE-A+2EB+2Ec@corp.example\r\n');
  });
  test('a comma behind a flag, where GroupWise 4 wrote one', () => {
    const odd = message('Attach-File= Current-FileName= a.att; -CONVERSION-ALLOWED-, Current-FileName= b.att; -CONVERSION-ALLOWED-, ;');
    expect(gwapi.read(odd, limits)).toMatchObject({ files: ['a.att', 'b.att'], notes: ['comma-behind-flag'] });
  });
  test('one bad recipient does not hold back the good one', () => {
    const odd = lines('WPC-API= 1.2;', 'From= A.B.c;', 'To= X.Y.z, nobody;', '-END-');
    expect(entryOf(gwapi.read(odd, limits))).toMatchObject({
      recipients: [{ address: 'GWISE:X.Y.z' }],
      unreadable: [{ text: 'nobody', where: 'TO' }],
    });
  });
  test.each([
    ['5/10/2026 8:00:00 +2', 'Mon, 05 Oct 2026 06:00:00 +0000'],
    ['31/12/99 23:59 -5:30', 'Sat, 01 Jan 2000 05:29:00 +0000'],
    ['1/2/2026', 'Sun, 01 Feb 2026 00:00:00 +0000'],
    ['31/2/2026 8:00', 'Mon, 05 Oct 2026 06:00:00 +0000'],
  ])('the date %s', async (date, expected) => {
    expect(await made(message(`Date-Sent= ${date};`))).toContain(`Date: ${expected}\r\n`);
  });
  test('a status is a report', async () => {
    const status = lines('WPC-API= 1.2;', 'Msg-Type= Status;', 'To= X.Y.z;', 'Orig-Msg-ID= 1@corp.example;', 'Status= Opened;', '-END-');
    expect(summary(gwapi.read(status, limits))).toEqual(['<> -> GWISE:X.Y.z']);
    const text = await made(status);
    expect(text).toMatch(/^Auto-Submitted: auto-generated\r$/m);
    expect(text).toMatch(/^In-Reply-To: <1@corp.example>\r$/m);
    expect(text).toMatch(/^X-Foreign-Status: Opened\r$/m);
  });
  test('an original name is shown without its path', async () => {
    const odd = message('Attach-File= Current-FileName= a.att; Original-FileName= C:\\\\secret\\\\..\\\\log.csv; ;');
    const text = await made(odd, [{ name: 'a.att', bytes: Buffer.from('x') }]);
    expect(text).toContain('filename=log.csv');
    expect(text).not.toContain('secret');
  });
});

describe('bad input', () => {
  test.each([
    ['another format', lines('From: a@x.example', '', 'x'), /^unrecognised/],
    ['no -END-', Buffer.from('WPC-API= 1.2;\r\nFrom= A.B.c;\r\n'), /^incomplete-timeout: the line -END- is missing/],
    ['a value without end', lines('WPC-API= 1.2;', 'Subject= x'), /^syntax: the value of Subject has no ";"/],
    ['a list without end', lines('WPC-API= 1.2;', 'To= WPD= A'), /^syntax: a list has no end/],
    ['a line that is no keyword', lines('WPC-API= 1.2;', 'hello there;', '-END-'), /^syntax: "hello there" is no keyword/],
    ['nobody', lines('WPC-API= 1.2;', 'From= A.B.c;', 'To=;', '-END-'), /^envelope: nobody to send it to/],
    ['nobody to answer', lines('WPC-API= 1.2;', 'To= A.B.c;', '-END-'), /^envelope: nobody to answer to/],
    ['only bad recipients', lines('WPC-API= 1.2;', 'From= A.B.c;', 'To= nobody;', '-END-'), /^envelope: no recipient is left: "nobody"/],
    [
      'a directory request',
      lines('WPC-API= 1.2;', 'Msg-Type= Admin;', 'Operation= List;', '-GET-DIRECTORY-;', '-END-'),
      /^unsupported-type: files of type "admin"/,
    ],
    ['a path to our disk', message('Attach-File= Current-FileName= ../../etc/passwd; ;'), /^attachment-path/],
    ['a drive', message('Msg-File= C:\\\\body.txt;'), /^attachment-path/],
    ['a device', message('Msg-File= NUL.txt;'), /^attachment-path/],
    ['a hidden file', message('Msg-File= .profile;'), /^attachment-path/],
    ['10,000 keywords', message(...Array.from({ length: 10_000 }, () => 'X= 1;')), /^too-large: more than 5000 keywords/],
    ['too many recipients', lines('WPC-API= 1.2;', 'From= A.B.c;', `To= ${'X.Y.z, '.repeat(200)}X.Y.w;`, '-END-'), /^too-many-recipients/],
    [
      'an address of 10 KB',
      lines('WPC-API= 1.2;', 'From= A.B.c;', `To= X.Y.${'z'.repeat(10_000)};`, '-END-'),
      /^envelope: no recipient is left/,
    ],
    ['a million blank lines', Buffer.from(`WPC-API= 1.2;${'\r\n'.repeat(1_000_000)}`), /^incomplete-timeout/],
  ])('%s', (_name, bytes, expected) => {
    const [found] = summary(gwapi.read(bytes, limits));
    expect(found).toMatch(expected);
  });
  test('a line end in a value makes no field', async () => {
    expect(await made(message('Subject= one\r\nBcc: evil@x.example;'))).not.toMatch(/^Bcc/m);
  });
});

describe('the answer to the foreign side', () => {
  const told = { code: 'envelope', reason: 'nobody; at all' };
  test('names the message and its sender, and can be read again', () => {
    const answer = gwapi.answer?.(file, told) ?? Buffer.alloc(0);
    expect(answer.toString()).toBe(
      'WPC-API= 1.2;\r\nMsg-Type= Status;\r\nTo= WPD= ACME; WPPO= PO1; WPU= BKo; ;\r\nOrig-Msg-ID= 4AC9E0F2.PO1.ACME.100.0001;\r\nStatus= Undeliverable;\r\nStatus-Code= envelope;\r\nStatus-Text= nobody\\; at all;\r\n-END-\r\n',
    );
    expect(summary(gwapi.read(answer, limits))).toEqual(['<> -> GWISE:ACME.PO1.BKo']);
  });
  test('also to what cannot be read whole', () => {
    const broken = lines('WPC-API= 1.2;', 'From= WPD= A; WPPO= B; WPU= c; ;', 'Msg-Id= 7;', 'oops');
    expect(gwapi.answer?.(broken, told)?.toString()).toContain('WPU= c;');
  });
  test('a report has none', () => {
    expect(gwapi.answer?.(lines('WPC-API= 1.2;', 'Msg-Type= Status;', 'Msg-Id= 7;', 'To= A.B.c;', '-END-'), told)).toBeUndefined();
  });
});

test('a bundle is read only as it was made', () => {
  const whole = bundle(file, parts);
  expect(unbundle(whole)).toEqual({ file, parts });
  expect(unbundle(whole.subarray(0, -1))).toBeUndefined();
  expect(unbundle(Buffer.from('{"names":["a"],"sizes":[1]}\nx'))).toBeUndefined();
  expect(unbundle(Buffer.from('{"names":"a","sizes":[-1]}\n'))).toBeUndefined();
  expect(unbundle(file)).toBeUndefined();
});
