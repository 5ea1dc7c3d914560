import type { Readable } from 'node:stream';

/** What the store knows of a stored form. */
export interface Stored {
  ref: string; // name for `read`, opaque: at most 300 characters, safe on the bus and in logs
  sizeBytes: number;
  sha256: string; // hex, of the whole stored form
  existed: boolean; // another put of the same key was first; these are its bytes' figures, not this put's (R5)
}

/** Bytes on their way in. Nothing is visible before `commit` and nothing stays after `abort` or a crash. */
export interface ContentWriter {
  /**
   * Takes the next bytes and keeps them: the caller must not change them any more. A failure is told by `commit` alone.
   *
   * @returns a promise when the writer wants its caller to wait (back-pressure), else `undefined`. It never rejects.
   */
  write(chunk: Uint8Array): Promise<void> | undefined;
  /**
   * The bytes that were written so far, before any commit, for whoever knows only at their end what goes in front of them. Optional:
   * a store that cannot read what it has not committed leaves it out. @throws ContentStoreError while reading.
   */
  readBack?(): AsyncIterable<Uint8Array>;
  /** Makes the bytes durable (file and folder flushed). @throws ContentStoreError `unavailable` when that failed or is not known. */
  commit(): Promise<Stored>;
  /** Forgets the bytes. Harmless when repeated and after a commit that failed. */
  abort(): Promise<void>;
}

/**
 * Where message bytes live. A key is (rootId, form); it is written once: a second put never replaces (R5).
 * Every failure that may pass is a `ContentStoreError` with code `unavailable`; `missing` means a complete answer that there is nothing.
 */
export interface ContentStore {
  writer(key: { rootId: string; form: string }): ContentWriter;
  /**
   * For bodies that are in memory anyway (up to some 100 KB): one call, the cheapest path.
   *
   * @param options `fresh` promises that the identity was made for this call: nobody else puts it, nobody knows of it before this
   *        resolves, and after a failure or a crash it is never used again. A store may then take a shorter way; what R5 says of a
   *        second put is empty.
   */
  put(key: { rootId: string; form: string }, bytes: readonly Uint8Array[], options?: { fresh?: boolean }): Promise<Stored>;
  /** @throws through the stream: ContentStoreError. `start` inclusive, `end` exclusive. */
  read(ref: string, range?: { start?: number; end?: number }): Readable;
  /** The first bytes, at most `maxBytes` (the header block). @throws ContentStoreError */
  head(ref: string, maxBytes: number): Promise<Buffer>;
  /** Size as the store has it, without reading the bytes. @throws ContentStoreError */
  size(ref: string): Promise<number>;
  /** Size and digest read anew from the bytes. @throws ContentStoreError */
  verify(ref: string): Promise<{ sizeBytes: number; sha256: string }>;
  /** Pins a body for a parked mail: link or copy under `held/`, which no sweep touches (R13). Idempotent. */
  hold(ref: string): Promise<void>;
  /** Takes the pin off, once the mail it was parked for has come to its end: a body past its time has no other name by then. Idempotent. */
  release(ref: string): Promise<void>;
  /** A file that can be hard-linked, when this store keeps files; it need not exist. Undefined for a reference it never gave out, too. */
  filePath(ref: string): string | undefined;
  /**
   * Removes bodies from before `olderThan` and abandoned temporary files. Both the time in the identity and the time of writing
   * must be before it: an identity from a peer whose clock is wrong must not cost a body.
   *
   * @param olderThan milliseconds since the epoch.
   * @returns bodies removed; a call does a bounded amount of work, so more may be left.
   */
  sweep(olderThan: number): Promise<number>;
  /** Cheap and durable check that writing works (a file written and flushed). @throws ContentStoreError */
  probe(): Promise<void>;
}

export class ContentStoreError extends Error {
  readonly code: 'missing' | 'unavailable' | 'invalid';
  constructor(code: 'missing' | 'unavailable' | 'invalid', message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ContentStoreError';
    this.code = code;
  }
}
