import { describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { fileDialects } from '../src/index.ts';
import { entryOf, limits, lines, sample, summary, translated } from './dialect-support.ts';

const { 'x400-text': x400 } = fileDialects;
const file = sample('x400-text', 'silo.x400');
const ada = '/G=Ada/S=Ex/PRMD=Acme/ADMD= /C=XX/';
const message = (...more: string[]) =>
  lines(`X400-Originator: ${ada}`, 'X400-Recipients: /S=Cy/PRMD=Acme/ADMD= /C=XX/', ...more, '', 'Subject: s', '', 'text');
const isComplete = (bytes: Buffer) => x400.isComplete(bytes, bytes.subarray(-4_096), true);

describe('the sample', () => {
  test('envelope', () => {
    const read = x400.read(file, limits);
    expect(summary(read)).toEqual(['X400:c=XX;a= ;p=Acme;o=Ops;s=Ex;g=Ada; -> SMTP:bo@example.net X400:c=XX;a= ;p=Acme;o=Ops;s=Cy;']);
    expect(entryOf(read)).toMatchObject({
      envid: '[/PRMD=Acme/ADMD= /C=XX/;A1B2 261005]',
      recipients: [{ notify: ['success', 'failure'] }, { notify: ['success', 'failure'] }],
    });
  });
  test('becomes an Internet message: transfer fields on top, the rest as it was, the blind copy gone', async () => {
    const text = await translated(x400, entryOf(x400.read(file, limits)).bytes);
    const own = file
      .toString('latin1')
      .split('\n\n')
      .slice(1)
      .join('\n\n')
      .replaceAll(/^Bcc:.*\n/gm, '')
      .replaceAll('\n', '\r\n');
    expect(text.endsWith(own)).toBe(true);
    expect(text.slice(0, -own.length)).toBe(
      [
        'X400-Originator: /G=Ada/S=Ex/O=Ops/PRMD=Acme/ADMD= /C=XX/',
        'X400-MTS-Identifier: [/PRMD=Acme/ADMD= /C=XX/;A1B2 261005]',
        'X400-Content-Type: P2-1988 (22)',
        'X400-Received: by /PRMD=Acme/ADMD= /C=XX/; Relayed; Mon, 5 Oct 2026 08:00:00 +0200',
        'Generate-Delivery-Report: ',
        'Priority: urgent',
        '',
      ].join('\r\n'),
    );
    expect(text).not.toContain('S=Cy');
    expect(await simpleParser(text)).toMatchObject({
      text: 'Silo 7 überfüllt. Please look.',
      attachments: [{ filename: 'log.csv', content: Buffer.from('07:01,98') }],
    });
  });
  test('every beginning of it is unfinished until its closing line', () => {
    const closing = file.indexOf('--p22--') + '--p22--'.length;
    for (let size = 0; size < closing; size += 1) expect([size, isComplete(file.subarray(0, size))]).toEqual([size, false]);
    expect(isComplete(file)).toBe(true);
  });
});

describe('addresses', () => {
  const recipients = (...written: string[]) =>
    summary(
      x400.read(lines(`X400-Originator: ${ada}`, ...written.map((one) => `X400-Recipients: ${one}`), '', 'Subject: s', '', 'x'), limits),
    )
      .join()
      .replace(/^.* -> /, '');
  test.each([
    ['/S=Cy/PRMD=Acme/ADMD= /C=XX/, /S=Di/PRMD=Acme/ADMD= /C=XX/', 'X400:c=XX;a= ;p=Acme;s=Cy; X400:c=XX;a= ;p=Acme;s=Di;'],
    ['c=XX;a= ;p=Acme;s=Cy;', 'X400:c=XX;a= ;p=Acme;s=Cy;'],
    ['G=Cy; S=Ex; P=Acme; A= ; C=XX', 'X400:c=XX;a= ;p=Acme;s=Ex;g=Cy;'],
    ['/S=Cy$/Di/PRMD=Acme/ADMD= /C=XX/', 'X400:c=XX;a= ;p=Acme;s=Cy/Di;'],
    ['/DD.RFC-822=bo(a)example.net/PRMD=G/ADMD= /C=XX/', 'SMTP:bo@example.net'],
    ['/ROOM=7/S=Cy/PRMD=Acme/ADMD= /C=XX/', 'X400:c=XX;a= ;p=Acme;s=Cy;dda:ROOM=7;'],
    ['bo@example.net', 'SMTP:bo@example.net'],
  ])('%s', (written, expected) => {
    expect(recipients(written)).toBe(expected);
  });
  test('a bad one does not hold back the good one', () => {
    const read = x400.read(message('X400-Recipients: /S=Di/C=XX/C=YY/'), limits);
    expect(entryOf(read)).toMatchObject({
      recipients: [{ address: 'X400:c=XX;a= ;p=Acme;s=Cy;' }],
      unreadable: [{ text: '/S=Di/C=XX/C=YY/' }],
    });
  });
});

describe('what is odd and taken', () => {
  test('a message without From, Date and Message-ID', async () => {
    expect(await translated(x400, message())).toMatch(
      /^Date: .*\r\nMessage-ID: <.*>\r\nFrom: IMCEAX400-c=XX\+3Ba=\+20\+3Bp=Acme\+3Bs=Ex\+3Bg=Ada\+3B@corp\.example\r\nX400-Originator: .*\r\nSubject: s\r\n\r\ntext\r\n$/,
    );
  });
  test('no report at all', () => {
    expect(entryOf(x400.read(message('Prevent-NonDelivery-Report:'), limits)).recipients).toMatchObject([{ notify: 'never' }]);
  });
  test('a report has the null sender', () => {
    const report = Buffer.from(message().toString().replace('Subject: s', 'Content-Type: multipart/report; boundary="b"'));
    expect(x400.read(report, limits)).toMatchObject({ entries: [{ sender: null }], notes: ['closing-line-missing'] });
  });
  test('a line end in a field does not become one in the message', async () => {
    expect(await translated(x400, message('X400-Trace: a', '\tBcc: b'))).toContain('X400-Trace: a Bcc: b\r\n');
  });
});

describe('bad input', () => {
  test.each([
    ['another format', lines('From: a@x.example', '', 'hi'), /^unrecognised/],
    ['no message behind the envelope', lines(`X400-Originator: ${ada}`, 'X400-Recipients: /S=Cy/P=A/A= /C=XX/'), /^incomplete-timeout/],
    [
      'a message cut in its heading',
      lines(`X400-Originator: ${ada}`, 'X400-Recipients: /S=Cy/P=A/A= /C=XX/', '', 'Subj'),
      /^incomplete-timeout: the heading/,
    ],
    ['a line that is no field', message('hello'), /^syntax: "hello" is no field/],
    ['no originator', lines('X400-Recipients: /S=Cy/P=A/A= /C=XX/', '', 'Subject: s', '', 'x'), /^envelope: nobody to answer to/],
    [
      'an originator with two countries',
      lines('X400-Originator: /S=A/P=A/A= /C=XX/C=YY/', 'X400-Recipients: a@x.example', '', 'S: s', '', 'x'),
      /^envelope: the originator is no address: .*"c" is there twice/,
    ],
    ['no recipient', lines(`X400-Originator: ${ada}`, '', 'Subject: s', '', 'x'), /^envelope: nobody to send it to/],
    [
      'an address of 10 KB',
      lines(`X400-Originator: ${ada}`, `X400-Recipients: /S=${'x'.repeat(10_000)}/P=A/A= /C=XX/`, '', 'S: s', '', 'x'),
      /^envelope: no recipient is left/,
    ],
    ['a lone CR', message('X400-Trace: a\rb'), /^syntax: a NUL or a carriage return alone/],
    ['a million fields', message('X400-Trace: a\r\n'.repeat(1_000_000)), /^too-large/],
    ['a million recipients', message(`X400-Recipients: ${'/S=C/P=A/A= /C=XX/,'.repeat(12_000)}`), /^too-many-recipients/],
  ])('%s', (_name, bytes, expected) => {
    expect(summary(x400.read(bytes, limits)).join()).toMatch(expected);
  });
});
