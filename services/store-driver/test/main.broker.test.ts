import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Envelope, OutboundMail, TransferMail } from '@mailrail/contracts';
import { type Ledger, redisLedger } from '@mailrail/ledger';
import { newCopyId, noHeader } from '@mailrail/mail';
import { ConfigError, type Running } from '@mailrail/pipeline';
import { type ServicePlace, servicePlace } from '@mailrail/pipeline/service-place';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { mailTo, messageBytes, waitFor } from '@mailrail/testing';
import { badmailQueue, queueName } from '@mailrail/topology';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { start } from '../src/main.ts';

const roles = ['submit', 'transfer', 'deliver'];
let place: ServicePlace;
let env: NodeJS.ProcessEnv;
let ledger: Ledger;
let running: Running[] = [];

beforeAll(async () => {
  place = await servicePlace();
  env = { ...place.env, MAILBOX_DIR: join(place.folder, 'mailboxes') };
  ledger = redisLedger({ url: place.redis.redisUrl, log: silentLog, metrics: createMetrics('test') });
  running = await Promise.all(roles.map((role) => start(env, role)));
  await place.ready(...running);
}, 50_000);

afterAll(async () => {
  await Promise.all([...running.map((one) => one.stop()), ledger.close()]);
  await place.close();
});

test('a stored message passes submission and transfer', async () => {
  const mail = { ...(await storedMail()), header: noHeader };
  await place.publish('mts-in', mail);
  const stored = TransferMail.schema.parse(await taken(queueName('mta')));
  expect(stored).toMatchObject({ rootId: mail.rootId, content: mail.content, storedAt: expect.any(Number) });

  await place.publish('mta.smtp', { ...stored, copyId: newCopyId(), protocol: 'smtp' });
  const rendered = OutboundMail.schema.parse(await taken(queueName('mts-out')));
  expect(rendered).toMatchObject({ rootId: mail.rootId, storedAt: stored.storedAt, renderedAt: expect.any(Number) });
}, 50_000);

test('content that is not what was promised goes to badmail, with the reason to read', async () => {
  const mail = await storedMail();
  const changed = { ...mail.content, sha256: 'f'.repeat(64) };
  await place.publish('mta.smtp', { ...mail, content: changed, header: noHeader, storedAt: 1, protocol: 'smtp' });
  const parked = await waitFor(() => place.take(badmailQueue('mta.smtp')), { what: 'the parked mail', timeoutMs: 20_000 });
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
  await place.publish('store.local-delivery', delivery);
  await place.publish('store.local-delivery', { ...delivery, copyId: newCopyId() });

  await waitFor(async () => (await ledger.effects([`m:${mail.rootId}:guid-1`]))[0] !== undefined, {
    what: 'the note in the ledger',
    timeoutMs: 20_000,
  });
  const settled = async () => {
    const metrics = await place.metrics(...running);
    return metrics.some((text) => /mailrail_mails_handled_total\{outcome="done",stage="store-driver.deliver"\} 2/.test(text));
  };
  await waitFor(settled, { what: 'both copies of the mail handled', timeoutMs: 20_000 });
  expect(await ledger.counts()).toMatchObject({ delivered: 2 });

  const original = await stat(place.content.filePath(mail.content.ref) ?? '');
  for (const person of people) {
    const unseen = join(place.folder, 'mailboxes', person, 'Maildir', 'new');
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

const storedMail = (): Promise<Envelope> => place.withContent(mailTo(['ada@corp.example']), 'internet', messageBytes());

/** The only mail of the next bag in a queue. */
async function taken(queue: string): Promise<unknown> {
  const { mails } = await place.takeBag(queue);
  expect(mails).toHaveLength(1);
  return mails[0];
}
