import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { filesystemContentStore } from '@mailrail/content-store';
import { Bag, SubmittedMail } from '@mailrail/contracts';
import { newRootId } from '@mailrail/mail';
import type { Running } from '@mailrail/pipeline';
import { freshVhost, mailTo, messageBytes, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { declareTopology, queueName, topologyOf } from '@mailrail/topology';
import { start } from '../src/main.ts';

let folder: string;
let vhost: Vhost;
let redis: TestRedis;
let running: Running;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'translator-'));
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

test('a foreign message in gateway.in becomes a submitted mail in mts-in', async () => {
  const ready = async () => (await fetch(`http://127.0.0.1:${running.adminPort}/health/ready`)).ok;
  await waitFor(ready, { what: 'a translator that is ready', timeoutMs: 20_000 });
  const content = filesystemContentStore({ directory: join(folder, 'content') });
  const rootId = newRootId();
  const { ref, sizeBytes, sha256 } = await content.put({ rootId, form: 'message' }, [messageBytes({ 'Message-ID': '<1@a.example>' })]);
  const mail = mailTo(['ada@corp.example'], { rootId });
  await vhost.api('POST', `exchanges/${vhost.name}/mail/publish`, {
    routing_key: 'gateway.in',
    payload: JSON.stringify({ schema: 'gateway.in.v1', mails: [{ ...mail, content: { ...mail.content, ref, sizeBytes, sha256 } }] }),
    payload_encoding: 'string',
    properties: { message_id: mail.copyId, type: 'gateway.in.v1', delivery_mode: 2, headers: {} },
  });

  const taken = await waitFor(() => take(queueName('mts-in')), { what: 'the submitted mail', timeoutMs: 20_000 });
  const bag = Bag.parse(JSON.parse(taken));
  expect(bag.schema).toBe('mts-in.v1');
  expect(SubmittedMail.schema.parse(bag.mails[0])).toMatchObject({ rootId, header: { messageId: '<1@a.example>', priority: 'normal' } });
}, 50_000);

/** The oldest message of a queue as text, taken off it. */
async function take(queue: string): Promise<string | undefined> {
  const taken = await vhost.api('POST', `queues/${vhost.name}/${queue}/get`, { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' });
  const [first]: unknown[] = Array.isArray(taken) ? taken : [];
  return typeof first === 'object' && first !== null && 'payload' in first ? String(first.payload) : undefined;
}
