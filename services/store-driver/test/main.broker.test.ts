import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type ContentStore, filesystemContentStore } from '@mailrail/content-store';
import { Bag, type Envelope, OutboundMail, TransferMail } from '@mailrail/contracts';
import { type Ledger, redisLedger } from '@mailrail/ledger';
import { newCopyId, noHeader } from '@mailrail/mail';
import { ConfigError, type Running } from '@mailrail/pipeline';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { freshVhost, mailTo, messageBytes, redisForTests, type TestRedis, type Vhost, waitFor } from '@mailrail/testing';
import { badmailQueue, declareTopology, queueName, topologyOf } from '@mailrail/topology';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../src/main.ts';

const roles = ['submit', 'transfer', 'deliver'];
let folder: string;
let vhost: Vhost;
let redis: TestRedis;
let env: NodeJS.ProcessEnv;
let content: ContentStore;
let ledger: Ledger;
let running: Running[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'store-driver-'));
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
    MAILBOX_DIR: join(folder, 'mailboxes'),
    LOG_LEVEL: 'silent',
  };
  content = filesystemContentStore({ directory: join(folder, 'content') });
  ledger = redisLedger({ url: redis.redisUrl, log: silentLog, metrics: createMetrics('test') });
  running = await Promise.all(roles.map((role) => start(env, role)));
  const ready = async () => {
    const answers = await Promise.all(running.map(({ adminPort }) => fetch(`http://127.0.0.1:${adminPort}/health/ready`)));
    return answers.every(({ ok }) => ok);
  };
  await waitFor(ready, { what: 'all roles ready', timeoutMs: 20_000 });
}, 50_000);

afterAll(async () => {
  await Promise.all([...running.map((one) => one.stop()), ledger.close()]);
  await Promise.all([vhost.drop(), redis.drop(), rm(folder, { recursive: true })]);
});

test('a stored message passes submission and transfer', async () => {
  const mail = { ...(await storedMail()), header: noHeader };
  await publish('mts-in', mail);
  const stored = TransferMail.schema.parse(await taken(queueName('mta')));
  expect(stored).toMatchObject({ rootId: mail.rootId, content: mail.content, storedAt: expect.any(Number) });

  await publish('mta.smtp', { ...stored, copyId: newCopyId(), protocol: 'smtp' });
  const rendered = OutboundMail.schema.parse(await taken(queueName('mts-out')));
  expect(rendered).toMatchObject({ rootId: mail.rootId, storedAt: stored.storedAt, renderedAt: expect.any(Number) });
}, 50_000);

test('content that is not what was promised goes to badmail, with the reason to read', async () => {
  const mail = await storedMail();
  const changed = { ...mail.content, sha256: 'f'.repeat(64) };
  await publish('mta.smtp', { ...mail, content: changed, header: noHeader, storedAt: 1, protocol: 'smtp' });
  const parked = await waitFor(() => take(badmailQueue('mta.smtp')), { what: 'the parked mail', timeoutMs: 20_000 });
  expect(parked.headers).toMatchObject({ reason: 'content does not match its digest' });
}, 50_000);

test('a message is in each mailbox once, as a link of the one stored file, however often it comes', async () => {
  const mail = await storedMail();
  const people = ['ada@corp.example', 'ben@corp.example'];
  const recipients = mailTo(people, { rootId: mail.rootId }).recipients.map((one, i) => ({
    ...one,
    mailbox: { id: `guid-${i}`, address: people[i] ?? '' },
  }));
  const delivery = { ...mail, recipients, renderedAt: 1, submittedAt: 1 };
  await publish('store.local-delivery', delivery);
  await publish('store.local-delivery', { ...delivery, copyId: newCopyId() });

  await waitFor(async () => (await ledger.effects([`m:${mail.rootId}:guid-1`]))[0] !== undefined, {
    what: 'the note in the ledger',
    timeoutMs: 20_000,
  });
  const settled = async () => {
    const metrics = await Promise.all(running.map(async ({ adminPort }) => (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text()));
    return metrics.some((text) => /mailrail_mails_handled_total\{outcome="done",stage="store-driver.deliver"\} 2/.test(text));
  };
  await waitFor(settled, { what: 'both copies of the mail handled', timeoutMs: 20_000 });
  expect(await ledger.counts()).toMatchObject({ delivered: 2 });

  const original = await stat(content.filePath(mail.content.ref) ?? '');
  for (const person of people) {
    const unseen = join(folder, 'mailboxes', person, 'Maildir', 'new');
    const names = await readdir(unseen);
    expect(names).toEqual([expect.stringMatching(new RegExp(`^\\d{10}\\.${mail.rootId}\\.ex1\\.corp\\.example$`, 'i'))]);
    expect((await stat(join(unseen, names[0] ?? ''))).ino).toBe(original.ino);
    expect(await readFile(join(unseen, names[0] ?? ''), 'utf8')).toContain('Hello.');
  }
}, 50_000);

test('without a role, or without its folder, it does not start and says so', async () => {
  await expect(start(env, undefined)).rejects.toThrow('the role must be submit, transfer or deliver, not nothing');
  await expect(start(env, 'report')).rejects.toThrow(ConfigError);
  const { MAILBOX_DIR: _, ...without } = env;
  await expect(start(without, 'deliver')).rejects.toThrow(/MAILBOX_DIR/);
});

async function storedMail(): Promise<Envelope> {
  const mail = mailTo(['ada@corp.example']);
  const { ref, sizeBytes, sha256 } = await content.put({ rootId: mail.rootId, form: 'internet' }, [messageBytes()]);
  return { ...mail, content: { ...mail.content, ref, sizeBytes, sha256 } };
}

async function publish<Mail extends Envelope>(station: string, mail: Mail): Promise<void> {
  await vhost.api('POST', `exchanges/${vhost.name}/mail/publish`, {
    routing_key: station,
    payload: JSON.stringify({ schema: `${station}.v1`, mails: [mail] }),
    payload_encoding: 'string',
    properties: { message_id: mail.copyId, type: `${station}.v1`, delivery_mode: 2, headers: {} },
  });
}

/** The only mail of the next bag in a queue. */
async function taken(queue: string): Promise<unknown> {
  const { payload } = await waitFor(() => take(queue), { what: `a mail in ${queue}`, timeoutMs: 20_000 });
  const { mails } = Bag.parse(JSON.parse(payload));
  expect(mails).toHaveLength(1);
  return mails[0];
}

interface Taken {
  payload: string;
  headers: Record<string, unknown>;
}

/** The oldest message of a queue, taken off it. */
async function take(queue: string): Promise<Taken | undefined> {
  const answer = await vhost.api('POST', `queues/${vhost.name}/${queue}/get`, { count: 1, ackmode: 'ack_requeue_false', encoding: 'auto' });
  const [first] = answer as { payload: string; properties: { headers?: Record<string, unknown> } }[]; // the management API's form
  return first === undefined ? undefined : { payload: first.payload, headers: first.properties.headers ?? {} };
}
