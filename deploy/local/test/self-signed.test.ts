import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { connect, createServer } from 'node:tls';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { certificateOf, selfSigned } from '../src/self-signed.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'self-signed-'));
});
afterEach(() => rm(dir, { recursive: true }));

test('a certificate of its own for localhost, which verifies itself', async () => {
  const { cert } = await selfSigned(Date.now());
  const certificate = new X509Certificate(cert);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.checkIssued(certificate)).toBe(true);
  expect(certificate.subject).toBe('CN=localhost');
  expect(certificate.checkHost('localhost')).toBe('localhost');
  expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
  expect(certificate.checkIP('::1')).toBe('::1');
  expect(certificate.checkHost('corp.example')).toBeUndefined();
  expect((await selfSigned(Date.now())).cert).not.toBe(cert);
});

test('a client that is told to trust it takes it; one that is not does not', async () => {
  const { key, cert } = await selfSigned(Date.now());
  const server = createServer({ key, cert }, (socket) => socket.end());
  server.on('tlsClientError', () => {}); // the client that does not trust it
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on a port
  const trusting = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: cert });
  await once(trusting, 'secureConnect');
  expect(trusting.authorized).toBe(true);
  trusting.destroy();
  const other = connect({ port, host: '127.0.0.1', servername: 'localhost' });
  const [error] = await once(other, 'error').catch((thrown: unknown) => [thrown]);
  expect(String(error)).toMatch(/self-signed/);
  server.close();
});

test('the files are made once, the key for its owner only', async () => {
  const files = await certificateOf(dir);
  const [cert, key] = [await readFile(files.cert, 'utf8'), await readFile(files.key, 'utf8')];
  expect((await stat(files.key)).mode & 0o777).toBe(0o600);
  expect(await certificateOf(dir)).toEqual(files);
  expect([await readFile(files.cert, 'utf8'), await readFile(files.key, 'utf8')]).toEqual([cert, key]);
});

test.each([
  [
    'soon to end',
    async (files: { cert: string; key: string }) => certificateOf(path.dirname(path.dirname(files.cert)), Date.now() + 800 * 86_400_000),
  ],
  [
    'damaged',
    async (files: { cert: string; key: string }) => {
      await writeFile(files.cert, 'nothing');
      return certificateOf(dir);
    },
  ],
  [
    'of another key',
    async (files: { cert: string; key: string }) => {
      await writeFile(files.key, (await selfSigned(Date.now())).key);
      return certificateOf(dir);
    },
  ],
])('one that is %s is made anew', async (_, again) => {
  const files = await certificateOf(dir);
  const before = await readFile(files.cert, 'utf8');
  await again(files);
  expect(await readFile(files.cert, 'utf8')).not.toBe(before);
  expect((await stat(files.key)).mode & 0o777).toBe(0o600);
});
