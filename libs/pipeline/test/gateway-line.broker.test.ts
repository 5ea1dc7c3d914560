import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { memoryLedger } from '@mailrail/ledger';
import { memoryContentStore } from '@mailrail/content-store';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { mailTo, type TcpProxy, tcpProxy, waitFor } from '@mailrail/testing';
import { type GatewayLine, openGatewayLine } from '../src/index.ts';
import { type LineForTests, lineForTests, mailsOf, organization } from './line-for-tests.ts';

let line: LineForTests;
let proxy: TcpProxy;
let gateway: GatewayLine;
const metrics = createMetrics('gateway');
beforeAll(async () => {
  line = await lineForTests();
  const url = new URL(line.vhost.amqpUrl);
  proxy = await tcpProxy(Number(url.port));
  url.port = String(proxy.port);
  gateway = await openGatewayLine({
    stage: 'gateway',
    log: silentLog,
    metrics,
    ledger: memoryLedger(),
    organization,
    content: memoryContentStore(),
    config: { AMQP_URL: url.href, ADMIN_HOST: '127.0.0.1', ADMIN_PORT: 0 },
    confirmTimeoutMs: 800,
  });
  await waitFor(() => gateway.state() === 'up', { what: 'up' });
});
afterAll(async () => {
  await gateway.stop();
  await proxy.close();
  await line.close();
});

test('accepted means that the broker has it', async () => {
  await gateway.accept('gateway.in', mailTo(['ada@corp.example']));
  expect(mailsOf(await waitFor(() => line.take('1.gateway.in'), { what: 'the mail' }))).toHaveLength(1);
});

test('ready and live on the admin port, metrics with the stage', async () => {
  const get = (path: string) => fetch(`http://127.0.0.1:${gateway.adminPort}${path}`);
  expect(await (await get('/health/live')).json()).toEqual({ live: true });
  await waitFor(async () => (await get('/health/ready')).ok, { what: 'ready' });
  expect(await (await get('/metrics')).text()).toContain('mailrail_broker_up{stage="gateway"} 1');
});

test('broker gone: not accepted at once, known at connect, and taken again when it is back', async () => {
  await proxy.refuse();
  await waitFor(() => gateway.state() === 'down', { what: 'noticed' });
  await expect(gateway.accept('gateway.in', mailTo(['ada@corp.example']))).rejects.toMatchObject({ name: 'NotAccepted', code: 'down' });
  expect((await fetch(`http://127.0.0.1:${gateway.adminPort}/health/live`)).status).toBe(200);
  expect((await fetch(`http://127.0.0.1:${gateway.adminPort}/health/ready`)).status).toBe(503);
  await proxy.heal();
  await waitFor(() => gateway.state() === 'up', { what: 'back', timeoutMs: 15_000 });
  await gateway.accept('gateway.in', mailTo(['ada@corp.example']));
});

test('no confirm in time: unconfirmed within the deadline, counted as a possible duplicate', async () => {
  proxy.blackhole();
  const before = performance.now();
  await expect(gateway.accept('gateway.in', mailTo(['ada@corp.example']))).rejects.toMatchObject({ code: 'unconfirmed' });
  expect(performance.now() - before).toBeLessThan(2_500);
  expect(await metrics.registry.metrics()).toMatch(/possible_duplicates_total\{cause="unconfirmed",stage="gateway"\} [1-9]/);
  await proxy.heal();
  await waitFor(() => gateway.state() === 'up', { what: 'back', timeoutMs: 20_000 });
}, 40_000);
