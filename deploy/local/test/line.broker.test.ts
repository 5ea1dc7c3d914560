import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { redisLedger } from '@mailrail/ledger';
import { silentLog } from '@mailrail/telemetry';
import { commandLine, freshVhost, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { balance } from '../src/demo/balance.ts';
import { type Endpoints, type Line, readEndpoints, startLine } from '../src/index.ts';
import { plainScreen } from '../src/tour/screen.ts';
import { differences, runTour } from '../src/tour/tour.ts';

/** A zombie that nobody has waited for yet has no command line. */
const isThere = (pid: number) => commandLine(pid) !== '';
const pidsOf = (endpoints: Endpoints) => [...Object.values(endpoints.pids), ...Object.values(endpoints.infrastructure)];

let vhost: Vhost;
let redis: TestRedis;
let dir = '';
let env: NodeJS.ProcessEnv = {};
beforeAll(async () => {
  [vhost, redis, dir] = await Promise.all([freshVhost(), redisForTests(), mkdtemp(path.join(tmpdir(), 'mailrail-line-'))]);
  const decided = { rabbitmq: { from: 'url', url: vhost.amqpUrl }, redis: { from: 'url', url: redis.redisUrl } };
  env = { ...process.env, MGMT_URL: vhost.managementUrl, MAILRAIL_BROKERS: JSON.stringify(decided) };
});
afterAll(async () => {
  await vhost.drop();
  await redis.drop();
  await rm(dir, { recursive: true, force: true });
});
const start = (processes: 'one' | 'each', scale: [string, number][] = []): Promise<Line> =>
  startLine({ data: dir, portBase: undefined, organization: undefined, directory: undefined, scale: new Map(scale), processes, env });

async function tourEndsWell(line: Line): Promise<void> {
  const written: string[] = [];
  const screen = plainScreen({ write: (text: string) => written.push(text) } as unknown as NodeJS.WritableStream); // only `write` is used
  const { signal } = new AbortController();
  const journeys = await runTour({ line, sinkDir: path.join(dir, 'sink'), screen, slow: false, width: undefined, signal });
  expect(journeys.flatMap((journey) => differences(journey).map((fault) => `${journey.sample.name}: ${fault}`))).toEqual([]);
  expect(written.filter((text) => text.startsWith('to one person: in the mailbox of ada@corp.example'))).toHaveLength(1);
  const ledger = redisLedger({ url: line.endpoints().redis, log: silentLog });
  try {
    await waitFor(
      async () => {
        const counts = await ledger.counts();
        return counts !== 'silent' && balance(counts).open === 0 && balance(counts).came['accepted'] !== 0;
      },
      { what: 'the counts balance' },
    );
  } finally {
    await ledger.close();
  }
}

describe('each stage a process', () => {
  let line: Line;
  beforeAll(async () => {
    line = await start('each', [['mta', 2]]);
  }, 120_000);

  test('endpoints.json says how to reach it', async () => {
    const endpoints = await readEndpoints(dir);
    expect(endpoints).toEqual(line.endpoints());
    expect(endpoints).toMatchObject({
      ready: true,
      site: 'london',
      amqp: vhost.amqpUrl,
      redis: redis.redisUrl,
      maildir: `${dir}/mailboxes/%a/Maildir`,
    });
    expect(Object.keys(endpoints?.pids ?? {})).toEqual(
      expect.arrayContaining(['gateway', 'store-driver.deliver', 'connectors/smtp.internet', 'mta', 'mta-2']),
    );
    expect(pidsOf(line.endpoints()).filter((pid) => !isThere(pid))).toEqual([]);
  });

  test('every tour mail ends where it should, and the counts balance', () => tourEndsWell(line));

  test('a second line on the same folder is told so', async () => {
    await expect(start('each')).rejects.toThrow(`process ${process.pid}`);
  });

  test('a stage that dies comes back with a new pid in the file, and the mail goes on', async () => {
    const before = line.endpoints().pids['translator'] ?? 0;
    process.kill(before, 'SIGKILL');
    const after = await waitFor(
      async () => {
        const pid = (await readEndpoints(dir))?.pids['translator'];
        return pid !== undefined && pid !== 0 && pid !== before && pid;
      },
      { what: 'the translator is started again', timeoutMs: 15_000 },
    );
    expect(isThere(after)).toBe(true);
    expect(line.deaths()['translator']).toBe(1);
    await tourEndsWell(line);
  });

  test('after the stop nothing is left running, and mail that came is still there', async () => {
    const pids = pidsOf(line.endpoints());
    const began = performance.now();
    await line.stop();
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(pids.filter(isThere)).toEqual([]);
    expect(await readEndpoints(dir)).toBeUndefined();
    expect(await readdir(path.join(dir, 'mailboxes', 'ada@corp.example', 'Maildir', 'new'))).toHaveLength(4);
  });
});

test('all stages in one process carry the same tour', async () => {
  const line = await start('one');
  try {
    expect(Object.keys(line.endpoints().pids)).toEqual(['line']);
    await tourEndsWell(line);
  } finally {
    await line.stop();
  }
}, 120_000);

test('a wrong organization file stops the start with its mistakes, and leaves nothing running', async () => {
  const file = path.join(import.meta.dirname, '..', 'package.json');
  const wrong = startLine({
    data: dir,
    portBase: undefined,
    organization: file,
    directory: undefined,
    scale: new Map(),
    processes: 'each',
    env,
  });
  await expect(wrong).rejects.toThrow(/organization file .*package.json has mistakes:\n {2}line \d+: /);
  const again = startLine({
    data: dir,
    portBase: undefined,
    organization: '/nowhere.yaml',
    directory: undefined,
    scale: new Map(),
    processes: 'each',
    env,
  });
  await expect(again).rejects.toThrow('/nowhere.yaml: there is no such file');
});

test('npm start: Ctrl-C stops it with exit code 0; a launcher killed with SIGKILL leaves nothing behind', async () => {
  const launch = () =>
    spawn(process.execPath, [path.join(import.meta.dirname, '..', 'src', 'start.ts'), '--data', dir, '--samples', 'none'], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  const said = async (child: ReturnType<typeof launch>, wanted: string) => {
    for await (const line of createInterface({ input: child.stdout ?? process.stdin })) if (line.includes(wanted)) return;
    throw new Error(`it ended without saying ${wanted}`);
  };

  const first = launch();
  await said(first, 'endpoints.json');
  const pids = pidsOf((await readEndpoints(dir)) ?? (await Promise.reject(new Error('no endpoints.json'))));
  const ended = once(first, 'exit');
  first.kill('SIGINT');
  expect(await ended).toEqual([0, null]);
  expect(pids.filter(isThere)).toEqual([]);

  const second = launch();
  await said(second, 'endpoints.json');
  const left = pidsOf((await readEndpoints(dir)) ?? (await Promise.reject(new Error('no endpoints.json'))));
  second.kill('SIGKILL');
  await waitFor(() => left.every((pid) => !isThere(pid)), { what: 'every stage ends', timeoutMs: 30_000 });
  expect(await readFile(path.join(dir, 'endpoints.json'), 'utf8')).toContain('"ready": true'); // nobody was there to remove it; the next start does
}, 180_000);
