import { isAscii } from 'node:buffer';
import type { ContentStore, ContentWriter, Stored } from '@mailrail/content-store';
import { type Reply, replies } from '@mailrail/smtp';
import type { HeaderFilter } from '@mailrail/mail';

export interface ContentsOptions {
  store: Pick<ContentStore, 'put' | 'writer'>;
  key: { rootId: string; form: string };
  first: Buffer; // our own fields, before everything
  filter: HeaderFilter;
  limits: { messageBytes: number; headerBytes: number };
  collectBytes: number;
}

export type ContentsResult =
  | { ok: true; ref: string; sizeBytes: number; sha256: string; existed: boolean; eightBit: boolean; utf8Header: boolean }
  | { ok: false; cause: 'storage' | 'too-large' | 'header-too-large'; reply: Reply; error?: unknown };

/** The bytes of one message on their way to the store. */
export interface Contents {
  write(chunk: Buffer): Promise<void> | undefined;
  finish(): Promise<ContentsResult>;
  abort(): Promise<void>;
}

/**
 * Collects a small message and stores it in one call; a larger one streams, so that a message of 50 MB is never in memory.
 * After a failure or past a limit the bytes are dropped at once; `finish` tells which it was.
 */
export function openContents({ store, key, first, filter, limits, collectBytes }: ContentsOptions): Contents {
  let parts: Buffer[] = [first];
  let collected = first.length;
  let writer: ContentWriter | undefined;
  let failure: (ContentsResult & { ok: false }) | undefined;
  let received = 0;
  let headerSeen = 0;
  let eightBit = false;
  let waiting: Promise<void> | undefined; // until the store wants more; never rejects

  function fail(failed: ContentsResult & { ok: false }): void {
    failure ??= failed;
    parts = [];
    void drop();
  }

  async function drop(): Promise<void> {
    const open = writer;
    writer = undefined;
    parts = [];
    // The store could not take the bytes back: it removes what is abandoned by itself.
    await open?.abort().catch(() => {});
  }

  function storageFailed(error: unknown): void {
    fail({ ok: false, cause: 'storage', reply: replies.storageFailed, error });
  }

  function keep(bytes: Buffer): void {
    if (failure !== undefined) return;
    if (writer !== undefined) return stream(writer, bytes);
    parts.push(bytes);
    collected += bytes.length;
    if (collected <= collectBytes) return;
    try {
      writer = store.writer(key);
    } catch (error) {
      return storageFailed(error);
    }
    for (const part of parts) stream(writer, part);
    parts = [];
  }

  function stream(to: ContentWriter, bytes: Buffer): void {
    if (failure !== undefined) return;
    try {
      const wait = to.write(bytes)?.catch(storageFailed);
      if (wait === undefined) return;
      const all = waiting === undefined ? wait : Promise.all([waiting, wait]).then(() => {});
      waiting = all;
      void all.then(() => {
        if (waiting === all) waiting = undefined;
      });
    } catch (error) {
      storageFailed(error);
    }
  }

  return {
    write(chunk) {
      if (failure !== undefined) return undefined;
      received += chunk.length;
      if (received > limits.messageBytes) {
        fail({ ok: false, cause: 'too-large', reply: replies.tooLarge });
        return undefined;
      }
      eightBit ||= !isAscii(chunk);
      if (filter.ended) {
        keep(chunk);
      } else {
        filter.push(chunk, keep);
        headerSeen += chunk.length;
        if (!filter.ended && headerSeen > limits.headerBytes) {
          fail({ ok: false, cause: 'header-too-large', reply: replies.headerTooLarge });
        }
      }
      return waiting;
    },

    async finish() {
      if (!filter.ended) filter.end(keep);
      await waiting; // what it has not taken yet may still fail
      if (failure !== undefined) return failure;
      try {
        const stored: Stored = writer === undefined ? await store.put(key, parts) : await writer.commit();
        return { ok: true, ...stored, eightBit, utf8Header: filter.eightBit };
      } catch (error) {
        writer = undefined;
        fail({ ok: false, cause: 'storage', reply: replies.storageFailed, error });
        return { ok: false, cause: 'storage', reply: replies.storageFailed, error };
      } finally {
        parts = [];
      }
    },

    abort: drop,
  };
}
