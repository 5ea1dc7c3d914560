import type { S3Location } from './s3-location.ts';

/** What `aws s3api put-bucket-lifecycle-configuration --lifecycle-configuration` takes. */
export interface LifecycleConfiguration {
  Rules: {
    ID: string;
    Status: 'Enabled';
    Filter: { Prefix: string };
    Expiration?: { Days: number };
    AbortIncompleteMultipartUpload?: { DaysAfterInitiation: number };
  }[];
}

/**
 * The lifecycle rule of a bucket: bodies go by age, uploads that nobody finished after a day, and `held/` is not touched.
 *
 * A rule cannot see whether the line moves (R13), so it must be generous: by default a week more than the retention, for a line that
 * stands still over a long weekend must keep its bodies.
 *
 * @param retentionDays how long a body may be needed: a mail's lifetime plus a day. @throws RangeError below 1.
 */
export function s3Lifecycle({ prefix }: Pick<S3Location, 'prefix'>, retentionDays: number, graceDays = 7): LifecycleConfiguration {
  if (!(retentionDays >= 1) || !(graceDays >= 0)) throw new RangeError('a retention of at least a day is needed');
  return {
    Rules: [
      {
        ID: 'mailrail-bodies',
        Status: 'Enabled',
        Filter: { Prefix: `${prefix}bodies/` },
        Expiration: { Days: Math.ceil(retentionDays + graceDays) },
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      },
    ],
  };
}
