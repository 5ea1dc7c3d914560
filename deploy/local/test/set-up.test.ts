import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';

const script = path.join(import.meta.dirname, '..', '..', '..', 'scripts', 'run.mjs');
let dir = '';
let server: Server;
let port = 0;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'mailrail-set-up-'));
  server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});
afterAll(async () => {
  server.close();
  await rm(dir, { recursive: true, force: true });
});

/** Asks where brokers would come from, with a container engine that behaves as told. */
async function brokers(engine: { info: number; inspect: number; pull: number }, env: NodeJS.ProcessEnv = {}) {
  const docker = path.join(dir, 'docker');
  await writeFile(
    docker,
    `#!/bin/sh\ncase "$1" in info) exit ${engine.info};; image) exit ${engine.inspect};; pull) echo "no route to registry" >&2; exit ${engine.pull};; esac\n`,
  );
  await chmod(docker, 0o755);
  const without = { ...process.env, AMQP_URL: '', REDIS_URL: '', MAILRAIL_INSTALL: 'never' };
  return new Promise<{ code: number; decided: Record<string, { from: string }>; stderr: string }>((resolve) => {
    const child = execFile(
      process.execPath,
      [script, 'brokers'],
      { env: { ...without, PATH: `${dir}:${process.env['PATH']}`, ...env } },
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode ?? -1, decided: stdout === '' ? {} : JSON.parse(stdout), stderr });
      },
    );
  });
}
const sources = (decided: Record<string, { from: string }>) => [decided['rabbitmq']?.from, decided['redis']?.from];

test('a URL that answers wins over everything', async () => {
  const url = { AMQP_URL: `amqp://127.0.0.1:${port}`, REDIS_URL: `redis://127.0.0.1:${port}` };
  expect(sources((await brokers({ info: 0, inspect: 0, pull: 0 }, url)).decided)).toEqual(['url', 'url']);
});

test('a URL where nothing answers stops everything, and its password is not shown', async () => {
  const { code, stderr } = await brokers({ info: 0, inspect: 0, pull: 0 }, { AMQP_URL: 'amqp://ada:secret@127.0.0.1:1' });
  expect(code).toBe(1);
  expect(stderr).toContain('AMQP_URL is amqp://127.0.0.1:1, but nothing answers there');
  expect(stderr).not.toContain('secret');
});

test('one may be given and the other found', async () => {
  const { decided } = await brokers({ info: 0, inspect: 0, pull: 0 }, { REDIS_URL: `redis://127.0.0.1:${port}` });
  expect(sources(decided)).toEqual(['container', 'url']);
});

test('a container engine that has the images, or can fetch them', async () => {
  expect(sources((await brokers({ info: 0, inspect: 0, pull: 1 })).decided)).toEqual(['container', 'container']);
  expect(sources((await brokers({ info: 0, inspect: 1, pull: 0 })).decided)).toEqual(['container', 'container']);
});

test('an engine without images is said, and the machine’s own servers are taken', async () => {
  const { decided, stderr } = await brokers({ info: 0, inspect: 1, pull: 1 });
  expect(sources(decided)).toEqual(['binary', 'binary']);
  expect(stderr).toContain('docker answers, but image rabbitmq:4-management is not there and cannot be fetched (no route to registry)');
});

test('an engine that does not answer is passed over', async () => {
  const { decided, stderr } = await brokers({ info: 1, inspect: 0, pull: 0 });
  expect(sources(decided)).toEqual(['binary', 'binary']);
  expect(stderr).toBe('');
});

test('a job that does not exist: the list of jobs and exit code 64', async () => {
  const child = execFile(process.execPath, [script, 'fly']);
  let text = '';
  child.stderr?.on('data', (chunk) => {
    text += String(chunk);
  });
  const [code] = await once(child, 'close');
  expect(code).toBe(64);
  for (const job of ['start', 'test', 'check', 'mailrail', 'demo', 'bench']) expect(text).toContain(`\n  ${job} `);
});
