import { isAscii } from 'node:buffer';
import type { ContentStore, ContentWriter, Stored } from '@mailrail/content-store';
import { type ByteGate, byteGate } from '@mailrail/foreign';
import { type Reply, replies } from '@mailrail/smtp';
import { bytesStreamed, type FirstLines, type HeaderFilter } from '@mailrail/mail';
import type { ContentCheck } from './content-check.ts';

export interface ContentsOptions {
  store: Pick<ContentStore, 'put' | 'writer' | 'read'>;
  key: { rootId: string; form: string };
  fresh: boolean; // the identity was made here and now, and nobody knows of it yet
  first: FirstLines; // our own fields, before everything
  /** Sees the bytes as they are stored; what it says at the end stands above our `Received`. */
  check?: ContentCheck;
  filter: HeaderFilter;
  limits: { messageBytes: number; headerBytes: number };
  collectBytes: number;
  together: Together;
}

/** What the messages of one acceptor share, so that many at once do not cost many times what one may. */
export interface Together {
  /** Bytes collected by all of them. */
  collectedBytes: number;
  /** Through which large messages move behind their first lines. */
  moves: ByteGate;
}

/** With so much collected in all, each message collects `fewBytes` only: some 50 at a time never come to that. */
const mostTogetherBytes = 12_582_912;
const fewBytes = 65_536;
/** One that moves holds a piece that was read and what the store has not written yet. More at once are no faster on a disk. */
const moveBytes = 524_288;
const mostMovingBytes = 4 * moveBytes;

export function together(): Together {
  return { collectedBytes: 0, moves: byteGate(mostMovingBytes) };
}

export type ContentsResult =
  | { ok: true; ref: string; sizeBytes: number; sha256: string; existed: boolean; eightBit: boolean; utf8Header: boolean }
  | { ok: false; cause: 'storage' | 'too-large' | 'header-too-large' | 'policy'; reply: Reply; error?: unknown };

/** The bytes of one message on their way to the store. */
export interface Contents {
  write(chunk: Buffer): Promise<void> | undefined;
  finish(): Promise<ContentsResult>;
  abort(): Promise<void>;
}

/** Pieces of this size are kept as they are. */
const largeBytes = 512;
const mostPieces = 128;

/**
 * Collects a small message and stores it in one call; a larger one streams, so that a message of 50 MB is never in memory.
 * After a failure or past a limit the bytes are dropped at once; `finish` tells which it was.
 */
