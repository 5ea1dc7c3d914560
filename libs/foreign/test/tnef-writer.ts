import { checkSum } from '../src/tnef/attributes.ts';
import {
  guidBytes,
  typeOfTag,
  valueBytes,
  type Written,
  type WrittenAttachment,
  type WrittenByName,
  type WrittenMessage,
} from './mapi-values.ts';

/** An attribute: its level, its id with its type, its bytes. */
export type WrittenAttribute = readonly [level: 1 | 2, id: number, data: Buffer];

const messageInterface = '00020307-0000-0000-c000-000000000046';
const storageInterface = '0000000b-0000-0000-c000-000000000046';

export function writeAttributes(attributes: readonly WrittenAttribute[]): Buffer {
  const parts = attributes.map(([level, id, data]) => {
    const head = Buffer.alloc(9);
    head[0] = level;
    head.writeUInt32LE(id, 1);
    head.writeUInt32LE(data.length, 5);
    const sum = Buffer.alloc(2);
    sum.writeUInt16LE(checkSum(data));
    return Buffer.concat([head, data, sum]);
  });
  return Buffer.concat([Buffer.from([0x78, 0x9f, 0x3e, 0x22, 0x01, 0x00]), ...parts]);
}

export const numbers = (...values: number[]): Buffer =>
  Buffer.concat(
    values.map((value) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(value);
      return bytes;
    }),
  );

/** Attributes every stream begins with: version and code page. */
export const start = (codePage = 1252): WrittenAttribute[] => [
  [1, 0x0008_9006, numbers(0x10000)],
  [1, 0x0006_9007, numbers(codePage, 0)],
];

/** Writes a whole message: properties, recipient table, attachments. */
export function writeTnef({ properties, named = [], recipients = [], attachments = [] }: WrittenMessage): Buffer {
  return writeAttributes([
    ...start(),
    [1, 0x0006_9003, propertyList(properties, named)],
    ...(recipients.length === 0
      ? []
      : [[1, 0x0006_9004, Buffer.concat([numbers(recipients.length), ...recipients.map((one) => propertyList(one))])] as const]),
    ...attachments.flatMap(attachmentAttributes),
  ]);
}

function attachmentAttributes({ properties, message, object }: WrittenAttachment): WrittenAttribute[] {
  const inner = message === undefined ? undefined : Buffer.concat([guidBytes(messageInterface), writeTnef(message)]);
  const ole = object === undefined ? undefined : Buffer.concat([guidBytes(storageInterface), ...Object.values(object)]);
  const data = properties.find(([tag]) => tag === 0x3701_0102)?.[1];
  const others = properties.filter(([tag]) => tag !== 0x3701_0102);
  const added: Written[] = [inner, ole].flatMap((bytes): Written[] => (bytes === undefined ? [] : [[0x3701_000d, bytes]]));
  return [
    [2, 0x0006_9002, Buffer.concat([Buffer.from([1, 0]), numbers(0xffff_ffff, 0, 0)])],
    ...(Buffer.isBuffer(data) ? [[2, 0x0006_800f, data] as const] : []),
    [2, 0x0006_9005, propertyList([...others, ...added])],
  ];
}

export function propertyList(properties: readonly Written[], named: readonly WrittenByName[] = []): Buffer {
  const parts = properties.map(([tag, value]) => Buffer.concat([numbers(tag), ...values(typeOfTag(tag), [value])]));
  for (const [set, name, type, value] of named) {
    const text = Buffer.from(`${name}\0`, 'utf16le');
    const by = typeof name === 'number' ? numbers(0, name) : Buffer.concat([numbers(1, text.length), padded(text)]);
    const list = Array.isArray(value) ? value : [value];
    parts.push(Buffer.concat([numbers(0x8000_0000 + type), guidBytes(set), by, ...values(type, list)]));
  }
  return Buffer.concat([numbers(parts.length), ...parts]);
}

function values(typeAndMark: number, list: readonly Written[1][]): Buffer[] {
  const type = typeAndMark & 0x0fff;
  if (![0x0d, 0x1e, 0x1f, 0x102].includes(type)) return list.map((value) => padded(valueBytes(type, value)));
  return [numbers(list.length), ...list.flatMap((value) => [numbers(valueBytes(type, value).length), padded(valueBytes(type, value))])];
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
