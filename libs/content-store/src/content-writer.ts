import { createHash, type Hash, hash } from 'node:crypto';
import type { BodyFiles, TemporaryFile } from './body-files.ts';
import { type Disk, writeAll, writeAllLater } from './disk.ts';
import type { Place } from './layout.ts';
import type { ContentWriter, Stored } from './port.ts';
import { chunkBytes, readLater } from './read-file.ts';
import { storeError } from './store-error.ts';

/** So much is kept in memory before a file is opened; most mail never gets there and takes the short way of `put`. */
const spillBytes = 65_536;
/** With so much unwritten, what the disk has been given included, the caller is asked to wait. */
const fullBytes = 2 * spillBytes;
const largePiece = 16_384;

/** Writes bytes that are all there: one synchronous write, one flush, one link. Durable when it resolves. @throws ContentStoreError */
export async function putBytes(bodies: BodyFiles, disk: Disk, place: Place, bytes: readonly Uint8Array[]): Promise<Stored> {
  const whole = joined(bytes);
  let file: TemporaryFile | undefined;
  try {
    bodies.prepare(place);
    file = await bodies.createLater();
    writeAll(disk, file.fd, whole);
    const flushed = disk.flushData(file.fd);
    const sha256 = hash('sha256', whole, 'hex'); // while the disk works
    await flushed;
    return await bodies.publish(file, place, { sizeBytes: whole.length, sha256 });
  } catch (error) {
    throw storeError(error, 'storing a body');
  } finally {
    file?.discard();
  }
}

/**
 * Writes bytes under a key that nobody else has and nobody knows of before this resolves: under its own name at once, so that its
 * bytes and its name reach the disk together instead of one after the other. A crash in between leaves a name with less than its
 * bytes behind it; nobody ever asks for that, since the identity was told to nobody, and the sweep takes it with its minute.
 *
 * @throws ContentStoreError
 */
export async function putFresh(bodies: BodyFiles, disk: Disk, place: Place, bytes: readonly Uint8Array[]): Promise<Stored> {
  const whole = joined(bytes);
  let file: TemporaryFile | undefined;
  try {
    file = await bodies.createNamed(place);
    if (file === undefined) return await putBytes(bodies, disk, place, [whole]);
    writeAll(disk, file.fd, whole);
    const flushes = Promise.allSettled([disk.flushData(file.fd), bodies.flushName(place)]); // both end before the file is closed
    const sha256 = hash('sha256', whole, 'hex'); // while the disk works
    const failed = (await flushes).find((flush) => flush.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    file.keep();
    return { ref: place.ref, sizeBytes: whole.length, sha256, existed: false };
  } catch (error) {
    throw storeError(error, 'storing a body');
  } finally {
    file?.discard();
  }
}

/** Takes a body piece by piece; what is small is put in one go at `commit`. */
export function contentWriter(bodies: BodyFiles, disk: Disk, place: Place): ContentWriter {
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let writingBytes = 0; // given to the disk, which has not said yet that it has them
  let sizeBytes = 0;
  let spilling: Promise<void> | undefined; // never rejects
  let file: TemporaryFile | undefined;
  let digest: Hash | undefined;
  let failure: { error: unknown } | undefined;
  let state: 'open' | 'committed' | 'aborted' = 'open';

  const take = (): Uint8Array[] => {
    const pieces = waiting;
    waiting = [];
    waitingBytes = 0;
    return pieces;
  };
  const spill = async () => {
    try {
      while (waitingBytes >= spillBytes && state !== 'aborted') {
        file ??= bodies.create();
        digest ??= createHash('sha256');
        writingBytes = waitingBytes;
        const pieces = fewPieces(take()).reverse();
        for (let bytes = pieces.pop(); bytes !== undefined; bytes = pieces.pop()) {
          const written = writeAllLater(disk, file.fd, bytes);
          digest.update(bytes);
          await written;
          writingBytes -= bytes.length;
        }
      }
    } catch (error) {
      failure = { error };
      take();
      writingBytes = 0;
      file?.discard();
    }
    spilling = undefined;
  };

  return {
    write(chunk) {
      if (state !== 'open') throw new Error('the writer is closed');
      if (failure !== undefined) return undefined; // told at commit; until then the client may go on talking
      waiting.push(chunk);
      waitingBytes += chunk.length;
      sizeBytes += chunk.length;
      if (waitingBytes >= spillBytes) spilling ??= spill();
      return waitingBytes + writingBytes >= fullBytes ? spilling : undefined;
    },
    async *readBack() {
      await spilling;
      if (failure !== undefined) throw storeError(failure.error, 'storing a body');
      if (file !== undefined) {
        try {
          yield* fileParts(disk, file.path);
        } catch (error) {
          throw storeError(error, 'reading a body back');
        }
      }
      yield* waiting;
    },
    async commit() {
      if (state !== 'open') throw new Error('the writer is closed');
      state = 'committed';
      await spilling;
      if (failure !== undefined) throw storeError(failure.error, 'storing a body');
      if (file === undefined || digest === undefined) return putBytes(bodies, disk, place, take());
      try {
        const rest = joined(take());
        await writeAllLater(disk, file.fd, rest);
        digest.update(rest);
        bodies.prepare(place);
        await disk.flushData(file.fd);
        return await bodies.publish(file, place, { sizeBytes, sha256: digest.digest('hex') });
      } catch (error) {
        throw storeError(error, 'storing a body');
      } finally {
        file.discard();
      }
    },
    async abort() {
      if (state === 'committed') return;
      state = 'aborted';
      take();
      await spilling;
      file?.discard();
    },
  };
}

async function* fileParts(disk: Disk, path: string): AsyncGenerator<Uint8Array> {
  const fd = disk.open(path);
  try {
    const sizeBytes = disk.size(fd);
    for (let at = 0; at < sizeBytes; at += chunkBytes) yield await readLater(disk, fd, at, Math.min(chunkBytes, sizeBytes - at));
  } finally {
    disk.close(fd);
  }
}

/** Large pieces as they are, for a copy of each would be as much memory again; small ones together, for each costs a call. */
function fewPieces(pieces: readonly Uint8Array[]): Uint8Array[] {
  const few: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  for (const piece of pieces) {
    if (piece.length < largePiece) {
      small.push(piece);
      continue;
    }
    if (small.length > 0) few.push(joined(small));
    small = [];
    few.push(piece);
  }
  if (small.length > 0) few.push(joined(small));
  return few;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const only = pieces.length === 1 ? pieces[0] : undefined;
  return only ?? Buffer.concat(pieces);
}
