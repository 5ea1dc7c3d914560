import { type HeadObjectCommandOutput, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { hash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { keyLocks } from './key-locks.ts';
import { ContentStoreError, type Stored } from './port.ts';
import { type S3Calls, S3Refusal } from './s3-calls.ts';
import type { S3Keys } from './s3-keys.ts';
import type { S3Location } from './s3-location.ts';

/** What became of a conditional write: the object is ours, or somebody's was there first. */
export type Written = 'ours' | { kind: 'exists'; attempts: number };

/** Writing of whole objects, each once (R5). Every failure is a ContentStoreError. */
export interface S3Put {
  put(ref: string, bytes: Uint8Array): Promise<Stored>;
  /**
   * Does the last step of a write under a key, if the key is free.
   *
   * @param write is given the header that the server is to be sent, and may be called again.
   * @param ours the figures of what is written.
   */
  once(
    ref: string,
    write: (ifNoneMatch: '*' | undefined) => Promise<unknown>,
    ours: { sizeBytes: number; sha256: string },
  ): Promise<Stored>;
}

const maxTries = 4;
const conflictMs = 50;

/**
 * With a server that knows conditional writes, `If-None-Match: *` decides who was first. One that does not is found out by a small
 * object; there we look first and write then, one at a time for each key in this process. Two processes that put one key in the same
 * moment are then both told that they were first, which does no harm as long as both have the same bytes: a repeat has (R5).
 *
 * @param digest reads the bytes of a body anew, for one that was stored without its digest.
 */
export function s3Put(
  calls: S3Calls,
  { bucket }: S3Location,
  keys: S3Keys,
  digest: (ref: string) => Promise<{ sizeBytes: number; sha256: string }>,
): S3Put {
  const locks = keyLocks();
  let asked: Promise<boolean> | undefined;

  const put = (key: string, bytes: Uint8Array, more: { sha256?: string; ifNoneMatch?: '*' | undefined }) =>
    calls.call('storing a body', (s3, abortSignal) =>
      s3.send(
        new PutObjectCommand({
          Bucket: bucket,
          Key: key,
          Body: bytes,
          ContentLength: bytes.length,
          ContentType: 'message/rfc822',
          ...(more.ifNoneMatch === undefined ? {} : { IfNoneMatch: more.ifNoneMatch }),
          ...(more.sha256 === undefined
            ? {}
            : { Metadata: { sha256: more.sha256 }, ChecksumSHA256: Buffer.from(more.sha256, 'hex').toString('base64') }),
        }),
        { abortSignal },
      ),
    );

  const isTaken = async (): Promise<'taken' | 'written' | 'unsupported'> => {
    try {
      await put(keys.conditional, Buffer.from('-\n'), { ifNoneMatch: '*' });
      return 'written';
    } catch (error) {
      if (!(error instanceof S3Refusal)) throw error;
      if (error.kind === 'exists' || error.kind === 'conflict') return 'taken';
      if (error.kind === 'unsupported') return 'unsupported';
      throw noSense(error);
    }
  };
  /** Whether the server minds the condition: at the second write of one key at the latest it must. */
  const ask = async (): Promise<boolean> => {
    const first = await isTaken();
    return first === 'written' ? (await isTaken()) === 'taken' : first === 'taken';
  };
  const conditional = (): Promise<boolean> => {
    asked ??= ask().catch((error: unknown) => {
      asked = undefined;
      throw error;
    });
    return asked;
  };

  const head = async (key: string): Promise<HeadObjectCommandOutput | undefined> => {
    try {
      return await calls.call('looking for a body', (s3, abortSignal) =>
        s3.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal }),
      );
    } catch (error) {
      if (error instanceof S3Refusal && error.kind === 'missing') return undefined;
      throw asStoreError(error);
    }
  };
  /** The figures of the body that was there first; undefined when it is gone again. */
  const theirs = async (ref: string): Promise<{ sizeBytes: number; sha256: string } | undefined> => {
    const found = await head(keys.body(ref));
    if (found === undefined) return undefined;
    const sha256 = found.Metadata?.['sha256'];
    if (sha256 !== undefined && /^[0-9a-f]{64}$/.test(sha256) && found.ContentLength !== undefined)
      return { sizeBytes: found.ContentLength, sha256 };
    return digest(ref); // it was streamed, and its digest not known when its metadata were written
  };

  const once: S3Put['once'] = async (ref, write, ours) => {
    if (!(await conditional())) {
      return locks(ref, async () => {
        const before = await theirs(ref);
        if (before !== undefined) return { ref, ...before, existed: true };
        await write(undefined).catch((error: unknown) => {
          throw asStoreError(error);
        });
        return { ref, ...ours, existed: false };
      });
    }
    for (let tries = 1; tries <= maxTries; tries += 1) {
      try {
        await write('*');
        return { ref, ...ours, existed: false };
      } catch (error) {
        if (!(error instanceof S3Refusal)) throw error;
        if (error.kind === 'exists') {
          const before = await theirs(ref);
          // Of several attempts an earlier one may have been taken and its answer lost: then these are our own bytes.
          if (before !== undefined) return { ref, ...before, existed: !(error.attempts > 1 && before.sha256 === ours.sha256) };
        } else if (error.kind !== 'conflict') throw noSense(error);
        await pause(conflictMs * tries * Math.random()); // somebody else's write or removal is under way
      }
    }
    throw new ContentStoreError('unavailable', 'storing a body: others write the same one again and again');
  };

  return {
    once,
    put(ref, bytes) {
      const ours = { sizeBytes: bytes.length, sha256: hash('sha256', bytes, 'hex') };
      const key = keys.body(ref);
      return once(ref, (ifNoneMatch) => put(key, bytes, { sha256: ours.sha256, ifNoneMatch }), ours);
    },
  };
}

/** An answer that does not fit what was asked. */
export function noSense(error: S3Refusal): ContentStoreError {
  return new ContentStoreError('unavailable', `the S3 server answered out of place: ${error.kind}`, { cause: error });
}

export function asStoreError(error: unknown): unknown {
  return error instanceof S3Refusal ? noSense(error) : error;
}
