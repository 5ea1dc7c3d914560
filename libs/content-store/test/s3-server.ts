import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

export interface S3Server {
  readonly port: number;
  readonly endpoint: string;
  readonly bucket: string;
  readonly credentials: { accessKeyId: string; secretAccessKey: string };
  readonly directory: string;
  readonly close: () => Promise<void>;
}

/**
 * A private S3 server, s3rver on loopback, for tests and measurements.
 *
 * @param conditional it minds `If-None-Match: *`, as AWS, MinIO, Ceph and others do. s3rver itself ignores it.
 */
export async function startS3Server({ conditional }: { conditional: boolean }): Promise<S3Server> {
  const directory = await mkdtemp(path.join(tmpdir(), 'mailrail-s3-'));
  const bucket = 'mail';
  const child = spawn(
    process.execPath,
    [path.join(import.meta.dirname, 's3-server-process.ts'), directory, bucket, conditional ? 'conditional' : 'plain'],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const ended = once(child, 'exit');
  const [line]: unknown[] = await Promise.race([
    once(child.stdout, 'data'),
    ended.then(([code]) => {
      throw new Error(`the S3 server ended with ${String(code)}`);
    }),
  ]);
  const port = Number(String(line).trim());
  return {
    port,
    endpoint: `http://127.0.0.1:${port}`,
    bucket,
    credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' },
    directory,
    async close() {
      child.stdin.end();
      await ended;
      await rm(directory, { recursive: true, force: true });
    },
  };
}
