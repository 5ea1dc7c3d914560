import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startBroker, startOwnRedis, waitFor } from '@mailrail/testing';
import { letter, sendOne, SmtpSender } from '../src/smtp-sender.ts';
import { startSystem, type System } from '../src/system.ts';

let broker: Awaited<ReturnType<typeof startBroker>>;
let redis: Awaited<ReturnType<typeof startOwnRedis>>;
let system: System;
beforeAll(async () => {
  [broker, redis] = await Promise.all([startBroker(), startOwnRedis()]);
  system = await startSystem({ amqpUrl: broker.amqpUrl, managementUrl: broker.managementUrl, redisUrl: redis.redisUrl });
}, 120_000);
afterAll(async () => {
  await system.close();
  await Promise.all([broker.close(), redis.close()]);
}, 60_000);

const send = (id: string) => sendOne(system.first.smtp, { to: ['ada@corp.example'], message: letter(id) });
const copies = async (id: string) => {
  const texts = await Promise.all(system.mailbox('ada@corp.example').map(system.read));
  return texts.filter((text) => text.includes(`<${id}@`)).length;
};
const delivered = (id: string, timeoutMs = 30_000) => waitFor(async () => (await copies(id)) > 0, { what: `${id} delivered`, timeoutMs });
const accepts = (id: string) =>
  waitFor(async () => (await send(id)).code === 250, { what: 'the gateway accepts again', timeoutMs: 40_000 });

test('broker stopped and started under mail: 4yz while it is away, nothing lost, nobody restarted', async () => {
  const pidsBefore = JSON.stringify(system.endpoints.pids);
  const sent = await Promise.all(Array.from({ length: 20 }, (_, index) => send(`before-stop-${index}`)));
  expect(sent.every(({ code }) => code === 250)).toBe(true);
  await broker.stop();
  await waitFor(
    async () => {
      const { sender, banner } = await SmtpSender.open(system.first.smtp);
      sender.destroy();
      return banner.code === 421;
    },
    { what: '421 at connect', timeoutMs: 40_000 },
  );
  await broker.start();
  await accepts('after-stop');
  for (let index = 0; index < 20; index += 1) await delivered(`before-stop-${index}`);
  await delivered('after-stop');
  expect(JSON.stringify(system.endpoints.pids)).toBe(pidsBefore);
}, 120_000);

test('an alarm: 452 within seconds, services keep running, and it recovers alone', async () => {
  await broker.ctl('set_vm_memory_high_watermark', '0.00001');
  await waitFor(
    async () => {
      const { code } = await send('during-alarm');
      return code === 452 || code === 451;
    },
    { what: 'an answer of 451 or 452', timeoutMs: 40_000 },
  );
  await waitFor(async () => (await send('during-alarm-2')).code === 452, { what: '452 at MAIL', timeoutMs: 40_000 });
  await broker.ctl('set_vm_memory_high_watermark', '0.6');
  await accepts('after-alarm');
  await delivered('after-alarm');
}, 120_000);

test('Redis stopped and started: mail flows without it, nothing lost', async () => {
  await redis.stop();
  await accepts('without-redis');
  await delivered('without-redis');
  await redis.start();
  await accepts('with-redis');
  await delivered('with-redis');
  expect(await copies('without-redis')).toBe(1);
}, 120_000);
