import { writeCompoundFile, type StorageToWrite } from '../src/msg/write-compound-file.ts';
import {
  guidBytes,
  idOfTag,
  isFixed,
  typeOfTag,
  valueBytes,
  type Written,
  type WrittenAttachment,
  type WrittenMessage,
} from './mapi-values.ts';

type Streams = { name: string; pieces: readonly Buffer[] }[];

const hex = (number: number, digits: number): string => number.toString(16).toUpperCase().padStart(digits, '0');

/** Writes a .msg file (MS-OXMSG), for tests: no more than a message needs. */
export function writeMsg(message: WrittenMessage): Buffer {
  const names = new Names();
  const root = messageStorage('Root Entry', message, names, true);
  return Buffer.concat(writeCompoundFile({ ...root, storages: [...root.storages, names.storage()] }));
}

function messageStorage(name: string, message: WrittenMessage, names: Names, isTop: boolean): StorageToWrite {
  const { properties, named = [], recipients = [], attachments = [] } = message;
  const header = Buffer.alloc(isTop ? 32 : 24);
  for (const [at, count] of [
    [8, recipients.length],
    [12, attachments.length],
    [16, recipients.length],
    [20, attachments.length],
  ] as const) {
    header.writeUInt32LE(count, at);
  }
  const streams = propertyStreams(header, properties);
  for (const [set, key, type, value] of named) {
    const id = names.number(set, key);
    if (Array.isArray(value)) {
      const tag = `__substg1.0_${hex(id, 4)}${hex(type, 4)}`;
      streams.push({ name: tag, pieces: [Buffer.alloc(value.length * 4)] });
      for (const [at, text] of value.entries()) streams.push({ name: `${tag}-${hex(at, 8)}`, pieces: [valueBytes(0x1f, text)] });
    } else {
      addProperty(streams, [id * 65_536 + type, value as Written[1]]); // one value, as it is no list
    }
  }
  return {
    name,
    streams,
    storages: [
      ...recipients.map((one, at) => ({
        name: `__recip_version1.0_#${hex(at, 8)}`,
        storages: [],
        streams: propertyStreams(Buffer.alloc(8), one),
      })),
      ...attachments.map((one, at) => attachmentStorage(`__attach_version1.0_#${hex(at, 8)}`, one, names)),
    ],
  };
}

function attachmentStorage(name: string, { properties, message, object }: WrittenAttachment, names: Names): StorageToWrite {
  const inner = message === undefined ? undefined : messageStorage('__substg1.0_3701000D', message, names, false);
  const ole = object === undefined ? undefined : Object.entries(object).map(([key, bytes]) => ({ name: key, pieces: [bytes] }));
  const storages = [
    ...(inner === undefined ? [] : [inner]),
    ...(ole === undefined ? [] : [{ name: '__substg1.0_3701000D', storages: [], streams: ole }]),
  ];
  return { name, storages, streams: propertyStreams(Buffer.alloc(8), properties) };
}

function propertyStreams(header: Buffer, properties: readonly Written[]): Streams {
  const streams: Streams = [{ name: '__properties_version1.0', pieces: [header] }];
  for (const property of properties) addProperty(streams, property);
  return streams;
}

function addProperty(streams: Streams, [tag, value]: Written): void {
  const type = typeOfTag(tag);
  const bytes = valueBytes(type, value);
  const entry = Buffer.alloc(16);
  entry.writeUInt16LE(type, 0);
  entry.writeUInt16LE(idOfTag(tag), 2);
  entry.writeUInt32LE(6, 4);
  if (isFixed(type)) bytes.copy(entry, 8);
  else entry.writeUInt32LE(bytes.length + (type === 0x1f ? 2 : type === 0x1e ? 1 : 0), 8);
  const [properties] = streams;
  if (properties !== undefined) properties.pieces = [...properties.pieces, entry];
  if (!isFixed(type)) streams.push({ name: `__substg1.0_${hex(idOfTag(tag), 4)}${hex(type, 4)}`, pieces: [bytes] });
}

/** The mapping of named properties, for the whole file. */
class Names {
  readonly #entries: { set: string; name: number | string }[] = [];

  number(set: string, name: number | string): number {
    const found = this.#entries.findIndex((one) => one.set === set && one.name === name);
    return 0x8000 + (found >= 0 ? found : this.#entries.push({ set, name }) - 1);
  }

  storage(): StorageToWrite {
    const sets = [...new Set(this.#entries.map(({ set }) => set))];
    const strings: Buffer[] = [];
    let size = 0;
    const entries = this.#entries.map(({ set, name }, at) => {
      const entry = Buffer.alloc(8);
      if (typeof name === 'string') {
        const text = Buffer.from(name, 'utf16le');
        const length = Buffer.alloc(4);
        length.writeUInt32LE(text.length);
        const padded = Buffer.concat([length, text, Buffer.alloc((4 - (text.length % 4)) % 4)]);
        entry.writeUInt32LE(size, 0);
        strings.push(padded);
        size += padded.length;
      } else {
        entry.writeUInt32LE(name, 0);
      }
      entry.writeUInt16LE(((sets.indexOf(set) + 3) << 1) | (typeof name === 'string' ? 1 : 0), 4);
      entry.writeUInt16LE(at, 6);
      return entry;
    });
    const streams = [
      { name: '__substg1.0_00020102', pieces: sets.map(guidBytes) },
      { name: '__substg1.0_00030102', pieces: entries },
      { name: '__substg1.0_00040102', pieces: strings },
    ];
    return { name: '__nameid_version1.0', storages: [], streams };
  }
}
