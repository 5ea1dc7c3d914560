import { appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '@mailrail/testing';
import { openDataDirectory, ownOrDefault, secretsOf } from '../src/data-directory.ts';
import { type Endpoints, readEndpoints, removeEndpoints, writeEndpoints } from '../src/endpoints.ts';
import { DirectoryInUse, lockDirectory } from '../src/lock.ts';
import { openLogFile } from '../src/log-file.ts';
import { planPorts } from '../src/port-plan.ts';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'mailrail-data-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});
const mode = async (file: string) => ((await stat(file)).mode & 0o777).toString(8);

describe('secrets', () => {
  test('are made once, long enough, for the owner only', async () => {
    const secrets = await secretsOf(dir);
    expect(await secretsOf(dir)).toEqual(secrets);
    expect(secrets.apiKey.length).toBeGreaterThanOrEqual(32);
    expect(await mode(path.join(dir, 'secrets.json'))).toBe('600');
  });
  test('a damaged file is said to be one', async () => {
    await writeFile(path.join(dir, 'secrets.json'), '{"apiKey": ');
    await expect(secretsOf(dir)).rejects.toThrow('is damaged; remove it');
  });
});

test('a folder that cannot be made says so, and what to do', async () => {
  await writeFile(path.join(dir, 'file'), '');
  await expect(openDataDirectory(path.join(dir, 'file', 'below'))).rejects.toThrow(
    /cannot be used for data: there is a file of that name; .*--data/,
  );
});

test('the default is copied once and then belongs to the person', async () => {
  const [original, own] = [path.join(dir, 'original'), path.join(dir, 'own')];
  await writeFile(original, 'first');
  expect(await ownOrDefault(undefined, own, original)).toBe(own);
  await writeFile(own, 'changed');
  expect(await ownOrDefault(undefined, own, original)).toBe(own);
  expect(await readFile(own, 'utf8')).toBe('changed');
  expect(await ownOrDefault(original, own, original)).toBe(original);
  expect(await ownOrDefault('ldap://127.0.0.1:1', own, original)).toBe('ldap://127.0.0.1:1');
  await expect(ownOrDefault('/given', own, original)).rejects.toThrow('/given: there is no such file');
});

describe('endpoints.json', () => {
  const endpoints: Endpoints = {
    ready: true,
    site: 'london',
    smtp: 'smtp://127.0.0.1:2525',
    http: 'http://127.0.0.1:8025',
    submission: { url: 'smtp://127.0.0.1:2587', user: 'u', password: 'p' },
    apiKey: 'k',
    in: '/d/in',
    maildir: '/d/mailboxes/%a/Maildir',
    sink: 'smtp://127.0.0.1:2526',
    siteListener: 'smtp://127.0.0.1:2528',
    amqp: 'amqp://127.0.0.1:5673',
    redis: 'redis://127.0.0.1:6380',
    pids: { gateway: 1, 'store-driver.deliver': 2 },
    infrastructure: { rabbitmq: 3 },
    admin: {},
  };
  test('is written whole, for the owner only, and read back', async () => {
    await Promise.all([writeEndpoints(dir, { ...endpoints, ready: false }), writeEndpoints(dir, endpoints)]).catch(() => {});
    await writeEndpoints(dir, endpoints);
    expect(await readEndpoints(dir)).toEqual(endpoints);
    expect(await mode(path.join(dir, 'endpoints.json'))).toBe('600');
    expect(await readdir(dir)).toEqual(['endpoints.json']);
  });
  test('is not there when no line runs', async () => {
    await writeEndpoints(dir, endpoints);
    await removeEndpoints(dir);
    await removeEndpoints(dir);
    expect(await readEndpoints(dir)).toBeUndefined();
  });
});

describe('the lock', () => {
  test('stops a second line, and is given back', async () => {
    const unlock = await lockDirectory(dir);
    await expect(lockDirectory(dir)).rejects.toThrow(DirectoryInUse);
    await expect(lockDirectory(dir)).rejects.toThrow(`process ${process.pid}`);
    await unlock();
    await (await lockDirectory(dir))();
    expect(await readdir(dir)).toEqual([]);
  });
  test('of a process that is gone, or whose number another program has now, does not count', async () => {
    await writeFile(path.join(dir, 'lock'), '999999999\nnode start.ts\n');
    await (await lockDirectory(dir))();
    await writeFile(path.join(dir, 'lock'), `${process.pid}\nanother program\n`);
    await (await lockDirectory(dir))();
  });
});

describe('ports', () => {
  test('come from the block that was asked for, except those that are taken, and are different', async () => {
    const taken = createServer();
    const base = await new Promise<number>((resolve) => {
      taken.listen(0, '127.0.0.1', () => {
        const address = taken.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const ports = await planPorts(dir, base);
    expect(ports.smtp).not.toBe(base);
    expect(new Set(Object.values(ports)).size).toBe(Object.keys(ports).length);
    taken.close();
  });
  test('of the last start are taken again', async () => {
    const first = await planPorts(dir, 41_000);
    expect(await planPorts(dir, undefined)).toEqual(first);
  });
});

test('a log that grew too large begins anew, and what was written is kept once', async () => {
  const file = path.join(dir, 'stage.log');
  const log = openLogFile(file, { maxBytes: 100, everyMs: 5 });
  await appendFile(file, 'x'.repeat(200));
  await waitFor(async () => (await stat(file)).size === 0, { what: 'the log begins anew' });
  expect((await readFile(`${file}.1`, 'utf8')).length).toBe(200);
  await appendFile(file, 'after');
  log.close();
  expect(await readFile(file, 'utf8')).toBe('after');
});
