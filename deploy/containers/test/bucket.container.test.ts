import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { keptMail, type Sink, smtpSink } from '@mailrail/local';
import { waitFor } from '@mailrail/testing';
import { letter, sendOne } from '../../e2e/src/smtp-sender.ts';
import { type S3Server, startS3Server } from '../../../libs/content-store/test/s3-server.ts';
import { containersOf } from '../src/containers.ts';
import { type HostBrokers, startHostBrokers } from '../src/host-brokers.ts';
import type { Images } from '../src/images.ts';
import { type ContainerLine, startLine } from '../src/line.ts';

const images: Images = JSON.parse(process.env['MAILRAIL_TEST_IMAGES'] ?? '{}');
const label = `mailrail-test-bucket-${process.pid}`;
const containers = containersOf(label);

jest.setTimeout(600_000);

let brokers: HostBrokers;
let line: ContainerLine;
let sink: Sink;
let server: S3Server;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mailrail-bucket-'));
  sink = await smtpSink({ port: 0, kept: await keptMail(folder) });
  // The image that compose names may not be had here; s3rver is a server of the same kind, on this machine's loopback.
  server = await startS3Server({ conditional: true });
  brokers = await startHostBrokers(containers, images, label);
  const { accessKeyId, secretAccessKey } = server.credentials;
  const bucket = { url: `s3://line/corp?endpoint=${server.endpoint}&sweep=list`, accessKey: accessKeyId, secretKey: secretAccessKey };
  line = await startLine({ containers, label, image: images.line, brokers, sink: `127.0.0.1:${sink.port}`, bucket });
});
afterAll(async () => {
  await containers.removeAll();
  await brokers?.close();
  await server?.close();
  await sink?.close();
  await rm(folder, { recursive: true, force: true });
});

const run = (name: string, script: string) => containers.inside(name, 'node', '-e', script);

test('with the variables of the profile s3 bodies are in the bucket, and mail goes through', async () => {
  expect(await containers.logs('s3-bucket')).toContain('bucket line is made');
  expect((await sendOne(line.smtp, { to: ['team@corp.example'], message: letter('by-bucket') })).code).toBe(250);
  expect((await sendOne(line.smtp, { to: ['bob@relay.example'], message: letter('relayed') })).code).toBe(250);
  const { globSync, readFileSync } = await import('node:fs');
  const found = `const { globSync, readFileSync } = require('node:fs');
    console.log(globSync('/var/lib/mailrail/mailboxes/*/Maildir/new/*').filter((file) => /^Message-ID: <by-bucket@/im.test(readFileSync(file, 'latin1'))).length)`;
  await waitFor(async () => (await run('store-driver-deliver', found)) === '3', { what: 'three letters in mailboxes', timeoutMs: 30_000 });
  await waitFor(
    () => globSync(path.join(folder, 'Maildir', 'new', '*')).some((file) => readFileSync(file, 'latin1').includes('<relayed@')),
    { what: 'the letter at the other server', timeoutMs: 30_000 },
  );
  // Where bodies would be without a bucket there is none.
  const bodies = `console.log(require('node:fs').globSync('/var/lib/mailrail/content/**/*', { withFileTypes: true }).filter((one) => one.isFile()).length)`;
  expect(await run('gateway', bodies)).toBe('0');
  expect(globSync('line/corp/bodies/**/*', { cwd: server.directory }).length).toBeGreaterThan(0);
});

test('only stages that need bodies know the keys', async () => {
  const knows: string[] = [];
  for (const stage of line.stages) {
    if ((await run(stage, `console.log(process.env.AWS_SECRET_ACCESS_KEY === undefined)`)) === 'false') knows.push(stage);
  }
  expect(line.stages.filter((stage) => !knows.includes(stage)).toSorted()).toEqual(['mta', 'router']);
});
