import { oneLine } from '@mailrail/mail';
import { Fault } from '../mapi/fault.ts';
import { joined, type Pieces } from '../mapi/properties.ts';

/** A folder of a compound file. Names are in lower case, as the format compares them so. */
export interface Storage {
  name: string;
  classId: Buffer;
  storages: Map<string, Storage>;
  streams: Map<string, Stream>;
}

/** A file of a compound file, in views of it. */
export interface Stream {
  name: string; // as it is written
  pieces: Pieces;
  size: number;
}

export const compoundMagic = Buffer.from('d0cf11e0a1b11ae1', 'hex');
const headerBytes = 512;
const miniSectorBytes = 64;
const entryBytes = 128;
const miniCutoff = 4_096;
const endOfChain = 0xfffffffe;
const lastRegular = 0xfffffffa;
const none = 0xffffffff;
const difatInHeader = 109;
const maxEntries = 100_000;
const maxDepth = 64;
const objectType = { storage: 1, stream: 2, root: 5 } as const;

/**
 * Takes a compound file (MS-CFB) apart, strictly: each sector, mini sector and directory entry may be used once. So a loop in any of its
 * tables ends at its second step, no stream is there twice, and all streams together are never larger than the file.
 *
 * @throws Fault `incomplete-timeout` when it names a sector behind its end, `count-mismatch` when a stream is shorter than it says,
 *         `syntax` for any other damage, `too-large` for more than 100,000 directory entries.
 */
export function readCompoundFile(file: Buffer): Storage {
  if (file.length < headerBytes) throw new Fault('incomplete-timeout', 'the file is shorter than the header of a compound file');
  const shift = file.readUInt16LE(30);
  const version = file.readUInt16LE(26);
  if (!file.subarray(0, 8).equals(compoundMagic) || file.readUInt16LE(28) !== 0xfffe || file.readUInt16LE(32) !== 6) {
    throw new Fault('syntax', 'the header of the compound file is damaged');
  }
  if (!((version === 3 && shift === 9) || (version === 4 && shift === 12))) {
    throw new Fault('syntax', `the compound file is of version ${version} with sectors of 2^${shift} bytes, which do not go together`);
  }
  const sectors = sectorsOf(file, 1 << shift);
  const directory = sectors.chain(file.readUInt32LE(48), 'the directory');
  return treeOf(file, sectors, joined(directory.pieces));
}

/** The directory, with the bytes of every stream found. */
function treeOf(file: Buffer, sectors: Sectors, directory: Buffer): Storage {
  const count = Math.floor(directory.length / entryBytes);
  if (count > maxEntries) throw new Fault('too-large', `its directory has more than ${maxEntries} entries`);
  const isLong = sectors.sectorBytes === 4_096; // else the upper half of a size may hold anything
  const sizeAt = (at: number): number => directory.readUInt32LE(at + 120) + (isLong ? directory.readUInt32LE(at + 124) * 2 ** 32 : 0);
  if (count === 0 || directory[66] !== objectType.root) throw new Fault('syntax', 'its directory has no root');
  const isUsed = new Uint8Array(count);
  const mini = miniSectorsOf(file, sectors, directory.readUInt32LE(116), sizeAt(0));

  const pending: { storage: Storage; first: number; depth: number }[] = [];
  const storageAt = (at: number, name: string, depth: number): Storage => {
    if (depth > maxDepth) throw new Fault('nested-too-deep', `its folders are nested more than ${maxDepth} deep`);
    const storage = { name, classId: directory.subarray(at + 80, at + 96), storages: new Map(), streams: new Map() };
    pending.push({ storage, first: directory.readUInt32LE(at + 76), depth });
    return storage;
  };
  isUsed[0] = 1;
  const root = storageAt(0, '', 0);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { storage, depth } = next;
    const siblings = [next.first];
    for (let index = siblings.pop(); index !== undefined; index = siblings.pop()) {
      if (index === none) continue;
      if (index >= count) throw new Fault('syntax', 'its directory points behind its end');
      if (isUsed[index] === 1) throw new Fault('syntax', 'its directory runs in a circle');
      isUsed[index] = 1;
      const at = index * entryBytes;
      siblings.push(directory.readUInt32LE(at + 68), directory.readUInt32LE(at + 72));
      const name = nameAt(directory, at);
      const key = name.toLowerCase();
      const type = directory[at + 66];
      if (storage.storages.has(key) || storage.streams.has(key)) throw new Fault('syntax', `"${oneLine(name, 40)}" is in it twice`);
      if (type === objectType.storage) storage.storages.set(key, storageAt(at, name, depth + 1));
      if (type !== objectType.stream) continue;
      const size = sizeAt(at);
      const start = directory.readUInt32LE(at + 116);
      const pieces = size === 0 ? [] : size < miniCutoff ? mini(start, size, name) : sectors.chain(start, name, size).pieces;
      storage.streams.set(key, { name, pieces, size });
    }
  }
  return root;
}

function nameAt(directory: Buffer, at: number): string {
  const bytes = directory.readUInt16LE(at + 64);
  if (bytes < 2 || bytes > 64) throw new Fault('syntax', 'a name in its directory has a wrong length');
  return directory.toString('utf16le', at, at + bytes - 2);
}

