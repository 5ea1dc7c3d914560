import { decodeWith } from './code-pages.ts';
import { fixedSize, multiple, propertyType } from './tags.ts';

/** Bytes in pieces, each a view into the file: nothing large is copied. */
export type Pieces = readonly Buffer[];

export interface Property {
  type: number; // without the mark of several values
  values: readonly Pieces[]; // at least one
}

/** Properties of a message, a recipient or an attachment. */
export interface PropertyBag {
  byId: Map<number, Property>;
  byName: Map<string, Property>; // `<set>:<name or number>`, in lower case
  /** Of its 8-bit strings. */
  codePage: string;
}

/** The most of a text that is no body: what is longer is cut, as nobody reads it. */
const maxTextBytes = 65_536;
/** Between 1601, where file times begin, and 1970, in ticks of 100 ns. */
const epochTicks = 116_444_736_000_000_000n;
const lastMs = 253_402_300_799_999; // of the year 9999

export function sizeOf(pieces: Pieces): number {
  return pieces.reduce((sum, { length }) => sum + length, 0);
}

/** The bytes in one: for what is small. @param max the most of them. */
export function joined(pieces: Pieces, max = Number.POSITIVE_INFINITY): Buffer {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return first.length > max ? first.subarray(0, max) : first;
  const taken: Buffer[] = [];
  let left = max;
  for (const piece of pieces) {
    if (left <= 0) break;
    taken.push(piece.length > left ? piece.subarray(0, left) : piece);
    left -= piece.length;
  }
  return Buffer.concat(taken);
}

export function bytesIn({ byId }: PropertyBag, id: number): Pieces | undefined {
  const found = byId.get(id);
  return found?.type === propertyType.binary || found?.type === propertyType.object ? found.values[0] : undefined;
}

/** A text, without what follows a NUL. @returns `undefined` also when it is empty. */
export function textIn(bag: PropertyBag, id: number): string | undefined {
  return textOf(bag, bag.byId.get(id))[0];
}

/** Texts of a property that may have several. */
export function textOf({ codePage }: PropertyBag, property: Property | undefined): string[] {
  const name = property === undefined ? undefined : encodingOf(property.type, codePage);
  if (property === undefined || name === undefined) return [];
  return property.values.flatMap((value) => {
    const text = decodeWith(name, joined(value, maxTextBytes)).split('\0', 1)[0] ?? '';
    return text.trim() === '' ? [] : [text];
  });
}

/** The character set of a text property. @returns `undefined` for what is no text. */
export function encodingOf(type: number, codePage: string): string | undefined {
  if (type === propertyType.unicode) return 'utf-16le';
  return type === propertyType.string8 ? codePage : undefined;
}

export function numberIn({ byId }: PropertyBag, id: number): number | undefined {
  return numberOf(byId.get(id));
}

export function numberOf(property: Property | undefined): number | undefined {
  const bytes = property === undefined ? undefined : fixedBytes(property);
  if (property === undefined || bytes === undefined) return undefined;
  if (property.type === propertyType.int16) return bytes.readInt16LE(0);
  if (property.type === propertyType.int32) return bytes.readInt32LE(0);
  return property.type === propertyType.boolean ? Number(bytes.readUInt16LE(0) !== 0) : undefined;
}

/** @returns `undefined` when it is not there. */
export function flagIn(bag: PropertyBag, id: number): boolean | undefined {
  const number = numberIn(bag, id);
  return number === undefined ? undefined : number !== 0;
}

/** A time in milliseconds since the epoch; it is UTC. @returns `undefined` for one no calendar has. */
export function timeIn({ byId }: PropertyBag, id: number): number | undefined {
  return timeOf(byId.get(id));
}

export function timeOf(property: Property | undefined): number | undefined {
  const bytes = property?.type === propertyType.time ? fixedBytes(property) : undefined;
  if (bytes === undefined) return undefined;
  const ms = Number((bytes.readBigUInt64LE(0) - epochTicks) / 10_000n);
  return ms > 0 && ms < lastMs ? ms : undefined; // before 1970 there was no such mail
}

function fixedBytes({ type, values }: Property): Buffer | undefined {
  const size = fixedSize.get(type & ~multiple);
  const bytes = joined(values[0] ?? [], 16);
  return size === undefined || bytes.length < size ? undefined : bytes;
}

/** `{00020329-0000-...}` as text, lower case. @param bytes 16 of them. */
export function guidText(bytes: Buffer): string {
  const hex = (from: number, to: number) => bytes.subarray(from, to).toString('hex');
  const swapped = (from: number, to: number) => Buffer.from(bytes.subarray(from, to)).reverse().toString('hex');
  return [swapped(0, 4), swapped(4, 6), swapped(6, 8), hex(8, 10), hex(10, 16)].join('-');
}

export function propertyKey(set: string, name: string | number): string {
  return `${set}:${String(name).toLowerCase()}`;
}
