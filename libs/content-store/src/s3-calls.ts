import { HeadBucketCommand, S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { ContentStoreError } from './port.ts';
import type { S3Location } from './s3-location.ts';

/** Calls to one bucket. Every failure is a ContentStoreError, or one of the answers below that the caller can do something with. */
export interface S3Calls {
  /**
   * @param what said before the reason of a failure.
   * @throws S3Refusal for an answer of the server that decides something; else ContentStoreError `unavailable`, after bounded retries.
   */
  call<Answer>(what: string, action: (client: S3Client, signal: AbortSignal) => Promise<Answer>, limitMs?: number): Promise<Answer>;
  /** The server says that an object is not there: believed when the bucket itself is. @throws ContentStoreError, always. */
  missing(what: string): Promise<never>;
  close(): void;
}

/** A complete answer of the server that is no failure of it. */
export class S3Refusal extends Error {
  override readonly name = 'S3Refusal';
  readonly kind: 'missing' | 'exists' | 'conflict' | 'no-range' | 'no-upload' | 'unsupported';
  /** Requests it took: with more than one, an earlier one may have done the work and its answer was lost. */
  readonly attempts: number;
  constructor(kind: S3Refusal['kind'], attempts: number, cause: unknown) {
    super(kind, { cause });
    this.kind = kind;
    this.attempts = attempts;
  }
}

export interface S3Credentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/** A call with all its attempts; what moves a whole part or object gets more. */
export const callLimitMs = 15_000;
export const longCallLimitMs = 60_000;
const maxAttempts = 3;

export function s3Calls(location: S3Location, options: { credentials?: S3Credentials | undefined; limitMs?: number | undefined }): S3Calls {
  const { limitMs: usualMs = callLimitMs } = options;
  const settings: S3ClientConfig = {
    forcePathStyle: location.pathStyle,
    maxAttempts,
    // Checksums are said explicitly, as SHA-256; the SDK's own are sent in a form that servers other than AWS may not read.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: 3_000,
      httpAgent: { keepAlive: true, maxSockets: 128 },
      httpsAgent: { keepAlive: true, maxSockets: 128 },
    },
    logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} }, // it would write to the console; failures are told by throwing
    ...(location.region === undefined ? {} : { region: location.region }),
    ...(location.endpoint === undefined ? {} : { endpoint: location.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
  };
  const client = new S3Client(settings);

  const call: S3Calls['call'] = async (what, action, limitMs = usualMs) => {
    // Only up to the answer: a body that is streamed may take as long as its reader does.
    const limit = new AbortController();
    const { signal } = limit;
    const timer = setTimeout(() => limit.abort(), limitMs);
    try {
      return await action(client, signal);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal !== undefined) throw refusal;
      const reason = signal.aborted ? `no answer within ${limitMs} ms` : nameOf(error);
      throw new ContentStoreError('unavailable', `${what}: ${reason}`, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    call,
    async missing(what) {
      try {
        await call(what, (s3, abortSignal) => s3.send(new HeadBucketCommand({ Bucket: location.bucket }), { abortSignal }));
      } catch (error) {
        if (!(error instanceof S3Refusal)) throw error;
        throw new ContentStoreError('unavailable', `${what}: the bucket is not there`, { cause: error });
      }
      throw new ContentStoreError('missing', 'no such body');
    },
    close: () => client.destroy(),
  };
}

function refusalOf(error: unknown): S3Refusal | undefined {
  const { name, status, attempts } = answerOf(error);
  const kind = refusals[name] ?? byStatus(name, status);
  return kind === undefined ? undefined : new S3Refusal(kind, attempts, error);
}

const refusals: Readonly<Record<string, S3Refusal['kind']>> = {
  NoSuchKey: 'missing',
  NotFound: 'missing', // HEAD has no body that could say more
  PreconditionFailed: 'exists',
  ConditionalRequestConflict: 'conflict',
  InvalidRange: 'no-range',
  NoSuchUpload: 'no-upload',
  NotImplemented: 'unsupported',
  MethodNotAllowed: 'unsupported',
};

/** Answers without a code, from servers and proxies that say only the number. */
function byStatus(name: string, status: number): S3Refusal['kind'] | undefined {
  if (name.startsWith('NoSuch')) return undefined; // a bucket, an upload: something else than the object
  if (status === 404) return 'missing';
  if (status === 412) return 'exists';
  if (status === 416) return 'no-range';
  return status === 501 ? 'unsupported' : undefined;
}

function answerOf(error: unknown): { name: string; status: number; attempts: number } {
  const name = error instanceof Error ? error.name : '';
  const metadata = typeof error === 'object' && error !== null && '$metadata' in error ? error.$metadata : undefined;
  const number = (key: string): number => {
    const value: unknown = typeof metadata === 'object' && metadata !== null ? Reflect.get(metadata, key) : undefined;
    return typeof value === 'number' ? value : 0;
  };
  return { name, status: number('httpStatusCode'), attempts: number('attempts') };
}

/** The system's or the server's word, never its text: that may hold names of objects and hosts. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name !== 'Error') return error.name.slice(0, 60);
  return /\bE[A-Z]{3,15}\b/.exec(error.message)?.[0] ?? 'unknown'; // the SDK wraps the system's errors, and loses their code
}
