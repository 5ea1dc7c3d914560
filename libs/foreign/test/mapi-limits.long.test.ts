import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type StorageToWrite, writeCompoundFile } from '../src/msg/write-compound-file.ts';
import { recipient, sender, silo } from './mapi-samples.ts';
import { storedRtf, type Written, type WrittenAttachment, type WrittenMessage } from './mapi-values.ts';
import type { Measured } from './measured-child.ts';
import { writeMsg } from './msg-writer.ts';
import { numbers, propertyList, start, writeAttributes, writeTnef } from './tnef-writer.ts';

const run = promisify(execFile);
const mostMegabytes = 200;
const mostCpuMilliseconds = 5_000;
const megabyte = 1_048_576;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mapi-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a file does to a process of its own. */
async function measured(dialect: string, file: Buffer): Promise<Measured> {
  const place = path.join(folder, `file.${dialect}`);
  await writeFile(place, file);
  const { stdout } = await run(process.execPath, [path.join(import.meta.dirname, 'measured-child.ts'), dialect, place], {
    timeout: 120_000,
  });
  return JSON.parse(stdout) as Measured; // printed by our own child
}

const letter = (properties: readonly Written[], more: Partial<WrittenMessage> = {}): WrittenMessage => ({
  properties: [...properties, ...sender],
  recipients: [recipient(1, 'Ada', 'ada@corp.example')],
  ...more,
});
const attached = (bytes: Buffer, name = 'x.bin'): WrittenAttachment => ({
  properties: [
    [0x3705_0003, 1],
    [0x3707_001f, name],
    [0x3701_0102, bytes],
  ],
});
const nested = (depth: number, inner: WrittenMessage): WrittenMessage =>
  Array.from({ length: depth }).reduce<WrittenMessage>(
    (message) => letter([], { attachments: [{ properties: [[0x3705_0003, 5]], message }] }),
    inner,
  );
const rtf = (body: string): WrittenMessage =>
  letter([[0x1009_0102, storedRtf(`{\\rtf1\\ansi\\fromhtml1{\\fonttbl{\\f0 a;}{\\f1\\fcharset128 b;}}${body}`)]]);
const large: WrittenMessage = {
  ...silo,
  attachments: Array.from({ length: 5 }, (_, at) => attached(Buffer.alloc(5 * megabyte, `${at}abc`))),
};

/** RTF whose compression does all it can: after the header, each two bytes stand for 17. */
function rtfBomb(rawBytes: number): Buffer {
  const groups = Math.ceil(rawBytes / (8 * 17));
  const body = Buffer.alloc(groups * 17, 0);
  for (let at = 0; at < groups; at += 1) {
    body[at * 17] = 0xff;
    for (let token = 0; token < 8; token += 1) body.writeUInt16BE((1 << 4) | 15, at * 17 + 1 + token * 2);
  }
  const header = Buffer.alloc(16);
  header.writeUInt32LE(body.length + 12, 0);
  header.writeUInt32LE(rawBytes, 4);
  header.write('LZFu', 8, 'latin1');
  return Buffer.concat([header, body]);
}

/** A compound file in which every stream begins at the same sector. */
function shared(): Buffer {
  const streams = Array.from({ length: 5_000 }, (_, at) => ({
    name: `__substg1.0_${(0x1000 + at).toString(16)}0102`,
    pieces: [Buffer.alloc(5_000)],
  }));
  const file = Buffer.concat(
    writeCompoundFile({ name: '', storages: [], streams: [{ name: '__properties_version1.0', pieces: [Buffer.alloc(32)] }, ...streams] }),
  );
  for (let at = 512 * (1 + file.readUInt32LE(48)); at + 128 <= file.length; at += 128)
    if (file[at + 66] === 2) file.writeUInt32LE(0, at + 116);
  return file;
}

/** A message in a message, 1,000 times. */
function deepMsg(): Buffer {
  const properties = (...values: number[]) => [
    { name: '__properties_version1.0', pieces: [Buffer.alloc(values.length === 0 ? 24 : 8), numbers(...values)] },
  ];
  let inner: StorageToWrite = { name: '__substg1.0_3701000D', storages: [], streams: properties() };
  for (let depth = 0; depth < 1_000; depth += 1) {
    const attachment = { name: '__attach_version1.0_#00000000', storages: [inner], streams: properties(0x3705_0003, 6, 5, 0) };
    inner = { name: '__substg1.0_3701000D', storages: [attachment], streams: properties() };
  }
  return Buffer.concat(writeCompoundFile(inner));
}

