import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
} from '@aws-sdk/client-s3';
import { timeOfHourFolder, timeOfRef } from './layout.ts';
import { ContentStoreError } from './port.ts';
import { type S3Calls, S3Refusal } from './s3-calls.ts';
import type { S3Keys } from './s3-keys.ts';
import type { S3Location } from './s3-location.ts';
import { asStoreError } from './s3-put.ts';

interface Sweep {
  calls: S3Calls;
  location: S3Location;
  keys: S3Keys;
  now: () => number;
  /** When a body counts as written; what the server says. */
  writtenAt: (ref: string, lastModified: number) => number;
  uploadMaxAgeMs: number; // an unfinished upload of this age is nobody's any more
  maxObjects: number; // looked at in one call
}

const sweeping = 'sweeping';
const pageSize = 1_000; // the most that S3 lists, and deletes, in one request

/**
 * Removes what is older than a point in time by listing, oldest identities first. A call that has done its share stops where it is, and
 * the next one goes on from there. Only `bodies/` is looked into.
 *
 * @returns the call: milliseconds since the epoch, resolves to bodies removed.
 */
export function s3Sweep({ calls, location: { bucket }, keys, now, writtenAt, uploadMaxAgeMs, maxObjects }: Sweep) {
  const withoutTime = `${keys.bodies}derived/`;
  let after: string | undefined; // where the walk is; undefined: at its beginning
  let running: Promise<unknown> = Promise.resolve();

  const share = async (limit: number): Promise<number> => {
    if (after === undefined) await removeUploads();
    let removed = 0;
    for (let looked = 0; looked < maxObjects; ) {
      const page = await list();
      const objects = (page.Contents ?? []).flatMap(({ Key, LastModified }) => (Key === undefined ? [] : [{ Key, LastModified }]));
      looked += Math.max(1, objects.length);
      const young = objects.findIndex(({ Key }) => Key < withoutTime && beginsAt(Key) >= limit);
      const some = young < 0 ? objects : objects.slice(0, young);
      removed += await remove(some.filter(({ Key, LastModified }) => isOld(Key, LastModified, limit)).map(({ Key }) => Key));
      const last = objects.at(-1)?.Key;
      if (young >= 0)
        after = withoutTime; // identities after this one are younger still
      else if (page.IsTruncated === true && last !== undefined) after = last;
      else {
        after = undefined;
        break;
      }
    }
    return removed;
  };

  const list = (): Promise<ListObjectsV2CommandOutput> =>
    calls.call(sweeping, (s3, abortSignal) =>
      s3.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: keys.bodies,
          MaxKeys: pageSize,
          ...(after === undefined ? {} : { StartAfter: after }),
        }),
        { abortSignal },
      ),
    );
  /** When the hour of an identity begins. */
  const beginsAt = (key: string): number => timeOfHourFolder(key.slice(keys.bodies.length).split('/', 1)[0] ?? '') ?? 0;
  const isOld = (key: string, lastModified: Date | undefined, limit: number): boolean => {
    const ref = key.slice(key.lastIndexOf('/') + 1);
    if (lastModified === undefined) return false;
    return (timeOfRef(ref) ?? 0) < limit && writtenAt(ref, lastModified.getTime()) < limit;
  };
  const remove = async (names: readonly string[]): Promise<number> => {
    if (names.length === 0) return 0;
    const { Errors = [] } = await calls.call(sweeping, (s3, abortSignal) =>
      s3.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Quiet: true, Objects: names.map((Key) => ({ Key })) } }), {
        abortSignal,
      }),
    );
    if (Errors.length === 0) return names.length;
    throw new ContentStoreError('unavailable', `${sweeping}: ${Errors[0]?.Code ?? 'refused'} for ${Errors.length} of ${names.length}`);
  };
  const removeUploads = async (): Promise<void> => {
    try {
      const { Uploads = [] } = await calls.call(sweeping, (s3, abortSignal) =>
        s3.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: keys.bodies, MaxUploads: pageSize }), { abortSignal }),
      );
      for (const { Key, UploadId, Initiated } of Uploads) {
        if (Key === undefined || UploadId === undefined || (Initiated?.getTime() ?? Number.POSITIVE_INFINITY) > now() - uploadMaxAgeMs)
          continue;
        await calls
          .call(sweeping, (s3, abortSignal) => s3.send(new AbortMultipartUploadCommand({ Bucket: bucket, Key, UploadId }), { abortSignal }))
          .catch(toleratingMissing);
      }
    } catch (error) {
      // A server that does not list them removes them by itself, or keeps them: no reason to keep bodies.
      if (!(error instanceof S3Refusal)) throw error;
    }
  };

  return (olderThan: number): Promise<number> => {
    const mine = running.then(async () => {
      try {
        return await share(olderThan);
      } catch (error) {
        after = undefined; // begins anew; what was removed is removed
        throw asStoreError(error);
      }
    });
    running = mine.catch(() => {});
    return mine;
  };
}

function toleratingMissing(error: unknown): void {
  if (!(error instanceof S3Refusal)) throw error;
}
