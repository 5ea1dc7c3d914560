import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import { placeOfKey, placeOfRef, timeOfRef } from './layout.ts';
import { type ContentStore, ContentStoreError, type ContentWriter, type Stored } from './port.ts';

/** The store in a map, for tests and for trying things out: bounded by memory alone, gone with the process. */
export interface MemoryContentStore extends ContentStore {
  /** From now on every call fails as `unavailable` with this reason, until it is undefined again. */
  outage: string | undefined;
  /** Forgets a body, as a disk that was lost would. */
  lose(ref: string): void;
  /** Makes a body one that was written at this time, milliseconds since the epoch. */
  age(ref: string, writtenAt: number): void;
}

export function memoryContentStore(now: () => number = Date.now): MemoryContentStore {
  const bodies = new Map<string, { bytes: Buffer; writtenAt: number }>();
  const held = new Map<string, Buffer>();

  const answering = () => {
    if (store.outage !== undefined) throw new ContentStoreError('unavailable', store.outage);
  };
  const bytesOf = (ref: string): Buffer => {
    answering();
    const found = bodies.get(placeOfRef(ref).ref)?.bytes ?? held.get(ref);
    if (found === undefined) throw new ContentStoreError('missing', 'no such body');
    return found;
  };
  const put = (key: { rootId: string; form: string }, pieces: readonly Uint8Array[]): Stored => {
    const { ref } = placeOfKey(key);
    answering();
    const existed = bodies.has(ref);
    if (!existed) bodies.set(ref, { bytes: Buffer.concat(pieces), writtenAt: now() });
    const bytes = bytesOf(ref);
    return { ref, sizeBytes: bytes.length, sha256: hash('sha256', bytes, 'hex'), existed };
  };
  const writer = (key: { rootId: string; form: string }): ContentWriter => {
    placeOfKey(key);
    const pieces: Uint8Array[] = [];
    let closed = false;
    const close = () => {
      if (closed) throw new Error('the writer is closed');
      closed = true;
    };
    return {
      write(chunk) {
        if (closed) throw new Error('the writer is closed');
        pieces.push(chunk);
        return undefined;
      },
      async *readBack() {
        answering();
        yield* pieces;
      },
      async commit() {
        close();
        return put(key, pieces);
      },
      async abort() {
        closed = true;
      },
    };
  };

  const store: MemoryContentStore = {
    outage: undefined,
    lose(ref) {
      bodies.delete(ref);
      held.delete(ref);
    },
    age(ref, writtenAt) {
      const body = bodies.get(ref);
      if (body !== undefined) body.writtenAt = writtenAt;
    },
    writer,
    put: async (key, pieces) => put(key, pieces),
    read: (ref, { start = 0, end } = {}) =>
      new Readable({
        read() {
          try {
            const part = bytesOf(ref).subarray(start, end);
            if (part.length > 0) this.push(part);
            this.push(null);
          } catch (error) {
            this.destroy(error instanceof Error ? error : new Error(String(error)));
          }
        },
      }),
    head: async (ref, maxBytes) => Buffer.from(bytesOf(ref).subarray(0, maxBytes)),
    size: async (ref) => bytesOf(ref).length,
    async verify(ref) {
      const bytes = bytesOf(ref);
      return { sizeBytes: bytes.length, sha256: hash('sha256', bytes, 'hex') };
    },
    async hold(ref) {
      held.set(ref, bytesOf(ref));
    },
    async release(ref) {
      placeOfRef(ref);
      answering();
      held.delete(ref);
    },
    filePath: () => undefined,
    async sweep(olderThan) {
      answering();
      const old = [...bodies].filter(([ref, { writtenAt }]) => (timeOfRef(ref) ?? 0) < olderThan && writtenAt < olderThan);
      for (const [ref] of old) bodies.delete(ref);
      return old.length;
    },
    async probe() {
      answering();
    },
  };
  return store;
}