export function openContents({ store, key, fresh, first, check, filter, limits, collectBytes, together }: ContentsOptions): Contents {
  // What is checked gets its first lines at the end: a result stands among them.
  let parts: Buffer[] = check === undefined ? [first.bytes] : [];
  let collected = first.bytes.length;
  let counted = 0; // of it in what is collected together
  let small: Buffer[] = []; // what came in pieces too small to be kept as they are
  let smallTotal = 0;
  let writer: ContentWriter | undefined;
  let failure: (ContentsResult & { ok: false }) | undefined;
  let received = 0;
  let headerSeen = 0;
  let eightBit = false;
  let waiting: Promise<void> | undefined; // until the store wants more; never rejects

  function fail(failed: ContentsResult & { ok: false }): void {
    failure ??= failed;
    check?.abort();
    void drop();
  }

  async function drop(): Promise<void> {
    const open = writer;
    writer = undefined;
    letGo();
    small = [];
    // The store could not take the bytes back: it removes what is abandoned by itself.
    await open?.abort().catch(() => {});
  }

  function letGo(): void {
    parts = [];
    together.collectedBytes -= counted;
    counted = 0;
  }

  function storageFailed(error: unknown): void {
    fail({ ok: false, cause: 'storage', reply: replies.storageFailed, error });
  }

  function keep(bytes: Buffer): void {
    if (failure !== undefined) return;
    if (bytes.length >= largeBytes && small.length === 0) return pass(bytes);
    small.push(bytes);
    smallTotal += bytes.length;
    return smallTotal >= largeBytes || small.length === mostPieces ? passSmall() : undefined;
  }

  /** A client may send byte by byte, and each piece costs some hundred bytes beside its own. */
  function passSmall(): void {
    const bytes = small.length === 1 ? small[0] : Buffer.concat(small);
    small = [];
    smallTotal = 0;
    if (bytes !== undefined) pass(bytes);
  }

  function pass(bytes: Buffer): void {
    if (check !== undefined) wait(check.write(bytes));
    if (writer !== undefined) return stream(writer, bytes);
    parts.push(bytes);
    collected += bytes.length;
    counted += bytes.length;
    together.collectedBytes += bytes.length;
    if (collected <= collectBytes && (collected <= fewBytes || together.collectedBytes <= mostTogetherBytes)) return;
    try {
      writer = store.writer(check === undefined ? key : { ...key, form: `${key.form}.unchecked` });
    } catch (error) {
      return storageFailed(error);
    }
    for (const part of parts) stream(writer, part);
    letGo();
  }

  function stream(to: ContentWriter, bytes: Buffer): void {
    if (failure !== undefined) return;
    bytesStreamed(bytes.length);
    try {
      wait(to.write(bytes)?.catch(storageFailed));
    } catch (error) {
      storageFailed(error);
    }
  }

  function wait(one: Promise<void> | undefined): void {
    if (one === undefined) return;
    const all = waiting === undefined ? one : Promise.all([waiting, one]).then(() => {});
    waiting = all;
    void all.then(() => {
      if (waiting === all) waiting = undefined;
    });
  }

  /** What stands before the bytes. @returns undefined when the check refuses them; then that is told as a failure. */
  async function checkedFirst(looked: ContentCheck): Promise<Buffer | undefined> {
    const checked = await looked.finish();
    if (checked.refusal !== undefined) {
      fail({ ok: false, cause: 'policy', reply: checked.refusal });
      return undefined;
    }
    return Buffer.concat([first.bytes.subarray(0, first.relayOffset), checked.fields, first.bytes.subarray(first.relayOffset)]);
  }

  function keepBehind(lines: Buffer): Promise<Stored> {
    if (writer === undefined) return store.put(key, check === undefined ? parts : [lines, ...parts], { fresh });
    return check === undefined ? writer.commit() : moveBehind(lines, writer);
  }

  /** A large message that was checked: its bytes move behind its first lines, piece by piece. */
  async function moveBehind(lines: Buffer, unchecked: ContentWriter): Promise<Stored> {
    const leave = await together.moves.enter(moveBytes);
    let to: ContentWriter | undefined;
    try {
      to = store.writer(key);
      await to.write(lines);
      const bytes: AsyncIterable<Uint8Array> = unchecked.readBack?.() ?? store.read((await unchecked.commit()).ref);
      for await (const chunk of bytes) {
        bytesStreamed(chunk.length);
        await to.write(chunk);
      }
      return await to.commit();
    } catch (error) {
      await to?.abort().catch(() => {});
      throw error;
    } finally {
      await unchecked.abort().catch(() => {});
      leave();
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
      if (failure === undefined && small.length > 0) passSmall();
      await waiting; // what it has not taken yet may still fail
      if (failure !== undefined) return failure;
      try {
        const lines = check === undefined ? first.bytes : await checkedFirst(check);
        if (lines === undefined) return failure ?? { ok: false, cause: 'storage', reply: replies.localError };
        const stored = await keepBehind(lines);
        return { ok: true, ...stored, eightBit, utf8Header: filter.eightBit };
      } catch (error) {
        writer = undefined;
        fail({ ok: false, cause: 'storage', reply: replies.storageFailed, error });
        return { ok: false, cause: 'storage', reply: replies.storageFailed, error };
      } finally {
        letGo();
      }
    },

    async abort() {
      check?.abort();
      failure ??= { ok: false, cause: 'storage', reply: replies.localError }; // what still comes is dropped
      await drop();
    },
  };
}
