import { describe, expect, test } from '@jest/globals';
import { memoryContentStore } from '@mailrail/content-store';
import { type Envelope, OutboundMail, type QueuedMail, type SubmittedMail, TransferMail } from '@mailrail/contracts';
import { noHeader } from '@mailrail/mail';
import type { Outcome } from '@mailrail/pipeline';
import { mailTo } from '@mailrail/testing';
import { submit } from '../src/submit.ts';
import { transfer } from '../src/transfer.ts';

const now = Date.parse('2026-11-23T10:00:00Z');

function summary(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'done':
      return outcome.emits.map((emit) => (emit.kind === 'mail' ? emit.station : 'later')).join();
    case 'transient':
      return `transient (${outcome.ladder}): ${outcome.reason}`;
    case 'permanent':
      return `permanent ${outcome.status}`;
    case 'poison':
      return `poison: ${outcome.reason}`;
    default:
      return outcome satisfies never;
  }
}

/** A mail whose content is in the store. */
async function stored(change: (content: Envelope['content']) => Partial<Envelope['content']> = () => ({}), attempt = 1) {
  const content = memoryContentStore();
  const mail = mailTo(['ada@corp.example'], { attempt });
  const { ref, sizeBytes, sha256 } = await content.put({ rootId: mail.rootId, form: 'internet' }, [Buffer.alloc(100, 'x')]);
  const facts = { ...mail.content, ref, sizeBytes, sha256 };
  return { content, ref, mail: { ...mail, header: noHeader, content: { ...facts, ...change(facts) } } };
}

interface Row {
  name: string;
  attempt?: number;
  content?: (content: Envelope['content']) => Partial<Envelope['content']>;
  store?: 'lost' | 'silent';
  submit: string;
  transfer: string;
}
const missing = 'transient (internal): content missing';
const silent = 'transient (internal): content store: reading a body: EIO';
const rows: Row[] = [
  { name: 'in the store, as promised', submit: 'mta', transfer: 'mts-out' },
  { name: 'not there', store: 'lost', submit: missing, transfer: missing },
  { name: 'not there at the 8th attempt', store: 'lost', attempt: 8, submit: missing, transfer: missing },
  {
    name: 'not there at the 9th attempt',
    store: 'lost',
    attempt: 9,
    submit: 'poison: content missing, 9 times',
    transfer: 'poison: content missing, 9 times',
  },
  { name: 'the store does not answer', store: 'silent', submit: silent, transfer: silent },
  { name: 'the store does not answer, however often', store: 'silent', attempt: 99, submit: silent, transfer: silent },
  {
    name: 'another size',
    content: ({ sizeBytes }) => ({ sizeBytes: sizeBytes + 1 }),
    submit: 'poison: content has 100 bytes, not 101',
    transfer: 'poison: content does not match its digest',
  },
  {
    name: 'another digest',
    content: () => ({ sha256: '0'.repeat(64) }),
    submit: 'mta', // it is not read before transfer
    transfer: 'poison: content does not match its digest',
  },
  {
    name: 'a reference that leads out of the store',
    content: () => ({ ref: '../../etc/passwd' }),
    submit: 'poison: content: not a reference of this store',
    transfer: 'poison: content: not a reference of this store',
  },
];

describe.each(rows)('$name', ({ attempt, content: change, store, ...expected }) => {
  const prepared = async () => {
    const { content, ref, mail } = await stored(change, attempt);
    if (store === 'lost') content.lose(ref);
    if (store === 'silent') content.outage = 'reading a body: EIO';
    return { content, mail };
  };

  test('submit', async () => {
    const { content, mail } = await prepared();
    const submitted: SubmittedMail = mail;
    expect(summary(await submit(submitted, { content, now }))).toEqual(expected.submit);
  });

  test('transfer', async () => {
    const { content, mail } = await prepared();
    const queued: QueuedMail = { ...mail, storedAt: now, protocol: 'smtp' };
    expect(summary(await transfer(queued, { content, now }))).toEqual(expected.transfer);
  });
});

test('submit adds when the message was in the store, and changes nothing else', async () => {
  const { content, mail } = await stored();
  const outcome = await submit(mail, { content, now });
  if (outcome.kind !== 'done') throw new Error(outcome.kind);
  expect(outcome.emits).toEqual([{ kind: 'mail', station: 'mta', mail: { ...mail, storedAt: now } }]);
  expect(TransferMail.schema.parse(outcome.emits[0]?.mail)).toEqual({ ...mail, storedAt: now });
});

test('transfer adds when it was rendered, and leaves the protocol behind', async () => {
  const { content, mail } = await stored();
  const outcome = await transfer({ ...mail, storedAt: 1, protocol: 'smtp' }, { content, now });
  if (outcome.kind !== 'done') throw new Error(outcome.kind);
  expect(outcome.emits).toEqual([{ kind: 'mail', station: 'mts-out', mail: { ...mail, storedAt: 1, renderedAt: now } }]);
  expect(OutboundMail.schema.parse(outcome.emits[0]?.mail)).toEqual({ ...mail, storedAt: 1, renderedAt: now });
});

test('a mistake of the store’s is thrown, not taken for a fact about mail', async () => {
  const { mail } = await stored();
  const broken = () => Promise.reject(new TypeError('undefined is not a function'));
  await expect(submit(mail, { content: { size: broken }, now })).rejects.toThrow(TypeError);
  await expect(transfer({ ...mail, storedAt: 1, protocol: 'smtp' }, { content: { verify: broken }, now })).rejects.toThrow(TypeError);
});
