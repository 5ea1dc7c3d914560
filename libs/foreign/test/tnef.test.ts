import { describe, expect, test } from '@jest/globals';
import { simpleParser } from 'mailparser';
import { fileDialects } from '../src/index.ts';
import { textIn } from '../src/mapi/properties.ts';
import { tag } from '../src/mapi/tags.ts';
import { readTnef } from '../src/tnef/tnef-file.ts';
import { entryOf, limits, sample, summary, translated } from './dialect-support.ts';
import { recipient, sender, silo } from './mapi-samples.ts';
import type { Written } from './mapi-values.ts';
import { numbers, propertyList, start, type WrittenAttribute, writeAttributes, writeTnef } from './tnef-writer.ts';

const { tnef } = fileDialects;
const good = sample('tnef', 'silo.tnef');
const recipients: WrittenAttribute = [1, 0x0006_9004, Buffer.concat([numbers(1), propertyList(recipient(1, 'Ada', 'ada@corp.example'))])];
const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'latin1');

test('a small one, by its bytes', () => {
  const hex =
    '789F3E2201000106900800040000000000010001000107900600080000005203000000000000550001048001000700000053696C6F203700EE01010C8002000A0000008162657266816C6C7400ED03';
  const { properties, damage } = readTnef(Buffer.from(hex, 'hex'), 1);
  expect([textIn(properties, tag.subject), textIn(properties, tag.body), damage]).toEqual(['Silo 7', 'überfüllt', undefined]);
});

test('what stands in attributes from before MAPI alone', async () => {
  const address = text('SMTP:bo@example.net');
  const name = text('Bo');
  const from = Buffer.concat([Buffer.from([4, 0, 0, 0, name.length, 0, address.length, 0]), name, address, Buffer.alloc(8)]);
  const date = Buffer.alloc(14);
  for (const [at, part] of [2026, 10, 5, 6, 0, 0, 1].entries()) date.writeUInt16LE(part, at * 2);
  const file = writeAttributes([
    ...start(850),
    [1, 0x0007_8008, text('IPM.Microsoft Mail.Note')],
    [1, 0x0000_8000, from],
    [1, 0x0001_8004, Buffer.from('Silo 7 \x81berf\x81llt\0', 'latin1')],
    [1, 0x0003_8005, date],
    [1, 0x0004_800d, Buffer.from([1, 0])],
    [1, 0x0002_800c, Buffer.from('Bitte pr\x81fen.\r\n\0', 'latin1')],
    recipients,
    [2, 0x0006_9002, Buffer.alloc(14)],
    [2, 0x0001_8010, text('A:\\LOG.CSV')],
    [2, 0x0006_800f, Buffer.from('07:01,98\r\n')],
  ]);
  expect(summary(tnef.read(file, limits))).toEqual(['SMTP:bo@example.net -> SMTP:ada@corp.example']);
  const made = await translated(tnef, file);
  expect(await simpleParser(made)).toMatchObject({
    subject: 'Silo 7 überfüllt',
    text: 'Bitte prüfen.\n',
    from: { text: '"Bo" <bo@example.net>' },
    date: new Date('2026-10-05T06:00:00Z'),
    attachments: [{ filename: 'LOG.CSV', content: Buffer.from('07:01,98\r\n') }],
  });
  expect(made).toMatch(/^Importance: high\r$/m);
  expect(made).not.toMatch(/^X-Foreign/m);
});

test.each<[string, WrittenAttribute[], Written[], string, string | undefined]>([
  ['the stream names', start(1_251), [], 'Привет', undefined],
  ['the properties name, where the stream names none', [], [[0x3ffd_0003, 1_251]], 'Привет', undefined],
  ['nobody knows', start(99_999), [], 'Ïðèâåò', 'code page 99999 is not known here'],
])('8-bit text in a code page that %s', async (_name, first, properties, subject, note) => {
  const bytes = Buffer.from([0xcf, 0xf0, 0xe8, 0xe2, 0xe5, 0xf2]);
  const file = writeAttributes([...first, [1, 0x0006_9003, propertyList([...properties, ...sender, [0x0037_001e, bytes]])], recipients]);
  const mail = await simpleParser(await translated(tnef, file));
  expect([mail.subject, mail.headers.get('x-foreign-note')]).toEqual([subject, note]);
});

