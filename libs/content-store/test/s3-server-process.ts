// An S3 server on loopback (s3rver), as a process of its own: argument 1 is its folder, 2 a bucket, 3 `conditional` or `plain`.
// It prints its port and ends with its standard input.
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';

interface S3rver {
  callback(): (request: IncomingMessage, response: ServerResponse) => void;
  configureBuckets(): Promise<unknown>;
  store: { existsObject(bucket: string, key: string): Promise<boolean> };
}
// The package has no types.
const Server = createRequire(import.meta.url)('@20minutes/s3rver') as new (options: object) => S3rver;

const [, , directory = '', bucket = '', conditional = 'plain'] = process.argv;
const server = new Server({
  directory,
  silent: true,
  // It forgets the last slash of `/bucket/` when it checks a signature. The name of the key is checked all the same.
  allowMismatchedSignatures: true,
  configureBuckets: [{ name: bucket, configs: [] }],
});
await server.configureBuckets();
const handle = server.callback();

const busy = new Map<string, Promise<void>>();
const answered = (response: ServerResponse) => new Promise<void>((resolve) => response.once('close', resolve));

/** What s3rver lacks: `If-None-Match: *` for writes. One write of a key at a time, refused when the object is there. */
async function handleConditional(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const object = decodeURIComponent(new URL(request.url ?? '/', 'http://s3').pathname);
  const before = busy.get(object);
  const mine = answered(response);
  busy.set(object, mine);
  await before;
  const [, name = '', ...key] = object.split('/');
  if (await server.store.existsObject(name, key.join('/'))) {
    request.resume();
    response.writeHead(412, { 'content-type': 'application/xml' });
    response.end('<?xml version="1.0"?><Error><Code>PreconditionFailed</Code><Message>it is there</Message></Error>');
  } else handle(request, response);
  await mine;
  if (busy.get(object) === mine) busy.delete(object);
}

const uploads = path.join(directory, bucket, '._S3rver_uploads');

/** What it lacks as well: giving up an upload, and listing those that are under way. */
async function handleUploads(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  const { searchParams } = new URL(request.url ?? '/', 'http://s3');
  const id = searchParams.get('uploadId') ?? '';
  if (request.method === 'DELETE' && /^[0-9a-f]{32}$/.test(id)) {
    const there = await stat(path.join(uploads, id)).catch(() => undefined);
    await rm(path.join(uploads, id), { recursive: true, force: true });
    if (there === undefined) response.writeHead(404, { 'content-type': 'application/xml' }).end('<Error><Code>NoSuchUpload</Code></Error>');
    else response.writeHead(204).end();
    return true;
  }
  if (request.method !== 'GET' || !searchParams.has('uploads')) return false;
  const listed = await Promise.all(
    (await readdir(uploads).catch(() => [])).map(async (one) => {
      const [key, { mtime }] = await Promise.all([readFile(path.join(uploads, one, 'key'), 'utf8'), stat(path.join(uploads, one))]);
      if (!key.startsWith(searchParams.get('prefix') ?? '')) return '';
      return `<Upload><Key>${key}</Key><UploadId>${one}</UploadId><Initiated>${mtime.toISOString()}</Initiated></Upload>`;
    }),
  );
  response.writeHead(200, { 'content-type': 'application/xml' });
  response.end(
    `<?xml version="1.0"?><ListMultipartUploadsResult><Bucket>${bucket}</Bucket>${listed.join('')}</ListMultipartUploadsResult>`,
  );
  return true;
}

async function handleAny(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (await handleUploads(request, response)) return;
  const writes = request.method === 'PUT' || request.method === 'POST';
  if (conditional === 'conditional' && writes && request.headers['if-none-match'] === '*') await handleConditional(request, response);
  else handle(request, response);
}

const http = createServer((request, response) => {
  handleAny(request, response).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    response.destroy();
  });
});
http.listen(0, '127.0.0.1', () => {
  const address = http.address();
  process.stdout.write(`${address !== null && typeof address === 'object' ? address.port : 0}\n`);
});
process.stdin.resume();
process.stdin.once('end', () => process.exit(0));
