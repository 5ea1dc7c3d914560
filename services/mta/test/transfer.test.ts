import { describe, expect, test } from '@jest/globals';
import { GatewayMail, type Lane, QueuedMail, type TransferMail } from '@mailrail/contracts';
import { type HeaderFacts, noHeader } from '@mailrail/mail';
import { organizationOf } from '@mailrail/organization';
import type { Outcome } from '@mailrail/pipeline';
import { mailTo } from '@mailrail/testing';
import { transfer } from '../src/transfer.ts';

const now = Date.parse('2026-11-23T10:00:00Z');
const organization = organizationOf({ limits: { messageBytes: '1MB', hops: 30 } }).current();
const allLanes: readonly Lane[] = ['high', 'normal', 'low'];

function mail(header: Partial<HeaderFacts> = {}, more: Partial<TransferMail> = {}): TransferMail {
  return { ...mailTo(['ada@corp.example']), header: { ...noHeader, ...header }, storedAt: now, ...more };
}

async function decide(of: TransferMail, lanes: readonly Lane[] = allLanes): Promise<Outcome> {
  return transfer(of, { organization, lanes, now });
}

function summary(outcome: Outcome): string {
  if (outcome.kind === 'permanent') return `permanent ${outcome.status}`;
  if (outcome.kind === 'transient') return `transient ${outcome.delayMs} ms, counted: ${outcome.countAttempt !== false}`;
  if (outcome.kind === 'poison') return 'poison';
  return outcome.emits
    .map((emit) => {
      const queued = QueuedMail.schema.parse(emit.mail);
      return `${emit.kind === 'mail' ? emit.station : 'later'} ${queued.lane} ${queued.protocol}`;
    })
    .join();
}

const megabyte = 1_048_576;
const content = (sizeBytes: number) => ({ content: { ...mail().content, sizeBytes } });
const rows: { name: string; mail: TransferMail; lanes?: readonly Lane[]; expected: string }[] = [
  { name: 'passes', mail: mail(), expected: 'mta.smtp normal smtp' },
  { name: 'urgent', mail: mail({ priority: 'urgent' }), expected: 'mta.smtp high smtp' },
  { name: 'non-urgent', mail: mail({ priority: 'non-urgent' }), expected: 'mta.smtp low smtp' },
  { name: 'urgent, but the queue has one lane', mail: mail({ priority: 'urgent' }), lanes: ['normal'], expected: 'mta.smtp normal smtp' },
  { name: 'a lane chosen before stays', mail: mail({ priority: 'urgent' }, { lane: 'low' }), expected: 'mta.smtp low smtp' },
  {
    name: 'a lane that is not there becomes normal',
    mail: mail({}, { lane: 'low' }),
    lanes: ['normal', 'high'],
    expected: 'mta.smtp normal smtp',
  },
  { name: '30 Received on arrival, and ours', mail: mail({ receivedCount: 31 }), expected: 'mta.smtp normal smtp' },
  { name: '31 Received on arrival, and ours: a loop', mail: mail({ receivedCount: 32 }), expected: 'permanent 5.4.6' },
  { name: 'too many sites: a loop', mail: mail({}, { hop: 31 }), expected: 'permanent 5.4.6' },
  { name: 'as large as it may be, and our own lines', mail: mail({}, content(megabyte + 8_192)), expected: 'mta.smtp normal smtp' },
  { name: 'too large', mail: mail({}, content(megabyte + 8_193)), expected: 'permanent 5.2.3' },
  { name: 'deferred', mail: mail({}, { dueAt: now + 90_000 }), expected: 'transient 90000 ms, counted: false' },
  { name: 'due now', mail: mail({}, { dueAt: now }), expected: 'mta.smtp normal smtp' },
  {
    name: 'a loop is told before the deferred time',
    mail: mail({ receivedCount: 99 }, { dueAt: now + 90_000 }),
    expected: 'permanent 5.4.6',
  },
  { name: 'the null sender, too', mail: mail({}, { sender: null }), expected: 'mta.smtp normal smtp' },
];
test.each(rows)('$name', async ({ mail: of, lanes, expected }) => {
  expect(summary(await decide(of, lanes))).toBe(expected);
});

test('nothing but lane and protocol changes, and a time that is over goes', async () => {
  const of = mail({ receivedCount: 2 }, { dueAt: now - 1 });
  const outcome = await decide(of);
  const { dueAt: _over, ...rest } = of;
  expect(outcome.kind === 'done' && outcome.emits[0]?.mail).toEqual({ ...rest, protocol: 'smtp' });
});

describe('recipients behind a foreign system', () => {
  const withGateway = organizationOf({
    gateways: [{ name: 'gwapi', kind: 'folder', dialect: 'gwapi', addressSpaces: [{ space: 'GWISE:*' }] }],
  }).current();
  const take = (of: TransferMail) => transfer(of, { organization: withGateway, lanes: allLanes, now });

  test('go into the queue of their gateway', async () => {
    const outcome = await take(mail({}, { gateway: 'gwapi' }));
    const [emit] = outcome.kind === 'done' ? outcome.emits : [];
    expect(emit).toMatchObject({ station: 'mta.gwapi' });
    expect(GatewayMail.schema.parse(emit?.mail)).toMatchObject({ gateway: 'gwapi', storedAt: now });
  });
  test('pass the same checks', async () => {
    expect(await take(mail({ receivedCount: 99 }, { gateway: 'gwapi' }))).toMatchObject({ kind: 'permanent', status: '5.4.6' });
  });
  test.each([
    [1, { kind: 'transient', ladder: 'internal' }],
    [4, { kind: 'permanent', status: '5.3.0' }],
  ])('whose gateway this pod does not know, at attempt %i', async (attempt, expected) => {
    expect(await take(mail({}, { gateway: 'gone', attempt }))).toMatchObject(expected);
  });
  test('others never name one', async () => {
    const outcome = await take(mail());
    const [emit] = outcome.kind === 'done' ? outcome.emits : [];
    expect(emit).toMatchObject({ station: 'mta.smtp' });
    expect(emit?.mail).not.toHaveProperty('gateway');
  });
});
