import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { noHeader } from '@mailrail/mail';
import { freePorts, freshVhost, mailTo, type Vhost, waitFor } from '@mailrail/testing';
import { badmailQueue, declareTopology, queueName, topologyOf } from '@mailrail/topology';
import amqp, { type ChannelModel, type ConfirmChannel } from 'amqplib';

const bags = 100;
const mailsInBag = 16;
const prefetch = 64; // as every stage has it
/** Long enough that all it may have is in hand: 1,024 mails, 256 of them at a time. */
const handlerMs = 300;

let vhost: Vhost;
let connection: ChannelModel;
let channel: ConfirmChannel;
let child: ChildProcess | undefined;
let port = 0;
let errors = '';

beforeAll(async () => {
  vhost = await freshVhost();
  await declareTopology(topologyOf([]), vhost.amqpUrl, vhost.managementUrl);
  connection = await amqp.connect(vhost.amqpUrl, { noDelay: true });
  channel = await connection.createConfirmChannel();
  [port = 0] = await freePorts([0]);
  child = spawn(process.execPath, [path.join(import.meta.dirname, 'drain-process.ts'), String(handlerMs)], {
    env: { PATH: process.env['PATH'], AMQP_URL: vhost.amqpUrl, ADMIN_PORT: String(port), MAILRAIL_PARENT_PIPE: '1' },
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  await waitFor(async () => (await get('/health/ready')).ok, { what: 'a stage that is ready', timeoutMs: 30_000 });
}, 60_000);

afterAll(async () => {
  child?.kill('SIGKILL');
  await connection.close();
  await vhost.drop();
});

const get = (what: string) => fetch(`http://127.0.0.1:${port}${what}`, { signal: AbortSignal.timeout(2_000) });
const gauge = async (name: string) =>
  Number(new RegExp(`^${name}\\{[^}]*\\} (\\d+)`, 'm').exec(await (await get('/metrics')).text())?.[1] ?? 'none');

/** Root ids of all mails in a queue, one for each time it is there; the queue is empty afterwards. */
async function rootIdsIn(queue: string): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const message = await channel.get(queue, { noAck: true });
    if (message === false) return found;
    found.push(...[...message.content.toString().matchAll(/"rootId":"([^"]+)"/g)].map(([, id = '']) => id));
  }
}

test('told to stop with 64 bags in hand it is gone within 5 s, and every mail is in one queue or the next, once', async () => {
  const all: string[] = [];
  for (let bag = 0; bag < bags; bag += 1) {
    const mails = Array.from({ length: mailsInBag }, () => ({ ...mailTo(['ada@corp.example']), header: noHeader }));
    all.push(...mails.map(({ rootId }) => rootId));
    channel.publish('mail', 'mts-in', Buffer.from(JSON.stringify({ schema: 'mts-in.v1', mails })), {
      persistent: true,
      messageId: `drain-${bag}`,
      type: 'mts-in.v1',
      headers: { mails: mailsInBag },
    });
  }
  const inHand = await waitFor(
    async () => {
      const taken = await gauge('mailrail_bags_in_hand');
      return taken >= prefetch ? taken : undefined;
    },
    { what: '64 bags in hand', timeoutMs: 20_000 },
  );
  expect(inHand).toBe(prefetch);

  const ended = once(child ?? process, 'exit');
  const told = performance.now();
  child?.kill('SIGTERM');
  const [code]: unknown[] = await ended;
  const tookMs = performance.now() - told;
  process.stderr.write(`    gone after ${tookMs.toFixed(0)} ms with ${inHand} bags in hand\n`);
  expect({ code, errors }).toEqual({ code: 0, errors: '' });
  expect(tookMs).toBeLessThan(5_000);

  await channel.waitForConfirms();
  const left = await rootIdsIn(queueName('mts-in'));
  const passed = await rootIdsIn(queueName('mta'));
  expect(left.length).toBeGreaterThan(0); // it was stopped in the middle
  expect(passed.length).toBeGreaterThan(0);
  expect(await rootIdsIn(badmailQueue('mts-in'))).toEqual([]);
  expect([...left, ...passed].toSorted()).toEqual(all.toSorted());
}, 60_000);
