import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { parseS3Location } from '../src/index.ts';
import { s3ContentStore } from '../src/s3-content-store.ts';
import { idAt } from './content-store-suite.ts';
import { type S3Server, startS3Server } from './s3-server.ts';

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server({ conditional: true });
});
afterAll(() => server.close());

const command = path.join(import.meta.dirname, '..', 'src', 'make-bucket.ts');
function makeBucket(place: string) {
  const { accessKeyId, secretAccessKey } = server.credentials;
  const env = { PATH: process.env['PATH'], AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
  return new Promise<{ code: number | null; text: string }>((resolve) => {
    const child = execFile(process.execPath, [command, place], { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, text: `${stdout}${stderr}` }),
    );
  });
}

test('it makes the bucket once, and the store works in it', async () => {
  const place = `s3://fresh/corp?endpoint=${encodeURIComponent(server.endpoint)}&sweep=list`;
  const store = s3ContentStore({ location: parseS3Location(place), credentials: server.credentials });
  const put = async () => {
    const writer = store.writer({ rootId: idAt(Date.now()), form: 'internet' });
    await writer.write(Buffer.from('a letter'));
    return (await writer.commit()).sizeBytes;
  };
  try {
    await expect(put()).rejects.toThrow();
    expect(await makeBucket(place)).toEqual({ code: 0, text: 'bucket fresh is made\n' });
    expect(await makeBucket(place)).toEqual({ code: 0, text: 'bucket fresh is there\n' });
    expect(await put()).toBe(8);
  } finally {
    store.close();
  }
});

test('it says what is wrong', async () => {
  expect(await makeBucket('mail')).toMatchObject({ code: 64, text: expect.stringContaining('s3://bucket/prefix') });
  const { code, text } = await makeBucket('s3://fresh?endpoint=http://127.0.0.1:1');
  expect({ code, refused: text.includes('ECONNREFUSED') }).toEqual({ code: 1, refused: true });
});
