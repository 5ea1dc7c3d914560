import { afterEach, expect, test } from '@jest/globals';
import type { Delivery } from '@mailrail/broker';
import { type Envelope, mailEncoder, SubmittedMail } from '@mailrail/contracts';
import { memoryLedger } from '@mailrail/ledger';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { mailTo, waitFor } from '@mailrail/testing';
import { BagWriter, done, type Outcome, parking } from '../src/index.ts';
import { StageRunner } from '../src/stage-runner.ts';
import { Tracker } from '../src/tracker.ts';
import { organization } from './line-for-tests.ts';

const now = 1_800_000_000_000;
const runners: StageRunner<typeof SubmittedMail>[] = [];
afterEach(() => {
  for (const one of runners.splice(0)) one.close();
});

/** A runner without a broker, whose handler decides when the test says so. */
function runnerWith() {
  const bus = { publish: () => Promise.resolve(), tell: () => {}, epoch: () => 1 };
  const metrics = createMetrics('store-driver.submit', () => now);
  const ledger = memoryLedger();
  const waiting: ((outcome: Outcome) => void)[] = [];
  const encode = mailEncoder();
  const options = {
    stage: 'store-driver.submit',
    station: 'mts-in',
    consumes: SubmittedMail,
    organization,
    ledger,
    log: silentLog,
    metrics,
  };
  const runner = new StageRunner(
    {
      ...options,
      config: { AMQP_URL: '', REDIS_URL: '', ADMIN_HOST: '', ADMIN_PORT: 0 },
      handle: () => new Promise<Outcome>((resolve) => waiting.push(resolve)),
    },
    {
      bus,
      encode,
      writer: new BagWriter(bus, metrics),
      tracker: new Tracker(bus, 'store-driver.submit'),
      parking: parking({ ...options, bus, encode, content: undefined }),
      schedule: () => organization.current().settings.schedule,
      now: () => now,
    },
  );
  runners.push(runner);
  return { runner, metrics, waiting };
}

function delivery(mails: number, headers: Record<string, unknown>): Delivery & { acked: () => boolean } {
  let acked = false;
  const header = { receivedCount: 1, headerBytes: 100, autoSubmitted: false, priority: 'normal' };
  const all = Array.from({ length: mails }, () => ({ ...mailTo(['ada@corp.example']), expiresAt: now + 1_000_000, header }) as Envelope);
  const properties = { headers } as Delivery['properties']; // the runner reads nothing else of them
  return {
    queue: '2.mts-in',
    content: Buffer.from(JSON.stringify({ schema: 'mts-in.v1', mails: all })),
    properties,
    redelivered: false,
    epoch: 1,
    ack: () => {
      acked = true;
    },
    acked: () => acked,
  };
}

test.each([
  { name: 'nothing taken', bags: [], expected: { mails: 0, bags: 0, oldestSentAtMs: undefined } },
  {
    name: 'a bag of three, published 5 s ago',
    bags: [[3, { 'sent-at-ms': now - 5_000 }]],
    expected: { mails: 3, bags: 1, oldestSentAtMs: now - 5_000 },
  },
  {
    name: 'two bags: the oldest counts, whichever came first',
    bags: [
      [1, { 'sent-at-ms': now - 1_000 }],
      [16, { 'sent-at-ms': now - 9_000 }],
    ],
    expected: { mails: 17, bags: 2, oldestSentAtMs: now - 9_000 },
  },
  { name: 'put in by hand: counts from when it was taken', bags: [[1, {}]], expected: { mails: 1, bags: 1, oldestSentAtMs: now } },
  {
    name: 'back from the ladder: its wait there does not count',
    bags: [[1, { 'sent-at-ms': now - 62_000, 'x-death': [{ queue: 'retry.1m' }] }]],
    expected: { mails: 1, bags: 1, oldestSentAtMs: now - 2_000 },
  },
] as { name: string; bags: [number, Record<string, unknown>][]; expected: object }[])('$name', async ({ bags, expected }) => {
  const { runner, waiting } = runnerWith();
  for (const [mails, headers] of bags) runner.take(delivery(mails, headers));
  const total = bags.reduce((sum, [mails]) => sum + mails, 0);
  await waitFor(() => waiting.length === total, { what: 'handlers asked' });
  expect(runner.inHand()).toEqual(expected);
});

test('what is settled is no longer in hand, and the scrape says 0 again', async () => {
  const { runner, metrics, waiting } = runnerWith();
  const [old, young] = [delivery(2, { 'sent-at-ms': now - 30_000 }), delivery(1, { 'sent-at-ms': now - 1_000 })];
  runner.take(old);
  runner.take(young);
  await waitFor(() => waiting.length === 3, { what: 'handlers asked' });
  const scraped = async () => {
    const text = await metrics.registry.metrics();
    const value = (name: string) => Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)$`, 'm').exec(text)?.[1]);
    return [value('mailrail_mails_in_hand'), value('mailrail_bags_in_hand'), value('mailrail_oldest_taken_age_seconds')];
  };
  expect(await scraped()).toEqual([3, 2, 30]);
  waiting[0]?.(done());
  await waitFor(() => runner.inHand().mails === 2, { what: 'one of the bag settled' });
  expect(await scraped()).toEqual([2, 2, 30]);
  waiting[1]?.(done());
  await waitFor(() => old.acked(), { what: 'the old bag acknowledged' });
  expect(await scraped()).toEqual([1, 1, 1]);
  waiting[2]?.(done());
  await waitFor(() => young.acked(), { what: 'the young bag acknowledged' });
  expect(await scraped()).toEqual([0, 0, 0]);
  const text = await metrics.registry.metrics();
  expect(text).toMatch(/^mailrail_taken_bag_mails_sum\{[^}]*\} 3$/m);
  expect(text).toMatch(/^mailrail_taken_bag_mails_count\{[^}]*\} 2$/m);
});
