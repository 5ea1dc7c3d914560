import { compoundMagic } from './compound-file.ts';

/** What a compound file is made of. Names are of at most 31 characters. */
export interface StorageToWrite {
  name: string;
  classId?: Buffer;
  storages: Iterable<StorageToWrite>;
  streams: Iterable<{ name: string; pieces: readonly Buffer[] }>;
}

const sectorBytes = 512;
const miniSectorBytes = 64;
const miniCutoff = 4_096;
const perSector = sectorBytes / 4;
const endOfChain = 0xfffffffe;
const none = 0xffffffff;
const fatMark = 0xfffffffd;
const difatMark = 0xfffffffc;

interface Entry {
  name: string;
  type: 1 | 2 | 5;
  classId?: Buffer;
  left: number;
  right: number;
  child: number;
  isRed: boolean;
  start: number;
  size: number;
  pieces: readonly Buffer[];
}

/**
 * Writes a compound file of version 3 (MS-CFB), for objects that were folders in another. Large streams are not copied: the file is
 * given in pieces.
 */
export function writeCompoundFile(root: StorageToWrite): Buffer[] {
  const entries = entriesOf(root);
  const sizeOf = ({ pieces }: Entry): number => pieces.reduce((sum, { length }) => sum + length, 0);
  const fat: number[] = [];
  const body: Buffer[] = [];
  const append = (pieces: readonly Buffer[], size: number): number => {
    if (size === 0) return endOfChain;
    const start = fat.length;
    const sectors = Math.ceil(size / sectorBytes);
    for (let at = 1; at < sectors; at += 1) fat.push(start + at);
    fat.push(endOfChain);
    body.push(...pieces, Buffer.alloc(sectors * sectorBytes - size));
    return start;
  };

  const miniFat: number[] = [];
  const mini: Buffer[] = [];
  for (const entry of entries) {
    if (entry.type !== 2) continue;
    entry.size = sizeOf(entry);
    if (entry.size >= miniCutoff) {
      entry.start = append(entry.pieces, entry.size);
    } else if (entry.size > 0) {
      entry.start = miniFat.length;
      const sectors = Math.ceil(entry.size / miniSectorBytes);
      for (let at = 1; at < sectors; at += 1) miniFat.push(entry.start + at);
      miniFat.push(endOfChain);
      mini.push(...entry.pieces, Buffer.alloc(sectors * miniSectorBytes - entry.size));
    }
  }
  const [first] = entries;
  if (first !== undefined) {
    first.size = miniFat.length * miniSectorBytes;
    first.start = append(mini, first.size);
  }
  const miniTable = numbers(miniFat);
  const miniStart = append([miniTable], miniTable.length);
  const directory = Buffer.concat(entries.map(entryBytes));
  const directoryStart = append([directory, ...fillers(entries.length)], Math.ceil(entries.length / 4) * sectorBytes);

  // The tables describe themselves, too: their number grows until they fit.
  let tables = 0;
  let difats = 0;
  for (;;) {
    const all = fat.length + tables + difats;
    const needed = Math.ceil(all / perSector);
    const neededDifats = Math.ceil(Math.max(0, needed - 109) / (perSector - 1));
    if (needed === tables && neededDifats === difats) break;
    tables = needed;
    difats = neededDifats;
  }
  const tableStart = fat.length;
  const places = Array.from({ length: tables }, (_, at) => tableStart + at);
  for (let at = 0; at < tables; at += 1) fat.push(fatMark);
  const difatStart = fat.length;
  for (let at = 0; at < difats; at += 1) fat.push(difatMark);
  const difat = Array.from({ length: difats }, (_, at) => {
    const part = places.slice(109 + at * (perSector - 1), 109 + (at + 1) * (perSector - 1));
    while (part.length < perSector - 1) part.push(none);
    return numbers([...part, at + 1 < difats ? difatStart + at + 1 : endOfChain]);
  });

  const header = Buffer.alloc(sectorBytes);
  compoundMagic.copy(header);
  header.writeUInt16LE(0x3e, 24);
  header.writeUInt16LE(3, 26);
  header.writeUInt16LE(0xfffe, 28);
  header.writeUInt16LE(9, 30);
  header.writeUInt16LE(6, 32);
  header.writeUInt32LE(tables, 44);
  header.writeUInt32LE(directoryStart, 48);
  header.writeUInt32LE(miniCutoff, 56);
  header.writeUInt32LE(miniStart, 60);
  header.writeUInt32LE(miniTable.length / sectorBytes, 64);
  header.writeUInt32LE(difats === 0 ? endOfChain : difatStart, 68);
  header.writeUInt32LE(difats, 72);
  for (let at = 0; at < 109; at += 1) header.writeUInt32LE(places[at] ?? none, 76 + at * 4);
  return [header, ...body, numbers(fat), ...difat];
}

