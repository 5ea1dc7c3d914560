import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { createHash, hash } from 'node:crypto';
import type { Places } from './places.ts';
import { ContentStoreError, type ContentWriter } from './port.ts';
import { longCallLimitMs, type S3Calls, S3Refusal } from './s3-calls.ts';
import type { S3Keys } from './s3-keys.ts';
import type { S3Location } from './s3-location.ts';
import { asStoreError, type S3Put } from './s3-put.ts';

/** The least that S3 takes as a part that is not the last. */
export const partBytes = 5 * 1_024 * 1_024;
/** Up to this size a body is in memory in any case; past it, it takes one of few places. */
const placeAtBytes = 1_024 * 1_024;
const maxParts = 10_000;

interface Options {
  calls: S3Calls;
  location: S3Location;
  keys: S3Keys;
  puts: S3Put;
  places: Places;
}

/**
 * Takes a body piece by piece. What fits into one part is put in one go at `commit`; a larger one goes out as a multipart upload while
 * it comes in, at most two parts of it in memory. Nothing is visible before the upload is completed.
 */
export function s3Writer({ calls, location: { bucket }, keys, puts, places }: Options, ref: string): ContentWriter {
  const Key = keys.body(ref);
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let sizeBytes = 0;
  let sending: Promise<void> | undefined; // never rejects
  let placed: Promise<void> | undefined; // never rejects
  let release: (() => void) | undefined;
  let upload: { id: string; parts: CompletedPart[] } | undefined;
  const digest = createHash('sha256');
  let failure: { error: unknown } | undefined;
  let state: 'open' | 'committed' | 'aborted' = 'open';

  const take = (most: number): Buffer => {
    const all = Buffer.concat(waiting);
    const rest = all.subarray(most);
    waiting = rest.length === 0 ? [] : [rest];
    waitingBytes = rest.length;
    return all.subarray(0, most);
  };
  const fail = (error: unknown) => {
    failure ??= { error };
    take(Number.POSITIVE_INFINITY);
  };
  const leavePlace = () => {
    release?.();
    release = undefined;
  };
  const place = async (): Promise<void> => {
    const leave = await places();
    if (leave === undefined) fail(new ContentStoreError('unavailable', 'storing a body: too many large ones at once'));
    else if (state === 'aborted' || failure !== undefined) leave();
    else release = leave;
  };
  const begin = async (): Promise<{ id: string; parts: CompletedPart[] }> => {
    const answer = await calls.call('storing a large body', (s3, abortSignal) =>
      s3.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key, ContentType: 'message/rfc822', ChecksumAlgorithm: 'SHA256' }), {
        abortSignal,
      }),
    );
    if (answer.UploadId === undefined) throw new ContentStoreError('unavailable', 'storing a large body: the server began no upload');
    return { id: answer.UploadId, parts: [] };
  };
  const sendPart = async (bytes: Buffer): Promise<void> => {
    upload ??= await begin();
    const { id, parts } = upload;
    if (parts.length === maxParts) throw new ContentStoreError('invalid', 'a body of more than 10,000 parts');
    const PartNumber = parts.length + 1;
    const checksum = hash('sha256', bytes, 'base64');
    const { ETag } = await calls.call(
      'storing a part of a body',
      (s3, abortSignal) =>
        s3.send(
          new UploadPartCommand({
            Bucket: bucket,
            Key,
            UploadId: id,
            PartNumber,
            Body: bytes,
            ContentLength: bytes.length,
            ChecksumSHA256: checksum,
          }),
          { abortSignal },
        ),
      longCallLimitMs,
    );
    parts.push({ PartNumber, ChecksumSHA256: checksum, ...(ETag === undefined ? {} : { ETag }) });
  };
  const send = async (): Promise<void> => {
    try {
      await placed;
      while (waitingBytes >= partBytes && state === 'open' && failure === undefined) await sendPart(take(partBytes));
    } catch (error) {
      fail(error);
    }
    sending = undefined;
  };
  /** Takes back what the server has; it removes by its own rule what this cannot. */
  const forget = async (): Promise<void> => {
    const begun = upload;
    upload = undefined;
    if (begun === undefined) return;
    const nobody = () => {};
    await calls
      .call('giving up an upload', (s3, abortSignal) =>
        s3.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId: begun.id }), { abortSignal }),
      )
      .catch(nobody);
  };
  const complete = async ({ id, parts }: { id: string; parts: CompletedPart[] }, ifNoneMatch: '*' | undefined): Promise<void> => {
    try {
      await calls.call(
        'storing a large body',
        (s3, abortSignal) =>
          s3.send(
            new CompleteMultipartUploadCommand({
              Bucket: bucket,
              Key,
              UploadId: id,
              MultipartUpload: { Parts: parts },
              ...(ifNoneMatch === undefined ? {} : { IfNoneMatch: ifNoneMatch }),
            }),
            { abortSignal },
          ),
        longCallLimitMs,
      );
    } catch (error) {
      if (error instanceof S3Refusal && error.kind === 'no-upload' && error.attempts > 1 && (await isThere())) return;
      throw error;
    }
  };
  /** An upload is gone once it is completed: an earlier attempt, whose answer was lost, has done it. */
  const isThere = async (): Promise<boolean> => {
    const found = await calls.call('looking for a body', (s3, abortSignal) =>
      s3.send(new HeadObjectCommand({ Bucket: bucket, Key }), { abortSignal }),
    );
    return found.ContentLength === sizeBytes;
  };

  return {
    write(chunk) {
      if (state !== 'open') throw new Error('the writer is closed');
      if (failure !== undefined) return undefined; // told at commit; until then the client may go on talking
      waiting.push(chunk);
      waitingBytes += chunk.length;
      sizeBytes += chunk.length;
      digest.update(chunk);
      if (sizeBytes < placeAtBytes) return undefined;
      placed ??= place();
      if (release === undefined) return placed;
      if (waitingBytes < partBytes) return undefined;
      sending ??= send();
      return waitingBytes >= 2 * partBytes ? sending : undefined;
    },
    async commit() {
      if (state !== 'open') throw new Error('the writer is closed');
      await placed;
      await sending;
      state = 'committed';
      try {
        if (failure !== undefined) throw failure.error;
        if (upload === undefined && waitingBytes <= partBytes) return await puts.put(ref, take(Number.POSITIVE_INFINITY));
        while (waitingBytes > 0) await sendPart(take(partBytes));
        const begun = upload;
        if (begun === undefined) throw new Error('an upload that never began');
        const stored = await puts.once(ref, (ifNoneMatch) => complete(begun, ifNoneMatch), { sizeBytes, sha256: digest.digest('hex') });
        if (!stored.existed) upload = undefined;
        return stored;
      } catch (error) {
        throw asStoreError(error);
      } finally {
        leavePlace();
        await forget();
      }
    },
    async abort() {
      if (state === 'committed') return;
      state = 'aborted';
      take(Number.POSITIVE_INFINITY);
      await sending;
      leavePlace();
      await forget();
    },
  };
}
