import { describe, expect, test } from '@jest/globals';
import { fileDialects } from '../src/index.ts';
import { context, entryOf, limits, lines, sample, summary, translated } from './dialect-support.ts';

const { bsmtp } = fileDialects;
const file = sample('bsmtp', 'two-messages.bsmtp');
const session = (...more: string[]) => lines('MAIL FROM:<a@x.example>', 'RCPT TO:<b@y.example>', 'DATA', 'Subject: s', '', ...more);

describe('the sample', () => {
  test('has two messages, each with its own envelope', () => {
    const read = bsmtp.read(file, limits);
    expect(summary(read)).toEqual([
      'SMTP:ops@silo.example.org -> SMTP:ada@corp.example SMTP:ben@corp.example',
      '<> -> SMTP:ops@corp.example',
    ]);
    expect(entryOf(read)).toMatchObject({
      envid: 'S-9',
      ret: 'full',
      helo: 'silo.example.org',
      recipients: [{ notify: ['success', 'failure'] }, {}],
    });
  });
  test('its content passes byte for byte, dots undone', async () => {
    expect(await translated(bsmtp, entryOf(bsmtp.read(file, limits)).bytes)).toBe(
      'From: Ops <ops@silo.example.org>\r\nTo: ada@corp.example\r\nSubject: dots\r\nDate: Mon, 5 Oct 2026 08:00:00 +0200\r\nMessage-ID: <s9@silo.example.org>\r\n\r\n.leading dot is doubled\r\n',
    );
  });
  test('what a program left out is added on top', async () => {
    expect(await translated(bsmtp, entryOf(bsmtp.read(file, limits), 1).bytes)).toBe(
      `Date: Mon, 05 Oct 2026 06:00:00 +0000\r\nMessage-ID: <${context.rootId}@ex1.corp.example>\r\nSubject: empty sender is a report\r\n\r\nIt could not be delivered.\r\n`,
    );
  });
  test('is finished at QUIT or behind a closing dot, and not before', () => {
    const isComplete = (bytes: Buffer) => bsmtp.isComplete(bytes, bytes.subarray(-4_096), true);
    expect(isComplete(file)).toBe(true);
    for (const end of ['MAIL FROM:<', '..leading', 'It could not']) {
      expect(isComplete(file.subarray(0, file.indexOf(end) + end.length))).toBe(false);
    }
    expect(isComplete(session('.'))).toBe(true);
  });
});

test('line ends of another system are taken', async () => {
  const entry = entryOf(bsmtp.read(Buffer.from(session('..x', '.').toString().replaceAll('\r', '')), limits));
  expect(await translated(bsmtp, entry.bytes)).toContain('\r\nSubject: s\r\n\r\n.x\r\n');
});

test('a prefix is never a shorter message: only whole transactions are taken', () => {
  const whole = summary(bsmtp.read(file, limits));
  for (let size = 0; size < file.length; size += 1) {
    const found = summary(bsmtp.read(file.subarray(0, size), limits)).filter((one) => one.includes('->'));
    expect(whole.slice(0, found.length)).toEqual(found);
  }
});

describe('bad input', () => {
  test.each([
    ['no session', lines('Dear Ada,', 'how are you?'), ['unrecognised: this is no batch SMTP: it does not begin with an SMTP command']],
    ['empty', Buffer.alloc(0), ['unrecognised: this is no batch SMTP: it does not begin with an SMTP command']],
    ['only a greeting', lines('EHLO x.example', 'QUIT'), ['envelope: there is no message in this file: no MAIL command']],
    [
      'cut in the content',
      session('text'),
      ['bad incomplete-timeout: the file ends in the middle of a message: its closing line is missing'],
    ],
    ['cut in the envelope', lines('MAIL FROM:<a@x.example>'), ['bad incomplete-timeout: the file ends before the content of a message']],
    ['no recipient', lines('MAIL FROM:<a@x.example>', 'DATA', 'x', '.'), ['bad envelope: nobody to send it to: there is no RCPT']],
    ['no sender', lines('RCPT TO:<a@x.example>', 'DATA', 'x', '.'), ['bad envelope: RCPT without MAIL before it']],
    ['a lone CR', session('a\rb', '.'), [expect.stringMatching(/^bad syntax: a NUL or a carriage return alone at byte \d+/)]],
    ['a NUL', session('a\0b', '.'), [expect.stringMatching(/^bad syntax: a NUL/)]],
    [
      'BDAT',
      lines('MAIL FROM:<a@x.example>', 'RCPT TO:<b@y.example>', 'BDAT 3 LAST', 'abc'),
      ['bad syntax: BDAT needs somebody who answers, and a file has nobody'],
    ],
    ['a login', lines('HELO x', 'AUTH PLAIN AAAA', 'QUIT'), ['bad syntax: AUTH needs somebody who answers, and a file has nobody']],
    ['more behind QUIT', lines('QUIT', 'MAIL FROM:<a@x.example>'), ['bad syntax: there is more behind QUIT']],
    [
      'an address of 10 KB',
      lines('MAIL FROM:<a@x.example>', `RCPT TO:<${'a'.repeat(10_000)}@y.example>`, 'DATA', 'x', '.'),
      ['bad syntax: a command is longer than 2048 bytes'],
    ],
    [
      'a peer site’s word',
      lines('MAIL FROM:<a@x.example> XMAILRAIL=1', 'RCPT TO:<b@y.example>', 'DATA', 'x', '.'),
      [expect.stringMatching(/^bad envelope: MAIL is wrong/)],
    ],
  ])('%s', (_name, bytes, expected) => {
    expect(summary(bsmtp.read(bytes, limits))).toEqual(expected);
  });
  test('a bad recipient does not hold back the good one', () => {
    const read = bsmtp.read(lines('MAIL FROM:<a@x.example>', 'RCPT TO:<b@y.example>', 'RCPT TO:<b y>', 'DATA', 'x', '.'), limits);
    expect(summary(read)).toEqual(['SMTP:a@x.example -> SMTP:b@y.example']);
    expect(entryOf(read).unreadable).toEqual([expect.objectContaining({ text: 'TO:<b y>', where: 'line 3' })]);
  });
  test('a bad message does not hold back the ones around it', () => {
    const bytes = Buffer.concat([
      session('one', '.'),
      lines('MAIL FROM:<oops', 'RCPT TO:<b@y.example>', 'DATA', 'x', '.'),
      session('two', '.'),
    ]);
    expect(summary(bsmtp.read(bytes, limits))).toEqual([
      'SMTP:a@x.example -> SMTP:b@y.example',
      expect.stringMatching(/^bad envelope/),
      'SMTP:a@x.example -> SMTP:b@y.example',
    ]);
  });
  test('too many recipients', () => {
    const many = Array.from({ length: 101 }, (_, index) => `RCPT TO:<p${index}@y.example>`);
    expect(summary(bsmtp.read(lines('MAIL FROM:<a@x.example>', ...many, 'DATA', 'x', '.'), limits))).toEqual([
      'bad too-many-recipients: more than 100 recipients',
    ]);
  });
  test('a million header lines are only passed on', () => {
    const huge = session('x: y\r\n'.repeat(1_000_000), '.');
    const read = bsmtp.read(huge, { ...limits, messageBytes: 100_000_000 });
    expect(entryOf(read).bytes.length).toBe(huge.length);
  });
});
