import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitFor } from '@mailrail/testing';
import { writePeople } from './src/people.ts';
import { letter, sendOne } from './src/smtp-sender.ts';
import { startSystem, type System } from './src/system.ts';

const members = 1_000;
const mostMails = 4_000;
const senders = 4;
const kills = 8;
const folder = mkdtempSync(path.join(tmpdir(), 'mailrail-scale-'));
const people = writePeople(folder, members, { everybody: Array.from({ length: members }, (_, index) => index) });
const replicas = ['categorizer', 'categorizer-2', 'categorizer-3', 'store-driver.deliver', 'store-driver.deliver-2'] as const;

let system: System;
beforeAll(async () => {
  system = await startSystem({ processes: 'each', directory: people.file, scale: 'categorizer=3,store-driver.deliver=2' });
}, 120_000);
afterAll(async () => {
  await system.close();
  rmSync(folder, { recursive: true });
});

/** Numbers that look random and are the same each time, so that a failure can be made again. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Who has which of our letters, and how often: `id box` -> copies. */
async function found(): Promise<Map<string, number>> {
  const copies = new Map<string, number>();
  for (const [box, address] of people.addresses.entries()) {
    for (const file of system.mailbox(address)) {
      const id = /Message-ID: <(scale-[a-z]+-\d+)@/.exec(await system.read(file))?.[1] ?? '?';
      copies.set(`${id} ${box}`, (copies.get(`${id} ${box}`) ?? 0) + 1);
    }
  }
  return copies;
}

/**
 * Three categorizers and two deliverers share their queues. Mail to one or two people flows all the time, and mail to a group of a
 * thousand, which is expanded in chunks of a hundred for all of them, while one after another is killed with kill -9 and comes back.
 */
test('replicas killed at random while mail and a large group flow: nothing lost, nothing twice', async () => {
  expect(Object.keys(system.first.pids)).toEqual(expect.arrayContaining([...replicas]));
  const random = numbers(20);
  const expected = new Set<string>();
  let sent = 0;
  let accepted = 0; // recipients
  let over = false;
  const send = async (id: string, to: readonly string[], boxes: readonly number[]) => {
    expect(await sendOne(system.first.smtp, { to, message: letter(id) })).toMatchObject({ code: 250 });
    for (const box of boxes) expected.add(`${id} ${box}`);
    sent += 1;
    accepted += to.length;
  };
  const sender = async (first: number) => {
    for (let index = first; !over && index < mostMails; index += senders) {
      const boxes = [...new Set([index % members, (index * 7 + 3) % members])];
      await send(
        `scale-mail-${index}`,
        boxes.map((box) => people.addresses[box] ?? ''),
        boxes,
      );
      await pause(100); // a load, not a flood: it is to last as long as the kills
    }
  };
  const everybody = people.addresses.map((_, box) => box);
  const flow = Promise.all(Array.from({ length: senders }, (_, first) => sender(first)));

  const killed: string[] = [];
  let groups = 0;
  for (let kill = 0; kill < kills; kill += 1) {
    const before = sent;
    await waitFor(() => sent > before, { what: 'mail flows', timeoutMs: 30_000 });
    if (kill % 3 === 0) {
      await send(`scale-group-${kill}`, ['everybody@corp.example'], everybody);
      groups += 1;
    }
    await pause(random() * 150); // not always at the same moment of a mail
    const name = replicas[Math.floor(random() * replicas.length)] ?? replicas[0];
    const pid = system.kill(name);
    killed.push(name);
    await system.revived(name, pid);
    await waitFor(() => isReady(name), { what: `${name} takes mail again`, timeoutMs: 60_000 });
  }
  over = true;
  await flow;
  expect(new Set(killed).size).toBeGreaterThan(2);

  const counts = await system.settled({ accepted }, 90_000);
  const copies = await found();
  expect([...expected].filter((one) => !copies.has(one))).toEqual([]);
  expect([...copies].filter(([one, times]) => times > 1 || !expected.has(one))).toEqual([]);
  // A group counts as one until it is expanded, and its members then.
  expect(counts).toMatchObject({ accepted, expanded: groups, delivered: accepted - groups + groups * members });
  expect([counts.badmail ?? 0, counts.failed ?? 0, counts.merged ?? 0]).toEqual([0, 0, 0]);
  expect(await system.whereMailIs()).toBe('all queues are empty');
  // They shared the work; what one had in hand when it was killed, another was given.
  const handled = await Promise.all(replicas.map(mailsInLog));
  expect(handled.filter((mails) => mails > 0).length).toBeGreaterThan(3);
}, 300_000);

async function isReady(name: string): Promise<boolean> {
  const answer = await fetch(`${system.endpoints.admin[name]}/health/ready`, { signal: AbortSignal.timeout(2_000) });
  return answer.ok;
}

async function mailsInLog(name: string): Promise<number> {
  const log = await readFile(path.join(system.data, 'logs', `${name}.log`), 'utf8');
  return log.match(/"mail\.handled"/g)?.length ?? 0;
}