interface Sectors {
  sectorBytes: number;
  /** Follows a chain and takes its sectors; `size`, when it is known, is cut to. */
  chain(start: number, what: string, size?: number): { pieces: Buffer[]; size: number };
}

function sectorsOf(file: Buffer, sectorBytes: number): Sectors {
  const perSector = sectorBytes / 4;
  const count = Math.max(0, Math.ceil((file.length - sectorBytes) / sectorBytes)); // the last may be cut where nothing is in it
  const isUsed = new Uint8Array(count);
  const take = (sector: number, what: string): void => {
    if (sector >= count) {
      throw sector > lastRegular
        ? new Fault('syntax', `"${oneLine(what, 40)}" has a sector that is none`)
        : new Fault('incomplete-timeout', `the file ends before sector ${sector}, which belongs to "${oneLine(what, 40)}"`);
    }
    if (isUsed[sector] === 1) throw new Fault('syntax', `sector ${sector} is used twice, or "${oneLine(what, 40)}" runs in a circle`);
    isUsed[sector] = 1;
  };
  const place = (sector: number): number => (sector + 1) * sectorBytes;
  const numberAt = (at: number): number => (at + 4 <= file.length ? file.readUInt32LE(at) : none);

  const fat = fatSectors();
  const nextOf = (sector: number): number => {
    const table = fat[Math.floor(sector / perSector)];
    return table === undefined ? none : numberAt(place(table) + (sector % perSector) * 4);
  };

  function fatSectors(): number[] {
    const said = file.readUInt32LE(44);
    if (said > count) throw new Fault('incomplete-timeout', `the file is too short for the ${said} tables that it says it has`);
    const found: number[] = [];
    for (let index = 0; index < difatInHeader && found.length < said; index += 1) found.push(file.readUInt32LE(76 + index * 4));
    for (let table = file.readUInt32LE(68); found.length < said; table = numberAt(place(table) + sectorBytes - 4)) {
      take(table, 'the table of tables');
      for (let index = 0; index < perSector - 1 && found.length < said; index += 1) found.push(numberAt(place(table) + index * 4));
    }
    for (const sector of found) take(sector, 'the table of sectors');
    return found;
  }

  return {
    sectorBytes,
    chain(start, what, size) {
      const pieces: Buffer[] = [];
      const wanted = size === undefined ? undefined : Math.ceil(size / sectorBytes);
      let taken = 0;
      let from = 0; // of a run of sectors that lie together
      let length = 0;
      for (let sector = start; sector !== endOfChain && taken !== wanted; sector = nextOf(sector)) {
        if (size !== undefined && sector > lastRegular) break;
        take(sector, what);
        if (length === 0 || place(sector) !== from + length) {
          if (length > 0) pieces.push(file.subarray(from, from + length));
          from = place(sector);
          length = 0;
        }
        length += sectorBytes;
        taken += 1;
      }
      if (length > 0) pieces.push(file.subarray(from, from + length));
      if (size === undefined) return { pieces, size: pieces.reduce((sum, piece) => sum + piece.length, 0) };
      if (taken !== wanted) throw new Fault('count-mismatch', `"${oneLine(what, 40)}" is shorter than the ${size} bytes it says`);
      return { pieces: cut(pieces, size, what), size };
    },
  };
}

/** Small streams lie together in a stream of the root. */
function miniSectorsOf(
  file: Buffer,
  sectors: Sectors,
  start: number,
  size: number,
): (start: number, size: number, what: string) => Buffer[] {
  const tableSectors = file.readUInt32LE(64);
  if (size === 0 || tableSectors === 0) {
    return (_start, _size, what) => {
      throw new Fault('syntax', `"${oneLine(what, 40)}" lies among small streams, and there are none`);
    };
  }
  const table = joined(sectors.chain(file.readUInt32LE(60), 'the table of small streams').pieces);
  const bytes = joined(sectors.chain(start, 'the small streams', size).pieces);
  const count = Math.min(Math.floor(table.length / 4), Math.ceil(bytes.length / miniSectorBytes));
  const isUsed = new Uint8Array(count);
  return (first, wantedBytes, what) => {
    const pieces: Buffer[] = [];
    let sector = first;
    for (let left = Math.ceil(wantedBytes / miniSectorBytes); left > 0; left -= 1) {
      if (sector >= count) throw new Fault('count-mismatch', `"${oneLine(what, 40)}" is shorter than the ${wantedBytes} bytes it says`);
      if (isUsed[sector] === 1) throw new Fault('syntax', `"${oneLine(what, 40)}" runs in a circle, or into another`);
      isUsed[sector] = 1;
      pieces.push(bytes.subarray(sector * miniSectorBytes, (sector + 1) * miniSectorBytes));
      sector = table.readUInt32LE(sector * 4);
    }
    return cut([joined(pieces)], wantedBytes, what);
  };
}

function cut(pieces: Buffer[], size: number, what: string): Buffer[] {
  const found = pieces.reduce((sum, { length }) => sum + length, 0);
  if (found < size) throw new Fault('incomplete-timeout', `the file ends inside "${oneLine(what, 40)}"`);
  const last = pieces.at(-1);
  if (last !== undefined) pieces[pieces.length - 1] = last.subarray(0, last.length - (found - size));
  return pieces;
}
