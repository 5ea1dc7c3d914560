// Makes the bucket of a store where there is none: node make-bucket.ts 's3://bucket/prefix?endpoint=...'. Credentials as for the store,
// with the right to make buckets, which no service needs. On AWS make it by hand: it has more to be said about.
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { parseS3Location } from './s3-location.ts';

const text = (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));
try {
  const { bucket, endpoint, region, pathStyle } = parseS3Location(process.argv[2] ?? '');
  const s3 = new S3Client({
    forcePathStyle: pathStyle,
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  const isThere = await s3.send(new HeadBucketCommand({ Bucket: bucket }), { abortSignal: AbortSignal.timeout(15_000) }).then(
    () => true,
    () => false,
  );
  if (!isThere) await s3.send(new CreateBucketCommand({ Bucket: bucket }), { abortSignal: AbortSignal.timeout(15_000) });
  process.stdout.write(`bucket ${bucket} ${isThere ? 'is there' : 'is made'}\n`);
} catch (error) {
  process.stderr.write(`${text(error)}\n`);
  process.exitCode = error instanceof TypeError ? 64 : 1;
}
