import { describe, expect, test } from '@jest/globals';
import { readCompoundFile } from '../src/msg/compound-file.ts';
import { writeCompoundFile } from '../src/msg/write-compound-file.ts';
import { fileDialects } from '../src/index.ts';
import { limits, sample, summary } from './dialect-support.ts';

const { msg } = fileDialects;
const good = sample('msg', 'silo.msg');
const sectorAt = (sector: number): number => 512 * (1 + sector);
const fatAt = (file: Buffer): number => sectorAt(file.readUInt32LE(76));
const directoryAt = (file: Buffer): number => sectorAt(file.readUInt32LE(48));
const miniFatAt = (file: Buffer): number => sectorAt(file.readUInt32LE(60));

test.each([0, 1, 63, 64, 65, 4_095, 4_096, 4_097, 9_000_000])('a stream of %d bytes comes back, among others', (size) => {
  const bytes = Buffer.alloc(size, 'abcdefg');
  const file = Buffer.concat(
    writeCompoundFile({
      name: '',
      streams: [
        { name: 'One', pieces: [bytes] },
        { name: 'two', pieces: [Buffer.from('2'), Buffer.from('2')] },
      ],
      storages: [
        { name: 'In', storages: [], streams: Array.from({ length: 20 }, (_, at) => ({ name: `s${at}`, pieces: [Buffer.from(`${at}`)] })) },
      ],
    }),
  );
  const read = readCompoundFile(file);
  expect(Buffer.concat(read.streams.get('one')?.pieces ?? []).equals(bytes)).toBe(true);
  expect(Buffer.concat(read.streams.get('two')?.pieces ?? []).toString()).toBe('22');
  expect([...(read.storages.get('in')?.streams.keys() ?? [])].length).toBe(20);
});

describe('bad compound files', () => {
  const changed = (change: (file: Buffer) => void): Buffer => {
    const file = Buffer.from(good);
    change(file);
    return file;
  };
  test.each<[string, Buffer, RegExp]>([
    ['nothing behind the magic', good.subarray(0, 8), /^incomplete-timeout: the file is shorter than the header/],
    ['another format', Buffer.from('From: a@b\r\n\r\n'), /^unrecognised: this is no compound file/],
    [
      'a compound file of another program',
      Buffer.concat(writeCompoundFile({ name: '', storages: [], streams: [] })),
      /^unrecognised: this compound file is no message/,
    ],
    ['a byte order nobody has', changed((file) => file.writeUInt16LE(0xfeff, 28)), /^syntax: the header of the compound file is damaged/],
    ['sectors of 2 GB', changed((file) => file.writeUInt16LE(31, 30)), /^syntax: the compound file is of version 3 with sectors of 2\^31/],
    ['more tables than sectors', changed((file) => file.writeUInt32LE(0x7fff_ffff, 44)), /^incomplete-timeout: the file is too short/],
    [
      'a table of tables that is its own next',
      changed((file) => (file.writeUInt32LE(30, 44), file.writeUInt32LE(1, 68))),
      /^(?:syntax|incomplete-timeout): /,
    ],
    ['sectors that each lead to themselves', changed((file) => loops(file, fatAt(file))), /^syntax: sector \d+ is used twice/],
    ['small sectors that each lead to themselves', changed((file) => loops(file, miniFatAt(file))), /^syntax: ".*" runs in a circle/],
    [
      'a directory whose first entry is its own brother',
      changed((file) => file.writeUInt32LE(1, directoryAt(file) + 128 + 68)),
      /^syntax: its directory runs in a circle/,
    ],
    ['a folder that is in itself', changed((file) => selfChild(file)), /^syntax: its directory runs in a circle/],
    [
      'a directory that points behind its end',
      changed((file) => file.writeUInt32LE(9_999, directoryAt(file) + 76)),
      /^syntax: its directory points behind/,
    ],
    [
      'a name of 60,000 letters',
      changed((file) => file.writeUInt16LE(60_000, directoryAt(file) + 128 + 64)),
      /^syntax: a name in its directory/,
    ],
    [
      'a stream that says it has 2 GB',
      changed((file) => large(file)),
      /^count-mismatch: ".*" is shorter than the 2147483647 bytes it says/,
    ],
    ['its end', good.subarray(0, good.length - 512), /^(?:incomplete-timeout|count-mismatch): /],
  ])('%s', (_name, file, expected) => {
    expect(summary(msg.read(file, limits)).join()).toMatch(expected);
  });
});

/** Every used entry of a table leads to itself. */
function loops(file: Buffer, table: number): void {
  for (let at = 0; at < 128; at += 1) if (file.readUInt32LE(table + at * 4) < 0xffff_fffa) file.writeUInt32LE(at, table + at * 4);
}

function entriesOf(file: Buffer, type: number): number[] {
  const found: number[] = [];
  for (let at = directoryAt(file); at + 128 <= file.length && (file[at + 66] ?? 9) <= 5; at += 128)
    if (file[at + 66] === type) found.push(at);
  return found;
}

function selfChild(file: Buffer): void {
  const [first = 0] = entriesOf(file, 1);
  file.writeUInt32LE((first - directoryAt(file)) / 128, first + 76);
}

function large(file: Buffer): void {
  const [first = 0] = entriesOf(file, 2).filter((at) => file.readUInt32LE(at + 120) >= 4_096);
  file.writeUInt32LE(0x7fff_ffff, first + 120);
}
