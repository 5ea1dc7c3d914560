import { describe, expect, test } from '@jest/globals';
import { fileDialects } from '../src/index.ts';
import { entryOf, limits, sample, summary, translated } from './dialect-support.ts';

const { mbox } = fileDialects;
const file = sample('mbox', 'two-messages.mbox');
const from = 'From a@x.example Mon Oct  5 08:00:00 2026\n';
const mail = (...lines: string[]) => Buffer.from(`${from}To: b@y.example\nDate: x\nMessage-ID: <1@x>\n${lines.join('\n')}`);

describe('the sample', () => {
  test('has two messages: by its separator, and by its length', () => {
    expect(summary(mbox.read(file, limits))).toEqual([
      'SMTP:ops@silo.example.org -> SMTP:ada@corp.example',
      '<> -> SMTP:ben@corp.example SMTP:chloe@corp.example',
    ]);
  });
  test('passes byte for byte, quoting undone', async () => {
    expect(await translated(mbox, entryOf(mbox.read(file, limits)).bytes)).toBe(
      'Delivered-To: ada@corp.example\r\nFrom: Ops <ops@silo.example.org>\r\nTo: silo-watch@silo.example.org\r\nSubject: Silo 7 is full\r\nDate: Mon, 5 Oct 2026 08:00:00 +0200\r\nMessage-ID: <s9@silo.example.org>\r\n\r\nFrom here on it is full.\r\n>From is quoted twice.\r\n',
    );
  });
  test('where the length counts nothing was quoted, and the blind copy is gone', async () => {
    const text = await translated(mbox, entryOf(mbox.read(file, limits), 1).bytes);
    expect(text).toContain('\r\n\r\nThe next line is text, since the length says so:\r\n\r\nFrom a@x Mon Oct  5 08:02:00 2026\r\n');
    expect(text).not.toMatch(/chloe|Content-Length/);
  });
  test('a prefix never has other messages: each is whole, or the last', () => {
    const whole = summary(mbox.read(file, limits));
    for (let size = file.indexOf('\n\nFrom MAILER'); size < file.length; size += 1) {
      expect(summary(mbox.read(file.subarray(0, size), limits))[0]).toBe(whole[0]);
    }
  });
});

describe('what is odd and taken', () => {
  test('a length that leads nowhere', () => {
    expect(mbox.read(mail('Content-Length: 3', '', 'longer', ''), limits)).toMatchObject({
      notes: ['content-length-wrong'],
      entries: [{ kind: 'message' }],
    });
  });
  test('"From " in the text that parts nothing', async () => {
    const text = await translated(mbox, mail('', 'a', '', 'From here on', 'From a@x.example Mon Oct  5 08:00:00 2026', ''));
    expect(text).toMatch(/\r\n\r\na\r\n\r\nFrom here on\r\nFrom a@x\.example .*\r\n$/);
  });
  test('line ends of another system', async () => {
    const bytes = Buffer.from(file.toString().replaceAll('\n', '\r\n'));
    expect(await translated(mbox, entryOf(mbox.read(bytes, limits)).bytes)).toMatch(
      /\r\n\r\nFrom here on it is full\.\r\n>From is quoted twice\.\r\n$/,
    );
  });
  test('groups, names and comments', () => {
    const bytes = mail('Cc: team: "Ex, C" <c@y.example>, d@y.example (D);', '', 'x', '');
    expect(summary(mbox.read(bytes, limits))).toEqual(['SMTP:a@x.example -> SMTP:b@y.example SMTP:c@y.example SMTP:d@y.example']);
  });
});

describe('bad input', () => {
  test.each([
    ['another format', Buffer.from('From: a@x.example\n\nhi\n'), /^unrecognised/],
    ['no header', Buffer.from(`${from}\nhello\n`), /^bad syntax: it has no header/],
    ['nobody', Buffer.from(`${from}Subject: s\n\nhello\n`), /^bad envelope: nobody to send it to/],
    ['an address of 10 KB', Buffer.from(`${from}To: ${'b'.repeat(10_000)}@y.example\n\nhello\n`), /^bad envelope: no recipient is left/],
    ['a NUL', mail('', 'a\0b', ''), /^bad syntax: a NUL/],
    ['a lone CR', mail('', 'a\rb', ''), /^bad syntax: a NUL or a carriage return/],
    [
      'too many recipients',
      mail(`Cc: ${Array.from({ length: 101 }, (_, index) => `c${index}@y.example`).join(', ')}`, '', 'x', ''),
      /^bad too-many-recipients/,
    ],
    ['a million fields', mail('X: y\n'.repeat(1_000_000), '', 'x', ''), /^SMTP:a@x.example -> SMTP:b@y.example/],
    ['too many messages', Buffer.from(`${from}To: b@y.example\n\n`.repeat(10_001)), /^too-large: more than 10000 messages/],
  ])('%s', (_name, bytes, expected) => {
    expect(summary(mbox.read(bytes, { ...limits, messageBytes: 100_000_000 })).join()).toMatch(expected);
  });
  test('a bad message does not hold back the ones around it', () => {
    const bytes = Buffer.concat([mail('', 'one', '', ''), Buffer.from(`${from}Subject: s\n\nx\n\n`), mail('', 'two', '')]);
    expect(summary(mbox.read(bytes, limits))).toEqual([
      expect.stringMatching(/->/),
      expect.stringMatching(/^bad envelope/),
      expect.stringMatching(/->/),
    ]);
  });
});
