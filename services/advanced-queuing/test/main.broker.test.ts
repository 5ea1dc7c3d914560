import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { filesystemContentStore } from '@mailrail/content-store';
import { AcceptedMail, Bag } from '@mailrail/contracts';
import { allFailed, ConfigError, type Running } from '@mailrail/pipeline';
import { freshVhost, mailTo, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { declareTopology, queueName, topologyOf } from '@mailrail/topology';
import { start } from '../src/main.ts';

let folder: string;
let vhost: Vhost;
let redis: TestRedis;
let env: NodeJS.ProcessEnv;
let running: Running[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'advanced-queuing-'));
  [vhost, redis] = await Promise.all([freshVhost(), redisForTests()]);
  await declareTopology(topologyOf([]), vhost.amqpUrl, vhost.managementUrl);
  const file = join(folder, 'organization.yaml');
  await writeFile(
    file,
    'organization: Corp\nsite: london\nserver: EX1\nservers: [{ name: EX1, site: london }]\ndomains: [{ name: corp.example, type: authoritative }]\npostmaster: postmaster@corp.example\n',
  );
  env = {
    AMQP_URL: vhost.amqpUrl,
    REDIS_URL: redis.redisUrl,
    ORGANIZATION_FILE: file,
    CONTENT_DIR: join(folder, 'content'),
    LOG_LEVEL: 'silent',
  };
  running = await Promise.all([start(env, 'submit'), start(env, 'report')]);
}, 30_000);

afterAll(async () => {
  await Promise.all(running.map((one) => one.stop()));
  await Promise.all([vhost.drop(), redis.drop(), rm(folder, { recursive: true })]);
});

test('a failure in aq.reports becomes a report that passes submission into aq.pre-categorization', async () => {
  const ready = async () => {
    const answers = await Promise.all(running.map(({ adminPort }) => fetch(`http://127.0.0.1:${adminPort}/health/ready`)));
    return answers.every(({ ok }) => ok);
  };
  await waitFor(ready, { what: 'both roles ready', timeoutMs: 20_000 });
  const failed = allFailed(mailTo(['nobody@corp.example']), '5.1.1', 'no entry has this address', 'categorizer');
  const publish = () =>
    vhost.api('POST', `exchanges/${vhost.name}/mail/publish`, {
      routing_key: 'aq.reports',
      payload: JSON.stringify({ schema: 'aq.reports.v1', mails: [failed] }),
      payload_encoding: 'string',
      properties: { message_id: failed.copyId, type: 'aq.reports.v1', delivery_mode: 2, headers: {} },
    });
  await publish();

  const taken = await waitFor(() => take(queueName('aq.pre-categorization')), { what: 'the report', timeoutMs: 20_000 });
  const bag = Bag.parse(JSON.parse(taken));
  expect(bag.schema).toBe('aq.pre-categorization.v1');
  const report = AcceptedMail.schema.parse(bag.mails[0]);
  expect(report).toMatchObject({ sender: null, origin: { dialect: 'report' }, recipients: [{ address: 'SMTP:zoe@elsewhere.example' }] });
  const content = filesystemContentStore({ directory: join(folder, 'content') });
  expect(await content.verify(report.content.ref)).toEqual({ sizeBytes: report.content.sizeBytes, sha256: report.content.sha256 });

  // The same again, as after a crash: counted as a repeat at submission, and nothing follows.
  await publish();
  const repeats = async () => {
    const metrics = await Promise.all(running.map(async ({ adminPort }) => (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()));
    return metrics.some((text) => /mailrail_mails_handled_total\{outcome="repeat",stage="advanced-queuing.submit"\} 1/.test(text));
  };
  await waitFor(repeats, { what: 'the repeat to be dropped', timeoutMs: 20_000 });
  expect(await take(queueName('aq.pre-categorization'))).toBeUndefined();
}, 60_000);

test('without a role it does not start, and says so', async () => {
  await expect(start(env, undefined)).rejects.toThrow(ConfigError);
  await expect(start(env, 'deliver')).rejects.toThrow('the role must be submit or report, not deliver');
});

/** The oldest message of a queue as text, taken off it. */
async function take(queue: string): Promise<string | undefined> {
  const taken = await vhost.api('POST', `queues/${vhost.name}/${queue}/get`, { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' });
  const [first]: unknown[] = Array.isArray(taken) ? taken : [];
  return typeof first === 'object' && first !== null && 'payload' in first ? String(first.payload) : undefined;
}
