// How long a content store takes to say yes, which is what a sender waits for beside the broker's confirm:
//   node deploy/bench/src/store-latency.ts [--dir FOLDER] [--s3 s3://bucket/prefix?endpoint=...] [--mails N]
// Without --s3 it starts an S3 server of its own on loopback (s3rver, which does not flush to the disk: the floor of the protocol's cost).
import { type ContentStore, filesystemContentStore, openContentStore } from '@mailrail/content-store';
import { startS3Server } from '@mailrail/content-store/s3-server';
import { newRootId } from '@mailrail/mail';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { percentile, rounded } from './statistics.ts';
import { markdownTable } from './table.ts';

const { values } = parseArgs({ options: { dir: { type: 'string' }, s3: { type: 'string' }, mails: { type: 'string', default: '300' } } });
const mails = Number(values.mails);
if (!Number.isInteger(mails) || mails < 10 || mails > 100_000) throw new Error('--mails is a number from 10 to 100000');

const sizes = [4_096, 65_536, 1_048_576];
const windows = [1, 16];

interface Row {
  store: string;
  sizeBytes: number;
  atOnce: number;
  p50: number;
  p95: number;
  p99: number;
  perSecond: number;
}

/** Puts `count` bodies, so many at once, and times each from the call to the yes. */
async function measure(name: string, store: ContentStore, sizeBytes: number, atOnce: number, count: number): Promise<Row> {
  const times: number[] = [];
  let left = count;
  const body = Buffer.alloc(sizeBytes, 'abcdefghij klmnopqrst\r\n');
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const startedAt = performance.now();
      await store.put({ rootId: newRootId(), form: 'internet' }, [body]);
      times.push(performance.now() - startedAt);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: atOnce }, worker));
  const seconds = (performance.now() - startedAt) / 1_000;
  const at = (share: number) => rounded(percentile(times, share) ?? 0);
  return { store: name, sizeBytes, atOnce, p50: at(0.5), p95: at(0.95), p99: at(0.99), perSecond: Math.round(count / seconds) };
}

const folder = await mkdtemp(path.join(values.dir ?? tmpdir(), 'store-latency-'));
const server = values.s3 === undefined ? await startS3Server({ conditional: true }) : undefined;
try {
  if (server !== undefined) {
    process.env['AWS_ACCESS_KEY_ID'] = server.credentials.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = server.credentials.secretAccessKey;
  }
  const place = values.s3 ?? `s3://${server?.bucket ?? ''}?endpoint=${server?.endpoint ?? ''}`;
  const stores: [string, ContentStore][] = [
    ['filesystem', filesystemContentStore({ directory: folder })],
    ['s3', await openContentStore(place)],
  ];
  const rows: Row[] = [];
  for (const [name, store] of stores) {
    await measure(name, store, 1_024, 4, 20); // connections, folders and compiled code are there then
    for (const sizeBytes of sizes) {
      const count = Math.max(10, Math.round(sizeBytes > 500_000 ? mails / 6 : mails));
      for (const atOnce of windows) rows.push(await measure(name, store, sizeBytes, atOnce, count));
    }
  }
  const columns = ['store', 'size', 'at once', 'p50 ms', 'p95 ms', 'p99 ms', 'bodies/s'].map((title, at) => ({
    title,
    align: at === 0 ? ('left' as const) : ('right' as const),
  }));
  const table = rows.map((row) =>
    [row.store, `${row.sizeBytes / 1_024} KB`, row.atOnce, row.p50, row.p95, row.p99, row.perSecond].map(String),
  );
  process.stdout.write(`${markdownTable(columns, table)}\n`);
  for (const row of rows) process.stdout.write(`${JSON.stringify(row)}\n`);
} finally {
  await server?.close();
  await rm(folder, { recursive: true, force: true });
}
