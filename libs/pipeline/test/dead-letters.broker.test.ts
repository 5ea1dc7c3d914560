import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { GetMessage } from 'amqplib';
import { waitFor } from '@mailrail/testing';
import { transient } from '../src/index.ts';
import { type LineForTests, lineForTests, mailsOf, submitted } from './line-for-tests.ts';

let line: LineForTests;
let pinned: string[];
beforeEach(async () => {
  line = await lineForTests();
  pinned = [];
});
afterEach(async () => line.close());

const until = <V>(what: string, condition: () => Promise<V | undefined | false>) => waitFor(condition, { what, timeoutMs: 8_000 });
const parked = () => until('parked', () => line.take('2.mts-in.badmail'));
const headersOf = (message: GetMessage): Record<string, unknown> => message.properties.headers ?? {};

/** Advanced Queuing as far as it concerns dead letters; it consumes another station than the mail of these tests waits at. */
const parker = (hold = async (ref: string) => void pinned.push(ref)) =>
  line.stage(() => transient('not asked'), { station: 'mta', parksDeadLetters: true, content: { hold } });

/** Takes what is at `mts-in` out and rejects it, as a person can in the console. */
async function reject(): Promise<void> {
  const message = await until('the bag', async () => (await line.channel.get('2.mts-in')) || undefined);
  line.channel.nack(message, false, false);
}

test('mail past the delivery limit: parked alone, with reason, return ticket and pinned body, and counted', async () => {
  const mails = [submitted(['ada@corp.example', 'ben@corp.example']), submitted()];
  await line.put(mails, { headers: { mails: 2, 'return-to': 'mts-in' } });
  const { metrics } = await parker();
  // The limit is 1,000 so that looking never reaches it (R6); here it is to be reached.
  await waitFor(
    async () => {
      for (;;) {
        const message = await line.channel.get('2.mts-in');
        if (message === false) return (await line.depth('2.mts-in.badmail')) === 2;
        line.channel.nack(message, false, true);
      }
    },
    { what: 'the broker to give it up', timeoutMs: 30_000 },
  );
  const messages = [await parked(), await parked()];
  for (const [at, message] of messages.entries()) {
    const [mail] = mailsOf(message);
    expect(mailsOf(message)).toHaveLength(1);
    expect(mail?.mailId).toBe(mails[at]?.mailId);
    expect(message.properties.type).toBe('mts-in.v1');
    expect(headersOf(message)).toMatchObject({
      mails: 1,
      'mail-id': mails[at]?.mailId,
      reason: 'the broker gave it up: handed out too often from 2.mts-in, and never settled',
      cause: 'dead-lettered',
      'return-to': 'mts-in',
    });
  }
  expect(pinned).toEqual(mails.map(({ content }) => content.ref));
  expect(await metrics.registry.metrics()).toContain('recipients_total{event="badmail"');
  expect(await line.depth('dead-letters')).toBe(0);
});

test('rejected by hand: parked with that reason; a body that cannot be pinned does not keep it from a person', async () => {
  await line.put([submitted()]);
  await parker(async () => Promise.reject(new Error('the store does not answer')));
  await reject();
  expect(headersOf(await parked())).toMatchObject({ reason: 'the broker gave it up: rejected in 2.mts-in', 'return-to': 'mts-in' });
});

test('what nobody can read is parked whole, bytes untouched; an unreadable mail of a good bag as it was', async () => {
  await parker();
  await line.putRaw('\u0000 not { JSON');
  await reject();
  const whole = await parked();
  expect(whole.content.toString()).toBe('\u0000 not { JSON');
  expect(headersOf(whole)).toMatchObject({ cause: 'dead-lettered', 'return-to': 'mts-in' });
  await line.putRaw(JSON.stringify({ schema: 'mts-in.v1', mails: [{ odd: true }] }));
  await reject();
  expect(JSON.parse((await parked()).content.toString())).toEqual({ schema: 'mts-in.v1', mails: [{ odd: true }] });
  expect(pinned).toEqual([]);
});

test('a dead letter that waits is parked when somebody comes to do it', async () => {
  await line.put([submitted()]);
  await reject();
  await until('it waits', async () => (await line.depth('dead-letters')) === 1);
  expect(await line.depth('2.mts-in.badmail')).toBe(0);
  await parker();
  await parked();
});

test('parked by a stage of a release before: handed on with its own reason, not pinned and counted again', async () => {
  await parker();
  const headers = { reason: 'process died 5 times', cause: 'poison', 'return-to': 'mts-in', attempt: 2 };
  await line.put([submitted()], { station: 'mts-in.badmail', headers });
  expect(headersOf(await parked())).toMatchObject(headers);
  expect(pinned).toEqual([]);
});
