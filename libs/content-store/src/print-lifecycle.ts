// Prints the lifecycle configuration of a bucket: node print-lifecycle.ts s3://bucket/prefix RETENTION_DAYS [GRACE_DAYS]
import { s3Lifecycle } from './s3-lifecycle.ts';
import { parseS3Location } from './s3-location.ts';

const [, , place = '', retention = '', grace = '7'] = process.argv;
try {
  process.stdout.write(`${JSON.stringify(s3Lifecycle(parseS3Location(place), Number(retention), Number(grace)), undefined, 2)}\n`);
} catch (error) {
  process.stderr.write(
    `${error instanceof Error ? error.message : String(error)}\nusage: print-lifecycle.ts s3://bucket/prefix RETENTION_DAYS [GRACE_DAYS]\n`,
  );
  process.exitCode = 64;
}
