import { afterEach, expect, test } from '@jest/globals';
import { cachedDirectory, directoryDown, directoryOf, type Directory } from '@mailrail/directory';
import { organizationOf } from '@mailrail/organization';
import { openAdmin } from '@mailrail/pipeline';
import { createMetrics } from '@mailrail/telemetry';
import { directoryRoutes } from '../src/admin.ts';

let close: (() => Promise<void>) | undefined;
afterEach(() => close?.());

async function adminOf(inner: Directory): Promise<string> {
  const directory = cachedDirectory(inner, undefined);
  const admin = await openAdmin({
    host: '127.0.0.1',
    port: 0,
    metrics: createMetrics('test'),
    live: () => true,
    notReady: () => undefined,
    routes: directoryRoutes({ directory, organization: organizationOf() }),
  });
  close = () => admin.close();
  return `http://127.0.0.1:${admin.port}/v1/directory`;
}

test('explains what would happen to addresses', async () => {
  const base = await adminOf(
    directoryOf(['ada@corp.example', { primary: 'SMTP:vip@corp.example', restrictions: { requireAuthentication: true } }]),
  );
  const ask = async (query: string) => (await fetch(`${base}/resolve?${query}`)).json();
  expect(await ask('address=ada@corp.example&address=nobody@corp.example&from=zoe@else.test')).toMatchObject({
    local: ['ada@corp.example'],
    hops: [],
    servers: { 'ada@corp.example': 'EX1' },
    reports: [{ recipient: 'nobody@corp.example', status: '5.1.1', to: 'zoe@else.test' }],
    steps: expect.arrayContaining([expect.stringContaining('ada@corp.example')]),
  });
  expect(await ask('address=vip@corp.example&from=ada@corp.example')).toMatchObject({ reports: [{ status: '5.7.1' }] });
  expect(await ask('address=vip@corp.example&from=ada@corp.example&authenticated=true')).toMatchObject({ local: ['vip@corp.example'] });
});

test('a bad question and a directory that is away are problem documents', async () => {
  const bad = await fetch(`${await adminOf(directoryOf())}/resolve?sizeKb=much`);
  expect([bad.status, bad.headers.get('content-type')]).toEqual([400, expect.stringContaining('application/problem+json')]);
  await close?.();
  const away = await fetch(`${await adminOf(directoryDown)}/resolve?address=ada@corp.example`);
  expect([away.status, await away.json()]).toEqual([
    503,
    { title: 'The directory does not answer', status: 503, detail: 'directory: does not answer' },
  ]);
});

test('the cache is flushed', async () => {
  expect((await fetch(`${await adminOf(directoryOf())}/cache:flush`, { method: 'POST' })).status).toBe(204);
});