/** All entries, root first; the children of each form a balanced search tree. */
function entriesOf(root: StorageToWrite): Entry[] {
  const entries: Entry[] = [];
  const add = (name: string, type: 1 | 2 | 5, pieces: readonly Buffer[], classId?: Buffer): number => {
    const fresh = { left: none, right: none, child: none, isRed: false, start: type === 2 ? endOfChain : 0, size: 0 };
    entries.push({ name, type, pieces, ...fresh, ...(classId === undefined ? {} : { classId }) });
    return entries.length - 1;
  };
  const pending: { storage: StorageToWrite; at: number }[] = [{ storage: root, at: add('Root Entry', 5, [], root.classId) }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { storage, at } = next;
    const children = [...storage.streams].map(({ name, pieces }) => add(name, 2, pieces));
    for (const one of storage.storages) {
      const child = add(one.name, 1, [], one.classId);
      pending.push({ storage: one, at: child });
      children.push(child);
    }
    const nameOf = (index: number): string => entries[index]?.name.toUpperCase() ?? '';
    children.sort((one, other) => {
      const [a, b] = [nameOf(one), nameOf(other)];
      return a.length - b.length || (a < b ? -1 : 1);
    });
    const parent = entries[at];
    if (parent !== undefined) parent.child = balanced(entries, children, 0, Math.floor(Math.log2(children.length + 1)));
  }
  return entries;
}

/** @param redDepth entries so deep are red: the last row, which may have gaps. */
function balanced(entries: Entry[], sorted: readonly number[], depth: number, redDepth: number): number {
  const middle = Math.floor(sorted.length / 2);
  const index = sorted[middle];
  const entry = index === undefined ? undefined : entries[index];
  if (index === undefined || entry === undefined) return none;
  entry.isRed = depth === redDepth;
  entry.left = balanced(entries, sorted.slice(0, middle), depth + 1, redDepth);
  entry.right = balanced(entries, sorted.slice(middle + 1), depth + 1, redDepth);
  return index;
}

function entryBytes({ name, type, classId, left, right, child, isRed, start, size }: Entry): Buffer {
  const bytes = Buffer.alloc(128);
  bytes.write(name.slice(0, 31), 0, 'utf16le');
  bytes.writeUInt16LE((Math.min(name.length, 31) + 1) * 2, 64);
  bytes[66] = type;
  bytes[67] = isRed ? 0 : 1;
  bytes.writeUInt32LE(left, 68);
  bytes.writeUInt32LE(right, 72);
  bytes.writeUInt32LE(child, 76);
  classId?.copy(bytes, 80, 0, 16);
  bytes.writeUInt32LE(start, 116);
  bytes.writeUInt32LE(size, 120);
  return bytes;
}

/** Entries that fill the last sector of the directory. */
function fillers(count: number): Buffer[] {
  const free = Buffer.alloc(128);
  for (const at of [68, 72, 76]) free.writeUInt32LE(none, at);
  return Array.from({ length: (4 - (count % 4)) % 4 }, () => free);
}

/** Numbers in whole sectors, the rest free. */
function numbers(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(Math.ceil(values.length / perSector) * sectorBytes, 0xff);
  for (const [at, value] of values.entries()) bytes.writeUInt32LE(value, at * 4);
  return bytes;
}
