import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { directoryOnDemand, type OwnersOnDemand } from '@mailrail/directory';
import { createMetrics, silentLog } from '@mailrail/telemetry';

const ada = [
  'dn: CN=Ada,DC=corp,DC=example',
  'objectClass: user',
  'mailNickname: ada',
  'proxyAddresses: SMTP:ada@corp.example',
  'homeMDB: CN=Store,CN=EX1',
  '',
].join('\n');
let folder: string;
let file: string;
let directory: OwnersOnDemand;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'on-demand-'));
  file = path.join(folder, 'directory.ldif');
  directory = directoryOnDemand({ url: file, redisUrl: undefined, env: {}, log: silentLog, metrics: createMetrics('test') });
});
afterEach(async () => {
  await directory.close();
  await rm(folder, { recursive: true });
});

const ask = () => directory.byAddress(['SMTP:ada@corp.example']);

test('what cannot be opened does not answer, says why, and is tried again with the next question', async () => {
  expect(await Promise.all([ask(), ask()])).toEqual([
    { ok: false, reason: expect.stringContaining('directory.ldif') },
    { ok: false, reason: expect.stringContaining('directory.ldif') },
  ]);
  await writeFile(file, ada);
  const found = await ask();
  expect(found.ok && [...found.value.values()].flat().map(({ nickname }) => nickname)).toEqual(['ada']);
});
