import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startOwnRedis, waitFor } from '@mailrail/testing';
import { crowdLdif } from '../../../libs/directory/test/crowd.ts';
import { type Slapd, startSlapd } from '../../../libs/directory/test/slapd.ts';
import { letter, sendOne } from '../src/smtp-sender.ts';
import { startSystem, type System } from '../src/system.ts';

const users = 1_000;
const addresses = Array.from({ length: users }, (_, n) => `user.${n}@corp.example`);
let folder: string;
let slapd: Slapd;
let redis: Awaited<ReturnType<typeof startOwnRedis>>;
let system: System;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'mailrail-kills-'));
  await writeFile(path.join(folder, 'crowd.ldif'), crowdLdif(users, ['EX1']));
  slapd = await startSlapd({ ldif: path.join(folder, 'crowd.ldif') });
  redis = await startOwnRedis({ dir: path.join(folder, 'redis') }); // its file is written each second, as in a deployment
  system = await startSystem({
    processes: 'each',
    scale: 'categorizer=2',
    redisUrl: redis.redisUrl,
    directory: slapd.url.replace('://', `://${encodeURIComponent(slapd.admin)}:secret@`),
  });
}, 180_000);
afterAll(async () => {
  await system?.close();
  await redis?.close();
  await slapd?.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

const toEverybody = async (id: string) => {
  const { code, text } = await sendOne(system.first.smtp, { to: ['everybody@corp.example'], message: letter(id) });
  if (code !== 250) throw new Error(text);
};
const mails = () => addresses.reduce((sum, address) => sum + system.mailbox(address).length, 0);
const waits = async () => (await Promise.all(system.waitingQueues.map((queue) => system.depth(queue)))).some((depth) => depth > 0);
const everybodyHas = (count: number) =>
  waitFor(() => mails() >= count * users, { what: `${count} mails for everybody`, timeoutMs: 150_000 });

/**
 * Three mails to a group of 1,000 in chunks, while slapd, Redis and both are killed under them. Whoever exists is told to the
 * sender as unknown by nobody; everybody has each mail once.
 */
test('slapd and Redis killed while mail to a group is on its way: nothing lost, nobody twice, nobody unknown', async () => {
  // Nothing is known yet, so the group cannot even be found: the mail waits.
  await toEverybody('slapd-killed');
  slapd.process.kill('SIGKILL');
  await slapd.process.exited;
  await waitFor(waits, { what: 'the mail waits for the directory', timeoutMs: 60_000 });
  await slapd.start();
  await everybodyHas(1);

  await toEverybody('redis-killed');
  await waitFor(() => mails() > users, { what: 'the first of them have it', timeoutMs: 60_000 });
  await redis.kill();
  await everybodyHas(2);
  await redis.start();

  const flush = () => fetch(new URL('/v1/directory/cache:flush', system.endpoints.admin['categorizer']), { method: 'POST' });
  await waitFor(async () => (await flush()).status === 204, { what: 'the cache is empty', timeoutMs: 60_000 });
  await toEverybody('both-killed');
  await waitFor(async () => mails() > 2 * users || (await system.depth('5.aq.pre-categorization')) > 0, {
    what: 'the mail is at the categorizer or behind it',
    timeoutMs: 60_000,
  });
  slapd.process.kill('SIGKILL');
  await Promise.all([slapd.process.exited, redis.kill()]);
  await waitFor(async () => (await waits()) || mails() === 3 * users, { what: 'the rest waits', timeoutMs: 60_000 });
  await Promise.all([slapd.start(), redis.start()]);
  await everybodyHas(3);

  await waitFor(async () => (await system.whereMailIs()) === 'all queues are empty', { what: 'nothing is on its way', timeoutMs: 120_000 });
  const wrong: string[] = [];
  for (const address of addresses) {
    const ids = await Promise.all(
      system.mailbox(address).map(async (file) => /Message-ID: <([a-z-]+)@/.exec(await system.read(file))?.[1]),
    );
    if (ids.map(String).toSorted().join(' ') !== 'both-killed redis-killed slapd-killed') wrong.push(`${address}: ${ids.join(' ')}`);
  }
  expect(wrong).toEqual([]);
  expect(system.sink()).toEqual([]); // where a report to the sender would have gone
}, 600_000);
