import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Bag, QueuedMail } from '@mailrail/contracts';
import { noHeader } from '@mailrail/mail';
import type { Running } from '@mailrail/pipeline';
import { freshVhost, mailTo, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { declareTopology, queueName, topologyOf } from '@mailrail/topology';
import { start } from '../src/main.ts';

let folder: string;
let vhost: Vhost;
let redis: TestRedis;
let running: Running;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mta-'));
  [vhost, redis] = await Promise.all([freshVhost(), redisForTests()]);
  await declareTopology(topologyOf([]), vhost.amqpUrl, vhost.managementUrl);
  const file = join(folder, 'organization.yaml');
  await writeFile(
    file,
    'organization: Corp\nsite: london\nserver: EX1\nservers: [{ name: EX1, site: london }]\ndomains: [{ name: corp.example, type: authoritative }]\npostmaster: postmaster@corp.example\n',
  );
  running = await start({
    AMQP_URL: vhost.amqpUrl,
    REDIS_URL: redis.redisUrl,
    ORGANIZATION_FILE: file,
    CONTENT_DIR: join(folder, 'content'),
    LOG_LEVEL: 'silent',
  });
}, 30_000);

afterAll(async () => {
  await running.stop();
  await Promise.all([vhost.drop(), redis.drop(), rm(folder, { recursive: true })]);
});

test('a mail in mta goes on to mta.smtp with a protocol', async () => {
  const ready = async () => (await fetch(`http://127.0.0.1:${running.adminPort}/health/ready`)).ok;
  await waitFor(ready, { what: 'an MTA that is ready', timeoutMs: 20_000 });
  const now = Date.now();
  const mail = { ...mailTo(['ada@corp.example']), header: { ...noHeader, receivedCount: 1 }, storedAt: now };
  await vhost.api('POST', `exchanges/${vhost.name}/mail/publish`, {
    routing_key: 'mta',
    payload: JSON.stringify({ schema: 'mta.v1', mails: [mail] }),
    payload_encoding: 'string',
    properties: { message_id: mail.copyId, type: 'mta.v1', delivery_mode: 2, headers: {} },
  });

  const taken = await waitFor(() => take(queueName('mta.smtp')), { what: 'the queued mail', timeoutMs: 20_000 });
  const bag = Bag.parse(JSON.parse(taken));
  expect(bag.schema).toBe('mta.smtp.v1');
  expect(QueuedMail.schema.parse(bag.mails[0])).toMatchObject({ rootId: mail.rootId, protocol: 'smtp', lane: 'normal' });
}, 50_000);

/** The oldest message of a queue as text, taken off it. */
async function take(queue: string): Promise<string | undefined> {
  const taken = await vhost.api('POST', `queues/${vhost.name}/${queue}/get`, { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' });
  const [first]: unknown[] = Array.isArray(taken) ? taken : [];
  return typeof first === 'object' && first !== null && 'payload' in first ? String(first.payload) : undefined;
}
