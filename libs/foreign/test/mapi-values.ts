/** A property to be written: its tag as MAPI has it (identity, then type), and its value. */
export type Written = readonly [tag: number, value: string | number | boolean | Buffer | Date];
/** A named property: set, number or name, type, value. */
export type WrittenByName = readonly [set: string, name: number | string, type: number, value: Written[1] | readonly string[]];

export interface WrittenMessage {
  properties: readonly Written[];
  named?: readonly WrittenByName[];
  recipients?: readonly (readonly Written[])[];
  attachments?: readonly WrittenAttachment[];
}

export interface WrittenAttachment {
  properties: readonly Written[];
  message?: WrittenMessage;
  /** An OLE object: streams by name. */
  object?: Readonly<Record<string, Buffer>>;
}

export const typeOfTag = (tag: number): number => tag & 0xffff;
export const idOfTag = (tag: number): number => tag >>> 16;
export const isFixed = (type: number): boolean => [0x02, 0x03, 0x0b, 0x14, 0x40].includes(type);

/** A value as bytes; texts of 8 bits are Latin-1 unless they are given as bytes. */
export function valueBytes(type: number, value: Written[1]): Buffer {
  if (Buffer.isBuffer(value)) return value;
  if (value instanceof Date) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value.getTime()) * 10_000n + 116_444_736_000_000_000n);
    return bytes;
  }
  if (typeof value === 'string') return Buffer.from(value, type === 0x1f ? 'utf16le' : 'latin1');
  const bytes = Buffer.alloc(type === 0x02 || type === 0x0b ? 2 : 4);
  if (bytes.length === 2) bytes.writeInt16LE(Number(value));
  else bytes.writeInt32LE(Number(value));
  return bytes;
}

/** `00062002-0000-...` as its 16 bytes. */
export function guidBytes(text: string): Buffer {
  const [a = '', b = '', c = '', d = '', e = ''] = text.split('-');
  const swapped = (hex: string) => Buffer.from(hex, 'hex').reverse();
  return Buffer.concat([swapped(a), swapped(b), swapped(c), Buffer.from(d + e, 'hex')]);
}

/** A text put into RTF that is stored, not compressed (MS-OXRTFCP). */
export function storedRtf(rtf: string | Buffer): Buffer {
  const bytes = Buffer.from(rtf);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(bytes.length + 12, 0);
  header.writeUInt32LE(bytes.length, 4);
  header.write('MELA', 8, 'latin1');
  return Buffer.concat([header, bytes]);
}