describe('damage', () => {
  const damaged = async (file: Buffer): Promise<{ notes: string; whole: boolean; text: string }> => {
    const made = await translated(tnef, entryOf(tnef.read(file, limits)).bytes);
    const last = (await simpleParser(made)).attachments.at(-1);
    return {
      notes: /^X-Foreign-Note: ([^\r]*(?:\r\n [^\r]*)*)/m.exec(made)?.[1]?.replaceAll('\r\n', '') ?? '',
      whole: last?.filename === 'winmail.dat' && last.content.equals(file),
      text: made,
    };
  };
  test('a wrong check sum: what can be read, a note, and the file itself', async () => {
    const file = Buffer.from(good);
    file.writeUInt16LE(file.readUInt16LE(file.length - 2) ^ 1, file.length - 2);
    expect(await damaged(file)).toMatchObject({
      notes: expect.stringMatching(/^damaged: the check sum of the attribute at byte \d+ is wrong/),
      whole: true,
    });
  });
  test('a length over the rest', async () => {
    expect(await damaged(good.subarray(0, good.length - 100))).toMatchObject({
      notes: expect.stringMatching(/and \d+ are left/),
      whole: true,
    });
  });
  test('attachments that it says it has, and has not', async () => {
    const file = writeTnef({ ...silo, properties: [...silo.properties, [0x0e1b_000b, true]], attachments: [] });
    expect(await damaged(file)).toMatchObject({ notes: expect.stringContaining('it says it has attachments'), whole: true });
  });
  test('properties that cannot be read spoil themselves alone', async () => {
    const file = writeAttributes([
      ...start(),
      [1, 0x0006_9003, propertyList([...sender, [0x0037_001f, 'Silo 7']])],
      recipients,
      [2, 0x0006_9002, Buffer.alloc(14)],
      [2, 0x0006_9005, numbers(0xffff_ffff)],
    ]);
    expect(await damaged(file)).toMatchObject({ notes: expect.stringContaining('it says it has 4294967295 properties'), whole: true });
  });
  test('any bit that is turned: an answer, and never a mail less without a word', async () => {
    for (let bit = 48; bit < good.length * 8; bit += 2_503) {
      const file = Buffer.from(good);
      const at = bit >> 3;
      file[at] = (file[at] ?? 0) ^ (1 << (bit & 7));
      const read = tnef.read(file, limits);
      if (read.kind === 'reject') expect(read.reason).not.toBe('');
      else if (!/^X-Foreign-Note: damaged/m.test(await translated(tnef, file))) throw new Error(`byte ${at}: no word about it`);
    }
  });
});

describe('bad input', () => {
  const withProperties = (bytes: Buffer): Buffer => writeAttributes([...start(), [1, 0x0006_9003, bytes]]);
  test.each<[string, Buffer, RegExp]>([
    ['another format', Buffer.from('From: a@b\r\n\r\n'), /^unrecognised: this is no TNEF/],
    ['a signature alone', good.subarray(0, 6), /^envelope: nobody to answer to/],
    [
      'a winmail.dat out of a mail',
      writeAttributes([...start(), [1, 0x0006_9003, propertyList(sender)]]),
      /^envelope: nobody to send it to/,
    ],
    ['four billion properties', withProperties(numbers(0xffff_ffff)), /^count-mismatch: it is damaged, .*4294967295 properties/],
    [
      'a text of four billion bytes',
      withProperties(numbers(1, 0x0037_001f, 1, 0xffff_ffff)),
      /^count-mismatch: .*says it has 4294967295 bytes/,
    ],
    ['four billion values', withProperties(numbers(1, 0x0037_101f, 0xffff_ffff)), /^count-mismatch: .*4294967295 values/],
    ['four billion recipients', writeAttributes([[1, 0x0006_9004, numbers(0xffff_ffff)]]), /^count-mismatch: .*4294967295 recipients/],
    ['a property of no type', withProperties(numbers(1, 0x0037_0fff, 1)), /^count-mismatch: .*type 4095/],
    [
      'a million attributes',
      Buffer.concat([
        good,
        ...Array.from({ length: 60_000 }, () => Buffer.from('01040001000000000000', 'hex').subarray(0, 9)).flatMap((head) => [
          head,
          Buffer.alloc(2),
        ]),
      ]),
      /^too-large: more than 50000 attributes/,
    ],
    [
      'a million properties',
      writeAttributes(
        Array.from({ length: 30 }, () => [1, 0x0006_9003, propertyList(Array.from({ length: 9_000 }, () => [0x0017_0003, 1]))] as const),
      ),
      /^too-large: more than 200000 properties/,
    ],
  ])('%s', (_name, file, expected) => {
    expect(summary(tnef.read(file, limits)).join()).toMatch(expected);
  });
});
