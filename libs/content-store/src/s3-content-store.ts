import { CopyObjectCommand, DeleteObjectCommand, HeadObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { placeOfKey } from './layout.ts';
import { places } from './places.ts';
import { type ContentStore, ContentStoreError } from './port.ts';
import { longCallLimitMs, type S3Credentials, s3Calls, S3Refusal } from './s3-calls.ts';
import { s3Keys } from './s3-keys.ts';
import type { S3Location } from './s3-location.ts';
import { asStoreError, s3Put } from './s3-put.ts';
import { s3Read } from './s3-read.ts';
import { s3Sweep } from './s3-sweep.ts';
import { s3Writer } from './s3-writer.ts';

export interface S3ContentStoreOptions {
  location: S3Location;
  credentials?: S3Credentials; // default: as the SDK finds them
  now?: () => number; // milliseconds since the epoch
  /** A call without its answer, retries included, is given up after this. Default 15 s; parts and copies have a minute. */
  callLimitMs?: number;
  /** Bodies over 1 MB on their way in at once, 10 MB of memory each; more wait for `largeWaitMs`. Default 8 and 30 s. */
  largeBodies?: number;
  largeWaitMs?: number;
  /** Most objects looked at in one call of `sweep`. Default 20,000, 20 requests. */
  sweepObjects?: number;
  uploadMaxAgeMs?: number; // default 1 d
  /** When a body counts as written: S3 itself lets no client choose. */
  writtenAt?: (ref: string, lastModified: number) => number;
}

export interface S3ContentStore extends ContentStore {
  /** Closes idle connections. */
  close(): void;
}

/**
 * Bodies as objects of a bucket, `<prefix>bodies/<yyyy-mm-dd>T<hh>/<mm>/<rootId>.<form>`. An answer to a write means durable, as the
 * server promises it. `sweep` removes nothing unless the location says `sweep=list`: a bucket has its lifecycle rule (`s3Lifecycle`).
 */
export function s3ContentStore({
  location,
  credentials,
  now = Date.now,
  callLimitMs,
  largeBodies = 8,
  largeWaitMs = 30_000,
  sweepObjects = 20_000,
  uploadMaxAgeMs = 86_400_000,
  writtenAt = (_, lastModified) => lastModified,
}: S3ContentStoreOptions): S3ContentStore {
  const { bucket } = location;
  const calls = s3Calls(location, { credentials, limitMs: callLimitMs });
  const keys = s3Keys(location.prefix);
  const reads = s3Read(calls, location, keys);
  const puts = s3Put(calls, location, keys, (ref) => reads.digest(ref));
  const large = places(largeBodies, largeWaitMs);
  const listed = s3Sweep({ calls, location, keys, now, writtenAt, uploadMaxAgeMs, maxObjects: sweepObjects });

  const isThere = async (Key: string): Promise<boolean> => {
    try {
      await calls.call('pinning a body', (s3, abortSignal) => s3.send(new HeadObjectCommand({ Bucket: bucket, Key }), { abortSignal }));
      return true;
    } catch (error) {
      if (error instanceof S3Refusal && error.kind === 'missing') return false;
      throw asStoreError(error);
    }
  };

  return {
    writer: (key) => s3Writer({ calls, location, keys, puts, places: large }, placeOfKey(key).ref),
    put: async (key, bytes) =>
      puts.put(placeOfKey(key).ref, bytes.length === 1 && bytes[0] !== undefined ? bytes[0] : Buffer.concat(bytes)),
    read: (ref, range = {}) => reads.stream(ref, range),
    head: async (ref, maxBytes) => reads.head(ref, maxBytes),
    size: async (ref) => reads.size(ref),
    verify: async (ref) => reads.digest(ref),
    async hold(ref) {
      const [body, held] = [keys.body(ref), keys.held(ref)];
      try {
        await calls.call(
          'pinning a body',
          (s3, abortSignal) =>
            s3.send(new CopyObjectCommand({ Bucket: bucket, Key: held, CopySource: `${bucket}/${body}` }), { abortSignal }),
          longCallLimitMs,
        );
      } catch (error) {
        if (!(error instanceof S3Refusal && error.kind === 'missing')) throw asStoreError(error);
        if (!(await isThere(held))) await calls.missing('pinning a body');
      }
    },
    async release(ref) {
      const Key = keys.held(ref);
      try {
        await calls.call('releasing a body', (s3, abortSignal) =>
          s3.send(new DeleteObjectCommand({ Bucket: bucket, Key }), { abortSignal }),
        );
      } catch (error) {
        if (!(error instanceof S3Refusal && error.kind === 'missing')) throw asStoreError(error);
      }
    },
    filePath: () => undefined,
    async sweep(olderThan) {
      return location.sweep === 'list' ? listed(olderThan) : 0;
    },
    async probe() {
      try {
        await calls.call('probing the store', (s3, abortSignal) =>
          s3.send(new PutObjectCommand({ Bucket: bucket, Key: keys.probe, Body: Buffer.from('probe\n') }), { abortSignal }),
        );
      } catch (error) {
        if (error instanceof S3Refusal && error.kind === 'missing')
          throw new ContentStoreError('unavailable', 'probing the store: the bucket is not there', { cause: error });
        throw asStoreError(error);
      }
    },
    close: () => calls.close(),
  };
}