const both: readonly (readonly [name: string, message: () => WrittenMessage, answer: string])[] = [
  ['25 MB of attachments', () => large, 'read message'],
  ['25 MB of attachments, five messages deep', () => nested(5, large), 'read message'],
  [
    '2,000 attachments',
    () => letter([], { attachments: Array.from({ length: 2_000 }, (_, at) => attached(Buffer.from('x'), `${at}.txt`)) }),
    'read message',
  ],
  ['a subject of 20 MB', () => letter([[0x0037_001f, 'x'.repeat(10 * megabyte)]]), 'read message'],
  ['20 MB of text', () => letter([[0x1000_001f, 'gr\u00fcn\r\n'.repeat(1_700_000)]]), 'read message'],
  [
    '20 MB of HTML in Japanese for mail',
    () =>
      letter([
        [0x1013_0102, Buffer.alloc(20 * megabyte, '\u001b$B%5%$%m\u001b(B\n')],
        [0x3fde_0003, 50_220],
      ]),
    'read message',
  ],
  ['a header of a million fields', () => letter([[0x007d_001f, 'X: y\r\n'.repeat(1_000_000)]]), 'read message'],
  [
    'a recipient of 10 MB',
    () =>
      letter([], {
        recipients: [recipient(1, 'Ada', `${'x'.repeat(5 * megabyte)}@corp.example`), recipient(1, 'Ada', 'ada@corp.example')],
      }),
    'read message',
  ],
  ['RTF that becomes 16 MB', () => letter([[0x1009_0102, rtfBomb(16 * megabyte)]]), 'read message'],
  [
    'RTF that becomes 16 MB and says it is small',
    () => {
      const bomb = rtfBomb(16 * megabyte);
      bomb.writeUInt32LE(10, 4);
      return letter([[0x1009_0102, bomb]]);
    },
    'read message',
  ],
  ['RTF that becomes 17 MB', () => letter([[0x1009_0102, rtfBomb(17 * megabyte)]]), 'decode-bomb -'],
  [
    'many RTF texts',
    () =>
      letter([[0x1009_0102, rtfBomb(9 * megabyte)]], {
        attachments: [{ properties: [[0x3705_0003, 5]], message: letter([[0x1009_0102, rtfBomb(9 * megabyte)]]) }],
      }),
    'decode-bomb -',
  ],
  ['RTF of opening braces', () => rtf('{'.repeat(15 * megabyte)), 'read message'],
  ['RTF of groups', () => rtf('{}'.repeat(7 * megabyte)), 'read message'],
  ['RTF of fonts that change with each letter', () => rtf('\\f0 a\\f1 b'.repeat(1_500_000)), 'read message'],
  ['RTF of characters', () => rtf('\\u8364?'.repeat(2 * megabyte)), 'read message'],
  ['RTF of tags', () => rtf('{\\*\\htmltag64 <b>}&'.repeat(700_000)), 'read message'],
];

const single: readonly (readonly [name: string, dialect: string, file: () => Buffer, answer: string])[] = [
  ['messages 1,000 deep', 'tnef', () => writeTnef(nested(1_000, silo)), 'nested-too-deep -'],
  ['messages 1,000 deep', 'msg', deepMsg, 'nested-too-deep -'],
  ['5,000 streams at one place', 'msg', shared, 'syntax -'],
  [
    'a directory of 120,000 entries',
    'msg',
    () =>
      Buffer.concat(
        writeCompoundFile({
          name: '',
          storages: [],
          streams: Array.from({ length: 120_000 }, (_, at) => ({ name: `s${at}`, pieces: [] })),
        }),
      ),
    'too-large -',
  ],
  [
    'three million properties',
    'msg',
    () =>
      Buffer.concat(
        writeCompoundFile({
          name: '',
          storages: [],
          streams: [{ name: '__properties_version1.0', pieces: [Buffer.alloc(48 * megabyte)] }],
        }),
      ),
    'too-large -',
  ],
  [
    'five million attributes',
    'tnef',
    () => Buffer.concat([writeAttributes(start()), Buffer.alloc(11 * 4_000_000)].map((part, at) => (at === 0 ? part : marked(part)))),
    'too-large -',
  ],
  [
    'six million values',
    'tnef',
    () =>
      writeAttributes(
        Array.from({ length: 600 }, () => [1, 0x0006_9003, Buffer.concat([numbers(1, 0x0017_1003, 9_999), Buffer.alloc(40_000)])] as const),
      ),
    'too-large -',
  ],
  [
    'ten million recipients without a property',
    'tnef',
    () =>
      writeAttributes([
        [1, 0x0006_9003, propertyList(sender)],
        [1, 0x0006_9004, Buffer.concat([numbers(10_000_000), Buffer.alloc(40_000_000)])],
      ]),
    'too-many-recipients -',
  ],
];

/** Empty attributes, as many as fit. */
function marked(bytes: Buffer): Buffer {
  for (let at = 0; at < bytes.length; at += 11) {
    bytes[at] = 1;
    bytes.writeUInt32LE(0x0006_9003, at + 1);
  }
  return bytes;
}

const rows = [
  ...both.flatMap(([name, message, answer]) => [
    [name, 'msg', () => writeMsg(message()), answer] as const,
    [name, 'tnef', () => writeTnef(message()), answer] as const,
  ]),
  ...single,
];

test.each(rows)('%s (%s)', async (name, dialect, file, answer) => {
  const seen = await measured(dialect, file());
  const isBounded = seen.mostMegabytes < mostMegabytes && seen.cpuMilliseconds < mostCpuMilliseconds;
  // The figures are seen where they are too large.
  expect([name, `${seen.answer} ${seen.translated}`, isBounded ? 'bounded' : seen]).toEqual([name, answer, 'bounded']);
});
