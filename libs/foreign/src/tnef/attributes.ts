import type { Budget } from '../mapi/budget.ts';
import { Fault } from '../mapi/fault.ts';
import type { RejectCode } from '../foreign-file.ts';

/** One attribute of a TNEF stream; its bytes are a view into the file. */
export interface TnefAttribute {
  isOfAttachment: boolean;
  id: number; // without its type: `0x8004` is the subject
  data: Buffer;
}

export interface TnefStream {
  attributes: TnefAttribute[];
  /** Where and how the stream is broken, if it is. What was read before, and behind a wrong check sum, is there. */
  damage?: { code: RejectCode; reason: string };
}

export const tnefSignature = 0x223e9f78;
const headBytes = 6; // signature and key
const attributeBytes = 9; // level, id and type, length

/** Attributes that are read (MS-OXTNEF §2.1.3.2), without their types. */
export const attribute = {
  from: 0x8000,
  subject: 0x8004,
  dateSent: 0x8005,
  messageClass: 0x8008,
  body: 0x800c,
  priority: 0x800d,
  attachData: 0x800f,
  attachTitle: 0x8010,
  dateStart: 0x0006,
  dateEnd: 0x0007,
  attachTransportFilename: 0x9001,
  attachRenderData: 0x9002,
  messageProperties: 0x9003,
  recipientTable: 0x9004,
  attachment: 0x9005,
  oemCodePage: 0x9007,
} as const;

/** Every attribute there is, with its type, by its level: an identity is under no check sum, so one that is none is damage. */
const known: ReadonlyMap<number, ReadonlySet<number>> = new Map([
  [
    1,
    new Set([
      0x0008_9006, 0x0006_9007, 0x0007_8008, 0x0007_0006, 0x0000_8000, 0x0001_8004, 0x0003_8005, 0x0003_8006, 0x0006_8007, 0x0001_8009,
      0x0001_800a, 0x0001_800b, 0x0002_800c, 0x0004_800d, 0x0003_8020, 0x0006_9003, 0x0006_9004, 0x0006_0000, 0x0006_0001, 0x0006_0002,
      0x0003_0006, 0x0003_0007, 0x0005_0008, 0x0004_0009,
    ]),
  ],
  [2, new Set([0x0006_800f, 0x0001_8010, 0x0006_8011, 0x0003_8012, 0x0003_8013, 0x0003_8020, 0x0006_9001, 0x0006_9002, 0x0006_9005])],
]);

/**
 * Takes a TNEF stream apart (MS-OXTNEF §2.1): each attribute has a level, a length and the sum of its bytes.
 *
 * @param isInner it lies in an attribute whose sum covers it: its own sums are not looked at.
 * @throws Fault `unrecognised` without the signature, `too-large` when the file has too many attributes.
 */
export function readAttributes(bytes: Buffer, budget: Budget, isInner = false): TnefStream {
  if (bytes.length < headBytes || bytes.readUInt32LE(0) !== tnefSignature) {
    throw new Fault('unrecognised', 'this is no TNEF: it does not begin with its signature', 'byte 0');
  }
  const stream: TnefStream = { attributes: [] };
  const broken = (code: RejectCode, reason: string): TnefStream => ({ ...stream, damage: stream.damage ?? { code, reason } });
  let at = headBytes;
  while (at < bytes.length) {
    if (bytes.length - at < attributeBytes) return broken('incomplete-timeout', `the file ends inside an attribute at byte ${at}`);
    const ids = known.get(bytes[at] ?? 0);
    if (ids === undefined) return broken('syntax', `there is no attribute at byte ${at}`);
    if (!ids.has(bytes.readUInt32LE(at + 1))) stream.damage ??= { code: 'syntax', reason: `nobody knows the attribute at byte ${at}` };
    const size = bytes.readUInt32LE(at + 5);
    const start = at + attributeBytes;
    if (size + 2 > bytes.length - start) {
      return broken('incomplete-timeout', `the attribute at byte ${at} says it has ${size} bytes, and ${bytes.length - start} are left`);
    }
    const data = bytes.subarray(start, start + size);
    if (!isInner && checkSum(data) !== bytes.readUInt16LE(start + size)) {
      stream.damage ??= { code: 'syntax', reason: `the check sum of the attribute at byte ${at} is wrong` };
    }
    budget.take('attributes');
    stream.attributes.push({ isOfAttachment: bytes[at] === 2, id: bytes.readUInt16LE(at + 1), data });
    at = start + size + 2;
  }
  return stream;
}

/** The sum of all bytes, of which 16 bits are kept. */
export function checkSum(data: Buffer): number {
  let sum = 0;
  for (let at = 0; at < data.length; at += 1) sum += data[at] ?? 0;
  return sum & 0xffff;
}
