import { describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { fileDialects } from '../src/index.ts';
import { entryOf, limits, lines, sample, summary, translated } from './dialect-support.ts';

const { 'notes-text': notes } = fileDialects;
const file = sample('notes-text', 'two-documents.notes-text');
const memo = (...more: string[]) => lines('Form:  Memo', 'From:  CN=A/O=X', 'SendTo:  b@y.example', ...more);

describe('the sample', () => {
  test('has two documents', () => {
    expect(summary(notes.read(file, limits))).toEqual([
      'NOTES:Ada Ex/Ops/Acme -> SMTP:bo@example.net NOTES:Cy Ex/Ops/Acme@ACMEDOM SMTP:ed@example.org',
      'NOTES:Ada Ex/Ops/Acme -> SMTP:bo@example.net',
    ]);
  });
  test('becomes an Internet message; the blind copy is not in it', async () => {
    const text = await translated(notes, entryOf(notes.read(file, limits)).bytes);
    const mail = await simpleParser(text);
    expect(mail).toMatchObject({
      subject: 'Silo 7 überfüllt',
      text: 'Bitte prüfen.\nTo:  this line is text already.\n',
      from: { text: '"Ada Ex" <IMCEANOTES-Ada+20Ex_Ops_Acme@corp.example>' },
      messageId: '<OF1.2@acme.example>',
    });
    expect(mail.date?.toISOString()).toBe('2026-10-05T06:00:00.000Z');
    expect(text).not.toContain('ed@example.org');
  });
  test('a date that may be either day is not guessed', async () => {
    expect(await translated(notes, entryOf(notes.read(file, limits), 1).bytes)).toMatch(
      /^X-Foreign-Posteddate: 10\/05\/2026 08:00:00 AM\r\n(?:.*\r\n)*Date: Mon, 05 Oct 2026 06:00:00 \+0000\r$/m,
    );
  });
});

describe('bad input', () => {
  test.each([
    ['another format', lines('From: a@x.example', '', 'hi'), /^unrecognised/],
    ['no body', memo('Subject:  s'), /^bad incomplete-timeout: the document ends before its Body/],
    ['a line that is no item', memo('hello', 'Body:  x'), /^bad syntax: "hello" is no item/],
    [
      'another form',
      Buffer.from(memo('Body:  x').toString().replace('Memo', 'Task')),
      /^bad unsupported-type: documents of the form "Task"/,
    ],
    ['no recipient', Buffer.from(memo('Body:  x').toString().replace('b@y.example', '')), /^bad envelope: nobody to send it to/],
    ['an address of 10 KB', memo(`CopyTo:  ${'c'.repeat(10_000)}`, 'Body:  x'), /^NOTES:A\/X -> SMTP:b@y.example/],
    [
      'a million items',
      memo(Array.from({ length: 100_000 }, (_, index) => `X${index}:  y`).join('\r\n'), 'Body:  x'),
      /^bad too-large: more than 2000 items/,
    ],
    ['a million lines of one item', memo('  y\r\n'.repeat(1_000_000), 'Body:  x'), /^bad too-large: more than 2000 items/],
    [
      'too many recipients',
      memo(`CopyTo:  ${Array.from({ length: 101 }, (_, index) => `c${index}@y.example`).join(', ')}`, 'Body:  x'),
      /^bad too-many-recipients/,
    ],
    ['too many documents', Buffer.from(`${memo('Body:  x').toString()}\f`.repeat(1_001)), /^too-large: more than 1000 documents/],
  ])('%s', (_name, bytes, expected) => {
    expect(summary(notes.read(bytes, limits)).join()).toMatch(expected);
  });
  test('a bad recipient is told', () => {
    expect(entryOf(notes.read(memo(`CopyTo:  ${'c'.repeat(10_000)}`, 'Body:  x'), limits)).unreadable).toMatchObject([{ where: 'CopyTo' }]);
  });
});
