import { GetObjectCommand, type GetObjectCommandOutput, HeadObjectCommand } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { ContentStoreError } from './port.ts';
import { type S3Calls, S3Refusal } from './s3-calls.ts';
import type { S3Keys } from './s3-keys.ts';
import type { S3Location } from './s3-location.ts';
import { noSense } from './s3-put.ts';

/** Reading of bodies. Every failure is a ContentStoreError; a body past its time is looked for under the name it was pinned with. */
export interface S3Read {
  stream(ref: string, range: { start?: number; end?: number }): Readable;
  head(ref: string, maxBytes: number): Promise<Buffer>;
  size(ref: string): Promise<number>;
  digest(ref: string): Promise<{ sizeBytes: number; sha256: string }>;
}

const reading = 'reading a body';
/** A stream on which nothing comes for so long is dead. */
const idleMs = 20_000;

export function s3Read(calls: S3Calls, { bucket }: S3Location, keys: S3Keys): S3Read {
  /** Asks for the body, then for its pin. */
  const find = async <Answer>(ref: string, ask: (key: string) => Promise<Answer>): Promise<Answer> => {
    for (const key of [keys.body(ref), keys.held(ref)]) {
      try {
        return await ask(key);
      } catch (error) {
        if (!(error instanceof S3Refusal)) throw error;
        if (error.kind === 'no-range') throw error;
        if (error.kind !== 'missing') throw noSense(error);
      }
    }
    return calls.missing(reading);
  };
  const size = async (ref: string): Promise<number> => {
    const found = await find(ref, (key) =>
      calls.call(reading, (s3, abortSignal) => s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal })),
    );
    if (found.ContentLength === undefined) throw new ContentStoreError('unavailable', `${reading}: the server does not tell its size`);
    return found.ContentLength;
  };
  const get = (ref: string, range: string | undefined): Promise<GetObjectCommandOutput> =>
    find(ref, (key) =>
      calls.call(reading, (s3, abortSignal) =>
        s3.send(new GetObjectCommand({ Bucket: bucket, Key: key, ...(range === undefined ? {} : { Range: range }) }), { abortSignal }),
      ),
    );

  /** @param end exclusive. */
  async function* chunks(ref: string, start: number, end: number): AsyncGenerator<Buffer, void> {
    if (end <= start) {
      await size(ref); // nothing of it is wanted, but it must be there
      return;
    }
    let answer: GetObjectCommandOutput;
    try {
      answer = await get(ref, rangeHeader(start, end));
    } catch (error) {
      if (error instanceof S3Refusal) return; // what lies beyond the end is nothing
      throw error;
    }
    const body: unknown = answer.Body;
    if (!(body instanceof Readable)) throw new ContentStoreError('unavailable', `${reading}: the server sent no body`);
    // A server may give more than was asked for, or all of it.
    const first = Number(/^bytes (\d+)-/.exec(answer.ContentRange ?? '')?.[1] ?? 0);
    let skip = start - first;
    let left = end - start;
    try {
      for await (const chunk of withIdleLimit(body)) {
        const part = chunk.subarray(Math.min(skip, chunk.length), skip + left);
        skip = Math.max(0, skip - chunk.length);
        left -= part.length;
        if (part.length > 0) yield part;
        if (left === 0) return;
      }
    } finally {
      body.destroy();
    }
  }

  return {
    size,
    stream: (ref, { start = 0, end = Number.POSITIVE_INFINITY }) => Readable.from(chunks(ref, start, end), { objectMode: false }),
    async head(ref, maxBytes) {
      const parts: Buffer[] = [];
      for await (const part of chunks(ref, 0, maxBytes)) parts.push(part);
      return Buffer.concat(parts);
    },
    async digest(ref) {
      const hash = createHash('sha256');
      let sizeBytes = 0;
      for await (const part of chunks(ref, 0, Number.POSITIVE_INFINITY)) {
        hash.update(part);
        sizeBytes += part.length;
      }
      return { sizeBytes, sha256: hash.digest('hex') };
    },
  };
}

function rangeHeader(start: number, end: number): string | undefined {
  if (end === Number.POSITIVE_INFINITY) return start === 0 ? undefined : `bytes=${start}-`;
  return `bytes=${start}-${end - 1}`;
}

/** The chunks of a response. One that breaks off, stands still or is not bytes is a store that does not answer. */
async function* withIdleLimit(body: Readable): AsyncGenerator<Buffer, void> {
  const source = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      // The limit is on the server; a reader may take its time.
      const timer = setTimeout(() => body.destroy(new Error('it stands still')), idleMs);
      const next = await source.next().finally(() => clearTimeout(timer));
      if (next.done === true) return;
      const chunk: unknown = next.value;
      if (!(chunk instanceof Uint8Array)) throw new TypeError('no bytes');
      yield Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
  } catch (error) {
    throw new ContentStoreError('unavailable', `${reading}: it broke off`, { cause: error });
  }
}
