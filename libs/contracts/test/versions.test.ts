import { describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { Bag, contract, contracts, Envelope, envelope, mailEncoder, previously, readerOf, writerOf } from '../src/index.ts';

/** A station in its second version: `note` became `notes`. The release that brings it still writes the first. */
const current = z.object({ ...envelope, notes: z.array(z.string()).min(1).max(3) });
const Noted = contract('noted', 2, current, {
  writes: 1,
  previous: [
    previously(1, z.object({ ...envelope, note: z.string() }), {
      upgrade: ({ note, ...mail }) => ({ ...mail, notes: [note] }),
      downgrade: ({ notes, ...mail }) => ({ ...mail, note: notes.join('\n') }),
    }),
  ],
});
const fixture = path.join(import.meta.dirname, 'fixtures', 'gateway.in.v1.json');
const mail = Envelope.parse(Bag.parse(JSON.parse(readFileSync(fixture, 'utf8'))).mails[0]);

describe('reading', () => {
  test.each([
    [1, { ...mail, note: 'a' }, { ...mail, notes: ['a'] }],
    [2, { ...mail, notes: ['a', 'b'] }, { ...mail, notes: ['a', 'b'] }],
    [1, { ...mail, notes: ['a'] }, undefined], // says v1, is none
    [2, { ...mail, note: 'a' }, undefined],
  ])('version %i', (version, raw, expected) => {
    const read = readerOf(Noted, version);
    if (typeof read === 'string') throw new Error(read);
    const parsed = read(raw);
    expect(parsed.success ? parsed.data : undefined).toEqual(expected);
  });

  test('what an upgrade makes is checked, too', () => {
    const Broken = contract('broken', 2, current, {
      previous: [
        previously(1, z.object(envelope), { upgrade: (old) => ({ ...old, notes: [] }), downgrade: ({ notes: _notes, ...rest }) => rest }),
      ],
    });
    const read = readerOf(Broken, 1);
    expect(typeof read === 'string' ? read : read(mail).success).toBe(false);
  });

  test.each([
    [0, 'older'],
    [3, 'newer'],
    [99, 'newer'],
  ])('version %i is %s than what is known', (version, expected) => {
    expect(readerOf(Noted, version)).toBe(expected);
  });
});

describe('writing', () => {
  const noted = { ...mail, notes: ['a', 'b'] };
  test.each([
    ['what the release says', undefined, { schema: 'noted.v1', mail: { ...mail, note: 'a\nb' } }],
    ['the previous version', 1, { schema: 'noted.v1', mail: { ...mail, note: 'a\nb' } }],
    ['the current version', 2, { schema: 'noted.v2', mail: noted }],
  ])('%s', (_name, version, expected) => {
    expect(writerOf(Noted, version)(noted)).toEqual(expected);
  });
  test('a mail that does not fit its own contract goes as it is: its reader parks it', () => {
    const wrong = { ...mail, notes: [] };
    expect(writerOf(Noted, 1)(wrong)).toEqual({ schema: 'noted.v2', mail: wrong });
  });
  test('a version nobody knows is refused, with those there are', () => {
    expect(() => writerOf(Noted, 3)).toThrow('noted has no version 3 here; there is 2, 1');
  });
});

describe('the encoder of a process', () => {
  test('each station by its own contract, connectors by one', () => {
    const encode = mailEncoder();
    expect(['gateway.in', 'connector.internet', 'connector.paris'].map((station) => encode(station, mail).schema)).toEqual([
      contracts.ForeignMessage.name,
      contracts.RoutedMail.name,
      contracts.RoutedMail.name,
    ]);
    expect(() => encode('nowhere', mail)).toThrow(RangeError);
  });
  test.each([
    ['a contract that does not exist', 'nowhere', 1, 'no contract nowhere'],
    ['a version that does not exist', 'mts-in', 99, 'mts-in has no version 99'],
  ])('%s', (_name, station, version, message) => {
    expect(() => mailEncoder(new Map([[station, version]]))).toThrow(message);
  });
});
