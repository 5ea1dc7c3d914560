import { describe, expect, test } from '@jest/globals';
import { memoryLedger } from '@mailrail/ledger';
import { backoffMs, destinationState } from '../src/destination-state.ts';
import { schedule } from './line.ts';

describe('the back-off', () => {
  test('grows from 10 s to 10 minutes', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 100].map((failures) => backoffMs(failures, schedule) / 1_000)).toEqual([
      10, 20, 40, 80, 160, 320, 600, 600, 600,
    ]);
  });
  test('is never longer than the schedule’s wait', () => {
    const short = { glitchRetries: [1_000, 2_000], retries: [5_000], thenEvery: 30_000 };
    expect([1, 2, 3, 4, 9].map((failures) => backoffMs(failures, short) / 1_000)).toEqual([1, 2, 5, 30, 30]);
  });
});

/** Two pods of one connector. */
function pods() {
  let now = 1_000_000;
  const clock = () => now;
  const ledger = memoryLedger(clock);
  const pod = () => destinationState({ ledger, now: clock, random: () => 0 });
  return { ledger, one: pod(), other: pod(), wait: (ms: number) => (now += ms) };
}
const closed = (reason: string, delayMs: number) => ({ kind: 'closed', reason, delayMs });

describe('the state', () => {
  test('unknown is open', async () => {
    const { one } = pods();
    expect(await one.pass('x', schedule)).toEqual({ kind: 'open' });
  });

  test('after a failure it rests for every pod, then one probe goes', async () => {
    const { one, other, wait } = pods();
    await one.failed('x', 'connection refused', schedule);
    const resting = closed('connection refused; not tried again before 00:16:50Z', 10_000);
    expect(await one.pass('x', schedule)).toEqual(resting);
    expect(await other.pass('x', schedule)).toEqual(resting);
    expect(await one.pass('y', schedule)).toEqual({ kind: 'open' });
    wait(10_000);
    expect(await other.pass('x', schedule)).toEqual({ kind: 'open' });
    const waiting = closed('connection refused; another mail is trying now', 10_000);
    expect(await one.pass('x', schedule)).toEqual(waiting);
    expect(await other.pass('x', schedule)).toEqual(waiting);
  });

  test('a probe that fails doubles the rest; one that never ends is followed by another', async () => {
    const { one, other, wait } = pods();
    await one.failed('x', 'refused', schedule);
    wait(10_000);
    expect(await one.pass('x', schedule)).toEqual({ kind: 'open' });
    await one.failed('x', 'refused', schedule);
    expect(await one.pass('x', schedule)).toMatchObject({ delayMs: 20_000 });
    wait(20_000);
    expect(await one.pass('x', schedule)).toEqual({ kind: 'open' });
    wait(20_000);
    expect(await other.pass('x', schedule)).toEqual({ kind: 'open' });
  });

  test('a success opens it for every pod within a second', async () => {
    const { one, other, wait } = pods();
    await one.failed('x', 'refused', schedule);
    await other.pass('x', schedule);
    wait(10_000);
    await one.pass('x', schedule);
    await one.succeeded('x');
    expect(await one.pass('x', schedule)).toEqual({ kind: 'open' });
    wait(1_001);
    expect(await other.pass('x', schedule)).toEqual({ kind: 'open' });
  });

  test('twenty sessions that fail together are one failure', async () => {
    const { one, other, ledger } = pods();
    await Promise.all(Array.from({ length: 20 }, () => one.failed('x', 'reset', schedule)));
    await other.failed('x', 'reset', schedule);
    expect(await ledger.destinations.get('x')).toMatchObject({ failures: 1 });
    expect(await other.pass('x', schedule)).toMatchObject({ delayMs: 10_000 });
  });

  test('a silent ledger leaves strangers open, and what failed here rests all the same', async () => {
    const { one, ledger, wait } = pods();
    ledger.silent = true;
    expect(await one.pass('x', schedule)).toEqual({ kind: 'open' });
    await one.failed('x', 'refused', schedule);
    expect(await one.pass('x', schedule)).toMatchObject({ kind: 'closed' });
    wait(1_001);
    expect(await one.pass('x', schedule)).toEqual({ kind: 'open' });
  });

  test('a busy destination costs no call a mail', async () => {
    const { one, ledger } = pods();
    let calls = 0;
    const { destinations } = ledger;
    const get = destinations.get.bind(destinations);
    destinations.get = (name) => {
      calls += 1;
      return get(name);
    };
    for (let at = 0; at < 100; at++) {
      await one.pass('x', schedule);
      await one.succeeded('x');
    }
    expect(calls).toBe(1);
  });
});
