import { afterEach, expect, test } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import type { OutgoingMessage } from '@mailrail/broker';
import { mailTo, waitFor } from '@mailrail/testing';
import { BagWriter } from '../src/bag-writer.ts';

const clocks: { now: number }[] = [];
// A writer whose clock stands still would look again for ever whether a bag's time has come, and hold the process.
afterEach(() => {
  for (const clock of clocks.splice(0)) clock.now += 60_000;
});

function recorded(gapMs = 0, endAtConfirm = false) {
  const sent: { message: OutgoingMessage; epoch: number | undefined; confirm: () => void; fail: (error: Error) => void }[] = [];
  const bus = {
    publish: (message: OutgoingMessage, epoch?: number) =>
      new Promise<void>((resolve, reject) => {
        sent.push({ message, epoch, confirm: resolve, fail: reject });
      }),
  };
  const clock = { now: 1_000_000 };
  clocks.push(clock);
  return { sent, clock, writer: new BagWriter(bus, undefined, { maxGapMs: gapMs, endAtConfirm }, undefined, () => clock.now) };
}
const counts = (sent: { message: OutgoingMessage }[]) => sent.map(({ message }) => message.headers['mails']);

test('one mail leaves alone, at the end of its turn', async () => {
  const { sent, writer } = recorded();
  const added = writer.add('mta', mailTo(['ada@corp.example']));
  expect(sent).toHaveLength(0);
  await turn();
  expect(counts(sent)).toEqual([1]);
  expect(sent[0]?.message.headers).toMatchObject({ recipients: 1, lane: 'normal', 'first-recipient-domain': 'corp.example' });
  sent[0]?.confirm();
  await added;
});

test('what is added in one turn for one queue leaves in bags of at most sixteen', async () => {
  const { sent, writer } = recorded();
  for (let index = 0; index < 40; index += 1) void writer.add('mta', mailTo(['ada@corp.example']));
  void writer.add('mta.smtp', mailTo(['ada@corp.example']));
  await turn();
  expect(counts(sent)).toEqual([16, 16, 8, 1]);
  const bag: { schema: string; mails: unknown[] } = JSON.parse(sent[0]?.message.body.toString() ?? '');
  expect([bag.schema, bag.mails.length]).toEqual(['mta.v1', 16]);
});

test('next hops and channels do not share a bag', async () => {
  const { sent, writer } = recorded();
  const mail = mailTo(['ada@corp.example']);
  const routed = (destination: string) => ({ ...mail, connector: 'internet', destination, routedBy: '' });
  void writer.add('connector.internet', routed('a.example'), 1);
  void writer.add('connector.internet', routed('b.example'), 1);
  void writer.add('connector.internet', routed('b.example'), 2);
  await turn();
  expect(sent.map(({ message, epoch }) => [message.key, epoch])).toEqual([
    ['connector.internet', 1],
    ['connector.internet', 1],
    ['connector.internet', 2],
  ]);
});

test('a bag of more than one mail stays below 64 KB; a larger mail goes alone', async () => {
  const { sent, writer } = recorded();
  const many = Array.from({ length: 100 }, (_, index) => `${'x'.repeat(50)}${index}@corp.example`);
  for (let index = 0; index < 6; index += 1) void writer.add('mta', mailTo(many));
  await turn();
  expect(sent.length).toBeGreaterThan(1);
  for (const { message } of sent) {
    if (message.headers['mails'] !== 1) expect(message.body.length).toBeLessThanOrEqual(65_536);
  }
});

test('under load bags of one way leave a gap apart and fill; another way does not wait for it', async () => {
  const { sent, clock, writer } = recorded(30);
  const leave = async (station = 'mta', count = 1) => {
    for (let index = 0; index < count; index += 1) void writer.add(station, mailTo(['ada@corp.example']));
    await turn();
  };
  await leave('mta', 800); // a rate at which the gap is at its most
  const before = sent.length;
  for (let index = 0; index < 4; index += 1) {
    clock.now += 7;
    await leave();
  }
  expect(sent).toHaveLength(before);
  await leave('mta.smtp');
  expect(sent).toHaveLength(before + 1);
  clock.now += 3;
  await waitFor(() => sent.length > before + 1, { what: 'the bag whose time has come' });
  expect(counts(sent).at(-1)).toBe(4);
});

test('at rest nothing waits', async () => {
  const { sent, clock, writer } = recorded(30);
  for (let index = 0; index < 3; index += 1) {
    clock.now += 60;
    void writer.add('mta', mailTo(['ada@corp.example']));
    await turn();
    expect(sent).toHaveLength(index + 1);
  }
});

test('where senders wait, a bag waits for the one before it, and not when that is confirmed', async () => {
  const { sent, writer } = recorded(200, true);
  const add = async (station: string, count: number) => {
    for (let index = 0; index < count; index += 1) writer.add(station, mailTo(['ada@corp.example'])).catch(() => {});
    await turn();
  };
  await add('mta', 800); // the rate at which the gap is at its most
  const full = sent.length;
  await add('mta', 2);
  expect(sent).toHaveLength(full);
  await add('mta.smtp', 1);
  expect(sent).toHaveLength(full + 1); // nothing of its own way is under way
  for (const { confirm } of sent.slice(1)) confirm();
  await turn();
  expect(sent).toHaveLength(full + 1); // one is still out
  sent[0]?.confirm();
  await turn();
  expect(counts(sent).at(-1)).toBe(2);
  sent.at(-1)?.fail(new Error('refused'));
  await turn();
  await add('mta', 1);
  expect(counts(sent).at(-1)).toBe(1); // a failure ends it as well
});

test('a full bag waits for no gap', async () => {
  const { sent, writer } = recorded(200);
  for (let index = 0; index < 33; index += 1) void writer.add('mta', mailTo(['ada@corp.example']));
  await turn();
  expect(counts(sent)).toEqual([16, 16]);
});

test('a bag that fails fails for each of its mails', async () => {
  const { sent, writer } = recorded();
  const both = [writer.add('mta', mailTo(['ada@corp.example'])), writer.add('mta', mailTo(['ben@corp.example']))];
  await turn();
  sent[0]?.fail(new Error('refused'));
  expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
});

test('a lane the next station does not have is its normal one', async () => {
  const { sent, writer } = recorded();
  void writer.add('mta', mailTo(['ada@corp.example'], { lane: 'high' }));
  await turn();
  expect(sent[0]?.message.key).toBe('mta');
});
