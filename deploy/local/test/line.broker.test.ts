import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { balance, redisLedger } from '@mailrail/ledger';
import { silentLog } from '@mailrail/telemetry';
import { commandLine, freshVhost, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { type Endpoints, type Line, readEndpoints, startLine } from '../src/index.ts';
import { checkGivenBrokers } from '../src/given-brokers.ts';
import { lockDirectory } from '../src/lock.ts';
import { plainScreen } from '../src/tour/screen.ts';
import { differences, runTour } from '../src/tour/tour.ts';

/** A zombie that nobody has waited for yet has no command line. */
const isThere = (pid: number) => commandLine(pid) !== '';
/** The environment that a process was started with, as text. */
const environmentOf = (pid: number) =>
  process.platform === 'linux'
    ? readFileSync(`/proc/${pid}/environ`, 'utf8')
    : execFileSync('ps', ['eww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
const pidsOf = (endpoints: Endpoints) => [...Object.values(endpoints.pids), ...Object.values(endpoints.infrastructure)];

let vhost: Vhost;
let redis: TestRedis;
let dir = '';
let env: NodeJS.ProcessEnv = {};
beforeAll(async () => {
  [vhost, redis, dir] = await Promise.all([freshVhost(), redisForTests(), mkdtemp(path.join(tmpdir(), 'mailrail-line-'))]);
  // With an LDIF file nobody is asked with it; it is given to see who gets it.
  const password = { LDAP_PASSWORD: 'for-the-categorizer' };
  env = { ...process.env, ...password, AMQP_URL: vhost.amqpUrl, REDIS_URL: redis.redisUrl, MGMT_URL: vhost.managementUrl };
});
afterAll(async () => {
  await vhost.drop();
  await redis.drop();
  await rm(dir, { recursive: true, force: true });
});
const start = (processes: 'one' | 'each', scale: [string, number][] = [], say: (text: string) => void = () => {}): Promise<Line> =>
  startLine({ data: dir, portBase: undefined, organization: undefined, directory: undefined, scale: new Map(scale), processes, env, say });

/** What the server answers up to a line, heard within 10 s. */
async function says(socket: Socket, text: string, end: RegExp): Promise<string> {
  let heard = '';
  const onData = (bytes: Buffer) => {
    heard += bytes.toString('latin1');
  };
  socket.on('data', onData);
  socket.write(text);
  await waitFor(() => end.test(heard), { what: `an answer to ${JSON.stringify(text)}` });
  socket.off('data', onData);
  return heard;
}

let forAda = 0; // copies of all tours
async function tourEndsWell(line: Line): Promise<void> {
  const written: string[] = [];
  const screen = plainScreen({ write: (text: string) => written.push(text) } as unknown as NodeJS.WritableStream); // only `write` is used
  const { signal } = new AbortController();
  const journeys = await runTour({ line, sinkDir: path.join(dir, 'sink'), screen, slow: false, size: undefined, signal });
  expect(journeys.flatMap((journey) => differences(journey).map((fault) => `${journey.sample.name}: ${fault}`))).toEqual([]);
  forAda += written.filter((text) => text.includes('in the mailbox of ada@corp.example')).length;
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

  test('those alone who ask the directory know how', () => {
    const knows = Object.entries(line.endpoints().pids).filter(([, pid]) => /LDAP_PASSWORD|DIRECTORY_URL/.test(environmentOf(pid)));
    expect(knows.map(([name]) => name.replace(/^connectors\/foreign\..*/, 'connectors/foreign'))).toEqual([
      ...Array.from({ length: 3 }, () => 'connectors/foreign'),
      'categorizer',
      'translator',
    ]);
    expect(environmentOf(line.endpoints().infrastructure['sink'] ?? 0)).not.toMatch(/LDAP_PASSWORD|DIRECTORY_URL/);
  });

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

  test('LMTP, STARTTLS and TLS from the first byte answer, with a certificate that can be trusted', async () => {
    const { lmtp = '', submissions = '', submission, certificate = '' } = line.endpoints();
    const ca = await readFile(certificate);
    const trust = { ca, servername: 'localhost' };
    const plain = async (url: string): Promise<Socket> => {
      const socket = connect(Number(new URL(url).port), '127.0.0.1');
      await says(socket, '', /^220 .*\r\n/);
      return socket;
    };
    expect(await says(await plain(lmtp), 'LHLO a\r\n', /^250 .*\r\n/m)).toContain('CHUNKING');
    const clear = await plain(submission.url);
    expect(await says(clear, 'EHLO a\r\n', /^250 .*\r\n/m)).toContain('STARTTLS');
    await says(clear, 'STARTTLS\r\n', /^220 .*\r\n/);
    const secured = connectTls({ ...trust, socket: clear });
    expect(await says(secured, 'EHLO a\r\n', /^250 .*\r\n/m)).toContain('AUTH');
    expect(secured.authorized).toBe(true);
    const inside = connectTls({ ...trust, port: Number(new URL(submissions).port), host: '127.0.0.1' });
    await says(inside, '', /^220 .*\r\n/);
    expect(await says(inside, 'EHLO a\r\n', /^250 .*\r\n/m)).toContain('AUTH');
  }, 30_000);

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
    expect(forAda).toBeGreaterThan(2);
    expect(await readdir(path.join(dir, 'mailboxes', 'ada@corp.example', 'Maildir', 'new'))).toHaveLength(forAda);
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

test('a port that another program takes while the stages start is replaced', async () => {
  const heard: string[] = [];
  const thief = createServer();
  const steal = (text: string) => {
    heard.push(text);
    if (!text.startsWith('starting') || !text.includes('stages') || thief.listening) return;
    const { smtp } = JSON.parse(readFileSync(path.join(dir, 'ports.json'), 'utf8'));
    thief.listen(smtp, '127.0.0.1');
  };
  let line: Line | undefined;
  try {
    line = await start('one', [], steal);
    const { port } = thief.address() as AddressInfo; // a TCP server's
    expect(heard).toContainEqual(expect.stringContaining(`another program took port ${port}`));
    expect(new URL(line.endpoints().smtp).port).not.toBe(String(port));
  } finally {
    await line?.stop();
    thief.close();
  }
}, 120_000);

test('servers that were named and do not let us in stop the start with the variable and the reason', async () => {
  const refusing = createServer((socket) => {
    socket.on('data', (bytes: Buffer) => {
      const commands = bytes.toString('latin1').match(/\*\d+\r\n/g) ?? [];
      socket.write('-WRONGPASS invalid username-password pair or user is disabled.\r\n'.repeat(commands.length));
    });
    socket.on('error', () => {});
  }).listen(0, '127.0.0.1');
  await once(refusing, 'listening');
  const { port } = refusing.address() as AddressInfo; // a TCP server's
  const wrong: [string, NodeJS.ProcessEnv, RegExp][] = [
    [
      'a wrong password',
      { AMQP_URL: vhost.amqpUrl.replace(/:[^:@/]*@/, ':wrong@') },
      /^AMQP_URL: amqp:\/\/[^@]*: the broker refuses the login of /,
    ],
    ['no such virtual host', { AMQP_URL: `${vhost.amqpUrl}-none` }, /^AMQP_URL: .*does not let \S+ into this virtual host/],
    [
      'another server',
      { REDIS_URL: vhost.amqpUrl.replace(/^amqp:/, 'redis:').replace(/\/[^/@]*$/, '') },
      /^REDIS_URL: .*does not speak Redis/,
    ],
    ['a Redis that refuses', { REDIS_URL: `redis://:wrong@127.0.0.1:${port}` }, /^REDIS_URL: redis:\/\/[^@]*: it refuses the login: /],
  ];
  try {
    for (const [, given, reason] of wrong) {
      const { AMQP_URL, REDIS_URL } = { ...env, ...given };
      const check = checkGivenBrokers({ amqpUrl: AMQP_URL, redisUrl: REDIS_URL });
      await expect(check).rejects.toThrow(reason);
      await expect(check).rejects.not.toThrow('wrong@');
    }
    await checkGivenBrokers({ amqpUrl: vhost.amqpUrl, redisUrl: redis.redisUrl });
  } finally {
    refusing.close();
  }
}, 60_000);

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

const root = path.join(import.meta.dirname, '..', '..', '..');
const launchers = {
  npm: ['npm', 'start', '--', '--data'],
  'run.mjs': [process.execPath, 'scripts/run.mjs', 'start', '--data'],
  'start.ts': [process.execPath, 'deploy/local/src/start.ts', '--data'],
} as const;

// Whoever is told to stop, or is killed and can tell nobody: nothing stays.
test.each([
  ['npm', 'SIGTERM', [0, null]],
  ['npm', 'SIGKILL', [null, 'SIGKILL']],
  ['run.mjs', 'SIGINT', [0, null]],
  ['start.ts', 'SIGKILL', [null, 'SIGKILL']],
] as const)(
  'npm start: %s gets %s',
  async (name, signal, expected) => {
    const [command, ...args] = launchers[name];
    const given = { ...env, AMQP_URL: vhost.amqpUrl, REDIS_URL: redis.redisUrl };
    const child = spawn(command, [...args, dir, '--samples', 'none'], { cwd: root, env: given, stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    const lines = createInterface({ input: child.stdout });
    const endpoints = await waitFor(
      () => readEndpoints(dir).then((found) => (found?.ready === true && child.exitCode === null ? found : undefined)),
      {
        what: 'it is ready',
        timeoutMs: 60_000,
      },
    );
    lines.on('line', () => {}); // read on, or a full pipe would stop it
    child.kill(signal);
    expect(await ended).toEqual(expected);
    await waitFor(() => pidsOf(endpoints).every((pid) => !isThere(pid)), { what: 'every process ends', timeoutMs: 30_000 });
    await rm(path.join(dir, 'endpoints.json'), { force: true }); // a killed launcher could not
    await waitFor(() => startable(), { what: 'the lock is free', timeoutMs: 15_000 });
  },
  120_000,
);

/** Whether the launcher itself, the last to end, is gone. */
async function startable(): Promise<boolean> {
  const unlock = await lockDirectory(dir);
  await unlock();
  return true;
}
