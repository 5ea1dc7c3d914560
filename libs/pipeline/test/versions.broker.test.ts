import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { contract, type Envelope, previously, SubmittedMail } from '@mailrail/contracts';
import { waitFor } from '@mailrail/testing';
import { z } from 'zod';
import { done, type Outcome, poison, toStation, transient } from '../src/index.ts';
import { type LineForTests, lineForTests, mailsOf, submitted } from './line-for-tests.ts';

/** The next version of what is in MTS-IN: it must say when the mail was translated. Its release still writes the first one. */
const v1 = SubmittedMail.schema;
const Next = contract('mts-in', 2, z.object({ ...v1.shape, translatedAt: z.int() }), {
  writes: 1,
  previous: [
    previously(1, v1, {
      upgrade: (mail) => ({ ...mail, translatedAt: mail.origin.at }),
      downgrade: ({ translatedAt: _translatedAt, ...mail }) => mail,
    }),
  ],
});

let line: LineForTests;
beforeAll(async () => {
  line = await lineForTests();
});
afterAll(async () => line.close());
beforeEach(async () => {
  for (const queue of line.topology.queues) await line.channel.purgeQueue(queue.name);
});
afterEach(async () => line.stopStages());
const until = <V>(what: string, condition: () => Promise<V | undefined | false>) => waitFor(condition, { what, timeoutMs: 8_000 });
const newBuild = (handle: (mail: Envelope) => Outcome, writes?: number) =>
  line.stage(handle, {
    consumes: Next as never, // the test line is typed by the contracts of this build
    config: {
      AMQP_URL: line.vhost.amqpUrl,
      REDIS_URL: '',
      ADMIN_HOST: '127.0.0.1',
      ADMIN_PORT: 0,
      ...(writes === undefined ? {} : { WRITE_VERSIONS: new Map([['mts-in', writes]]) }),
    },
  });
const ofVersion = (version: 1 | 2) => (version === 1 ? submitted() : { ...submitted(), translatedAt: 1 });

test('both versions are read, and the handler sees the current one', async () => {
  const seen: object[] = [];
  await newBuild((mail) => {
    seen.push(mail);
    return done([toStation('mta', { ...mail, storedAt: 1 } as Envelope)]);
  });
  const [old, young] = [ofVersion(1), ofVersion(2)];
  await line.put([old], { schema: 'mts-in.v1' });
  await line.put([young], { schema: 'mts-in.v2' });
  await until('both seen', async () => seen.length === 2);
  const at = (mail: Envelope) => seen.find((one) => 'mailId' in one && one.mailId === mail.mailId);
  expect(at(old)).toMatchObject({ translatedAt: old.origin.at });
  expect(at(young)).toMatchObject({ translatedAt: 1 });
});

test.each([
  ['the release’s own choice: the version the old build reads', undefined, 'mts-in.v1', false],
  ['one release later, by configuration: the new one', 2, 'mts-in.v2', true],
] as const)('what waits in the ladder is written by %s', async (_name, writes, schema, hasNew) => {
  await newBuild(() => transient('directory: no answer', { delayMs: 60_000 }), writes);
  await line.put([ofVersion(2)], { schema: 'mts-in.v2' });
  const waiting = await until('on the rung', () => line.take('retry.1m'));
  expect(waiting.properties.type).toBe(schema);
  const [mail] = mailsOf(waiting);
  expect([JSON.parse(waiting.content.toString()).schema, 'translatedAt' in (mail ?? {})]).toEqual([schema, hasNew]);
  expect(mail?.attempt).toBe(2);
});

test('what is parked is in a version that its return can be read in', async () => {
  await newBuild(() => poison('content does not match its digest'));
  await line.put([ofVersion(1)], { schema: 'mts-in.v1' });
  const parked = await until('parked', () => line.take('2.mts-in.badmail'));
  expect(v1.safeParse(mailsOf(parked)[0]).success).toBe(true);
  expect(parked.properties.type).toBe('mts-in.v1');
});

test('a version that is read no longer is parked whole, bytes untouched, and says so', async () => {
  await newBuild(() => done());
  const body = '{"schema":"mts-in.v0","mails":[{"from":"long ago"}]}';
  await line.putRaw(body, { type: 'mts-in.v0' });
  const parked = await until('parked', () => line.take('2.mts-in.badmail'));
  expect(parked.content.toString()).toBe(body);
  expect(parked.properties.headers).toMatchObject({ reason: 'schema mts-in.v0 is read no longer', cause: 'unknown version' });
});

test('a newer version of another station does not wait here: it does not belong', async () => {
  await newBuild(() => done());
  await line.putRaw('{"schema":"mta.v9","mails":[1]}', { type: 'mta.v9' });
  const parked = await until('parked', () => line.take('2.mts-in.badmail'));
  expect(parked.properties.headers).toMatchObject({ reason: 'schema mta.v9 does not belong here' });
});

test('old and new build side by side on one queue, mail of both versions: each mail handled once, by one that reads it', async () => {
  const handled = new Map<string, string>();
  const note = (build: string) => (mail: Envelope) => {
    handled.set(mail.mailId, build);
    return done();
  };
  await line.stage(note('old'));
  await newBuild(note('new'));
  const old = Array.from({ length: 40 }, () => ofVersion(1));
  for (const mail of old) await line.put([mail], { schema: 'mts-in.v1' });
  await until('all handled', async () => handled.size === old.length);
  expect(new Set(handled.values())).toEqual(new Set(['old', 'new']));
  // The wrong order: somebody writes the new version while an old build still reads. It waits for its reader.
  const young = Array.from({ length: 40 }, () => ofVersion(2));
  for (const mail of young) await line.put([mail], { schema: 'mts-in.v2' });
  const byNew = () => young.filter(({ mailId }) => handled.get(mailId) === 'new').length;
  await until('handled or on the rung', async () => byNew() + (await line.depth('retry.1m')) === young.length);
  expect(byNew()).toBeGreaterThan(0);
  expect(await line.depth('retry.1m')).toBeGreaterThan(0);
  expect(await line.depth('2.mts-in.badmail')).toBe(0);
});
