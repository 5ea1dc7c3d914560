import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { freePorts, freshVhost, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import amqp from 'amqplib';
import { nextBuild } from './src/next-build.ts';
import { writePeople } from './src/people.ts';
import { letter, sendOne } from './src/smtp-sender.ts';
import { startSystem, type System } from './src/system.ts';

/**
 * A roll-out as docs/upgrading.md has it, with two builds on one machine and mail flowing: the former release is this tree, the next a
 * copy whose contract of MTS-IN is a version further. In the end every mail that was ever accepted is in its mailbox, once.
 */
const folder = mkdtempSync(path.join(tmpdir(), 'mailrail-upgrade-'));
const people = writePeople(folder, 10);
const data = path.join(folder, 'data');
const next = nextBuild(folder);
const sent = new Map<string, number>(); // id -> box
let vhost: Vhost;
let redis: TestRedis;
let sniffer: Awaited<ReturnType<typeof sniff>>;

beforeAll(async () => {
  [vhost, redis] = await Promise.all([freshVhost(), redisForTests()]);
});
afterAll(async () => {
  await sniffer?.close();
  await vhost.drop();
  await redis.drop();
  rmSync(folder, { recursive: true });
});

const start = (options: { root?: string; env?: Record<string, string> } = {}) =>
  startSystem({
    processes: 'each',
    directory: people.file,
    data,
    amqpUrl: vhost.amqpUrl,
    managementUrl: vhost.managementUrl,
    redisUrl: redis.redisUrl,
    ...options,
  });

/** Sends until it is told to stop, one mail after another. */
function flow(system: System) {
  const stop = new AbortController();
  const run = async () => {
    while (!stop.signal.aborted) {
      const index = sent.size;
      const box = index % people.addresses.length;
      const id = `upgrade-${index}`;
      expect(await sendOne(system.first.smtp, { to: [people.addresses[box] ?? ''], message: letter(id) })).toMatchObject({ code: 250 });
      sent.set(id, box);
      await pause(20);
    }
  };
  const running = run();
  return {
    stop: () => {
      stop.abort();
      return running;
    },
  };
}
/** Waits until so many more were accepted. */
const more = (count: number) => {
  const until = sent.size + count;
  return waitFor(() => sent.size >= until, { what: `${count} more mails`, timeoutMs: 60_000 });
};

/** A stage of the next build, beside those of the line that runs. */
async function beside(system: System, service: string, role: string | undefined, env: Record<string, string> = {}) {
  const [port = 0] = await freePorts([0]);
  const child: ChildProcess = spawn(
    process.execPath,
    [path.join(next, 'services', service, 'src/main.ts'), ...(role === undefined ? [] : [role])],
    {
      env: {
        PATH: process.env['PATH'],
        AMQP_URL: vhost.amqpUrl,
        REDIS_URL: redis.redisUrl,
        ORGANIZATION_FILE: path.join(data, 'organization.yaml'),
        CONTENT_DIR: path.join(data, 'content'),
        MAILRAIL_SINK: system.first.sink.replace('smtp://', ''),
        SITE_SECRET: 'a secret of the test alone',
        ADMIN_PORT: String(port),
        MAILRAIL_PARENT_PIPE: '1',
        ...env,
      },
      stdio: ['pipe', 'ignore', 'pipe'],
    },
  );
  let errors = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const get = async (what: string) => {
    if (child.exitCode !== null) throw new Error(`${service} ended with ${child.exitCode}: ${errors}`);
    return fetch(`http://127.0.0.1:${port}${what}`, { signal: AbortSignal.timeout(2_000) });
  };
  await waitFor(async () => (await get('/health/ready')).ok, { what: `the next build’s ${service} takes mail`, timeoutMs: 60_000 });
  return {
    handled: async () => {
      const text = await (await get('/metrics')).text();
      return Number(/^mailrail_mails_handled_total\{outcome="done"[^}]*\} (\d+)/m.exec(text)?.[1] ?? 0);
    },
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

/** Sees copies of what is published to MTS-IN, and nothing else. */
async function sniff() {
  const connection = await amqp.connect(vhost.amqpUrl);
  connection.on('error', () => {});
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, 'mail', 'mts-in');
  let types: string[] = [];
  await channel.consume(queue, (message) => message !== null && types.push(String(message.properties.type)), { noAck: true });
  return {
    /** Versions written since it was last asked. */
    written: () => {
      const seen = [...new Set(types)].toSorted();
      types = [];
      return seen;
    },
    close: () => connection.close().catch(() => {}),
  };
}

async function allDelivered(system: System): Promise<void> {
  const counts = await system.settled({ accepted: sent.size }, 200_000);
  expect({ accepted: counts.accepted, delivered: counts.delivered, badmail: counts.badmail ?? 0, failed: counts.failed ?? 0 }).toEqual({
    accepted: sent.size,
    delivered: sent.size,
    badmail: 0,
    failed: 0,
  });
  expect(await system.whereMailIs()).toBe('all queues are empty');
  const found = new Map<string, number>();
  for (const [box, address] of people.addresses.entries()) {
    for (const file of system.mailbox(address)) {
      const id = /Message-ID: <(upgrade-\d+)@/.exec(await system.read(file))?.[1] ?? '?';
      expect(sent.get(id)).toBe(box);
      found.set(id, (found.get(id) ?? 0) + 1);
    }
  }
  expect([...sent.keys()].filter((id) => found.get(id) !== 1)).toEqual([]);
}

async function end(system: System): Promise<void> {
  expect(await system.stopLine()).toBe(0);
  await system.close();
}

test('old and new side by side, then the new release, the new version written, and all the way back', async () => {
  // 1. The former release runs.
  const former = await start();
  sniffer = await sniff();
  let mail = flow(former);
  await more(20);

  // 2. Pods of the next release come beside the old ones: they read both versions and write the one that all read.
  const reader = await beside(former, 'store-driver', 'submit');
  const writer = await beside(former, 'translator', undefined);
  await waitFor(async () => (await reader.handled()) >= 10 && (await writer.handled()) >= 10, {
    what: 'the next build works',
    timeoutMs: 60_000,
  });
  expect(sniffer.written()).toEqual(['mts-in.v1']);
  await mail.stop();
  await allDelivered(former);

  // 3. The mistake: the new version is written while an old pod still reads. What that one takes waits for a reader, a minute.
  const early = await beside(former, 'translator', undefined, { WRITE_VERSIONS: 'mts-in=2' });
  mail = flow(former);
  await waitFor(async () => (await former.depth('retry.1m')) > 0, { what: 'an old pod puts off what it cannot read', timeoutMs: 60_000 });
  expect(sniffer.written()).toContain('mts-in.v2');
  await Promise.all([early.stop(), writer.stop()]);
  await mail.stop();
  await reader.stop();
  await end(former);

  // 4. The next release alone: reads what waited, still writes the former version.
  const release = await start({ root: next });
  sniffer.written();
  mail = flow(release);
  await more(30);
  await mail.stop();
  await allDelivered(release); // with what the old pod had put off
  expect(sniffer.written()).toEqual(['mts-in.v1']);
  await end(release);

  // 5. One release later: the new version is written.
  const switched = await start({ root: next, env: { WRITE_VERSIONS: 'mts-in=2' } });
  sniffer.written();
  mail = flow(switched);
  await more(30);
  await mail.stop();
  await allDelivered(switched);
  expect(sniffer.written()).toEqual(['mts-in.v2']);
  await end(switched);

  // 6. Back: first the writers, until nothing of the new version waits, then the former release.
  const writersBack = await start({ root: next, env: { WRITE_VERSIONS: 'mts-in=1' } });
  sniffer.written();
  mail = flow(writersBack);
  await more(20);
  await mail.stop();
  await allDelivered(writersBack);
  await end(writersBack);
  const back = await start();
  mail = flow(back);
  await more(20);
  await mail.stop();
  await allDelivered(back);
  expect(sniffer.written()).toEqual(['mts-in.v1']);
  await end(back);
}, 900_000);
