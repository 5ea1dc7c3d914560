import { expect, test } from '@jest/globals';
import { createMetrics, type InHand } from '../src/index.ts';

const now = 1_000_000;
const values = async (metrics: ReturnType<typeof createMetrics>) => {
  const text = await metrics.registry.metrics();
  return ['mailrail_mails_in_hand', 'mailrail_bags_in_hand', 'mailrail_oldest_taken_age_seconds'].map((name) =>
    Number(new RegExp(`^${name}\\{stage="mta"\\} (\\S+)$`, 'm').exec(text)?.[1]),
  );
};

test.each<{ name: string; inHand: InHand | undefined; mails: number; bags: number; seconds: number }>([
  { name: 'nobody told what is in hand', inHand: undefined, mails: 0, bags: 0, seconds: 0 },
  { name: 'idle', inHand: { mails: 0, bags: 0, oldestSentAtMs: undefined }, mails: 0, bags: 0, seconds: 0 },
  { name: 'taken just now', inHand: { mails: 1, bags: 1, oldestSentAtMs: now }, mails: 1, bags: 1, seconds: 0 },
  { name: 'the oldest waited 2.5 s', inHand: { mails: 20, bags: 3, oldestSentAtMs: now - 2_500 }, mails: 20, bags: 3, seconds: 2.5 },
  { name: 'a publisher’s clock runs ahead', inHand: { mails: 1, bags: 1, oldestSentAtMs: now + 300 }, mails: 1, bags: 1, seconds: 0 },
])('$name', async ({ inHand, mails, bags, seconds }) => {
  const metrics = createMetrics('mta', () => now);
  if (inHand !== undefined) metrics.observeInHand(() => inHand);
  expect(await values(metrics)).toEqual([mails, bags, seconds]);
});

test('asked at each scrape: the age grows while a mail is in hand, and is gone with it', async () => {
  let at = now;
  let oldestSentAtMs: number | undefined = now;
  const metrics = createMetrics('mta', () => at);
  metrics.observeInHand(() => ({ mails: oldestSentAtMs === undefined ? 0 : 1, bags: 0, oldestSentAtMs }));
  const seen: (number | undefined)[] = [];
  for (const step of [0, 10_000, 20_000]) {
    at = now + step;
    seen.push((await values(metrics))[2]);
  }
  oldestSentAtMs = undefined;
  seen.push((await values(metrics))[2]);
  expect(seen).toEqual([0, 10, 20, 0]);
});
