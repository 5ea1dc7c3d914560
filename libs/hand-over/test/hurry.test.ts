import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, jest, test } from '@jest/globals';
import type { RoutedMail } from '@mailrail/contracts';
import { newCopyId } from '@mailrail/mail';
import { routedTo, storeOf } from './fakes.ts';
import { connectorTo, schedule, summary } from './line.ts';
import { type Phase, scriptedServer } from './scripted-server.ts';

/** A mail whose sender is to hear of the delay in `ms`. */
function lateIn(ms: number, more: Partial<RoutedMail> = {}): RoutedMail {
  const mail = routedTo(['ada@remote.example']);
  return { ...mail, origin: { ...mail.origin, at: Date.now() - schedule.delayReportAfter + ms }, ...more };
}
const within = /(?:no (?:greeting|reply .*)|the server does not take the message) within (\d+) (ms|s)$/;
/** How long the phase that was given up had, as the outcome says it. */
function hadMs(words: readonly string[]): number {
  const [, count, unit] = within.exec(words[0] ?? '') ?? [];
  return Number(count) * (unit === 's' ? 1_000 : 1);
}

/** Time that passes only when the test says so, while sockets go on: how busy the machine is then plays no part. */
function stoppedTime() {
  jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'clearImmediate', 'queueMicrotask', 'performance', 'hrtime'] });
  return { [Symbol.dispose]: () => void jest.useRealTimers() };
}
/** Turns of the event loop until something is so, with so much time passing in each. */
async function turnsUntil(isSo: () => boolean, turnMs = 0): Promise<void> {
  const startedAt = performance.now();
  while (!isSo()) {
    if (performance.now() - startedAt > 20_000) throw new Error('it did not come');
    if (turnMs > 0) jest.advanceTimersByTime(turnMs);
    await turn();
  }
}
/** @returns what comes of it, with 10 ms passing in each turn. */
async function passing<Value>(coming: Promise<Value>): Promise<Value> {
  let settled = false;
  const seen = coming.finally(() => {
    settled = true;
  });
  await turnsUntil(() => settled, 10);
  return seen;
}

describe('a silent remote holds a mail no longer than the mail has time', () => {
  const phases: readonly Phase[] = ['CONNECT', 'EHLO', 'MAIL', 'RCPT', 'DATA'];
  test.each(phases)('%s', async (silent) => {
    await using server = await scriptedServer({ offers: ['8BITMIME'], say: (phase) => (phase === silent ? 'hang' : undefined) });
    using connector = connectorTo([server.port], { limits: { hurriedMs: 100 } });
    const mail = lateIn(300);
    const outcome = await connector.handle(mail);
    expect(outcome).toMatchObject({ kind: 'transient' });
    expect('countAttempt' in outcome).toBe(false); // an attempt, so that the delay is reported with it
    expect(hadMs(summary(outcome))).toBeLessThanOrEqual(350);
    // The report is due when the attempt is over, and not at the next one.
    expect(Date.now() - mail.origin.at).toBeGreaterThanOrEqual(schedule.delayReportAfter);
  });

  test('the text, which it does not take', async () => {
    await using server = await scriptedServer({ onData: (_, socket) => void socket.pause() });
    const bytes = Buffer.concat([Buffer.from('Return-Path: <zoe@elsewhere.example>\r\n'), Buffer.alloc(24_000_000, 'line of text\r\n')]);
    using connector = connectorTo([server.port], { store: storeOf({ body: bytes }), limits: { hurriedMs: 100 } });
    const mail = routedTo(['ada@remote.example'], { bytes });
    const outcome = await connector.handle({ ...mail, origin: { ...mail.origin, at: Date.now() - schedule.delayReportAfter + 300 } });
    expect(hadMs(summary(outcome))).toBeLessThanOrEqual(350);
  });

  test('until it expires, where the delay was reported or nobody is to be told', async () => {
    await using server = await scriptedServer({ say: (phase) => (phase === 'CONNECT' ? 'hang' : undefined) });
    using _time = stoppedTime();
    using connector = connectorTo([server.port], { limits: { hurriedMs: 50 } });
    for (const [at, told] of [{ delayReported: true }, { sender: null }].entries()) {
      const handled = connector.handle(lateIn(0, { ...told, expiresAt: Date.now() + 250 }));
      await turnsUntil(() => server.sessions.length > at);
      await turn(); // the client's end of it is up no later than in the next turn
      const outcome = await passing(handled);
      expect(hadMs(summary(outcome))).toBeGreaterThan(200);
      expect(hadMs(summary(outcome))).toBeLessThanOrEqual(300);
    }
  });

  test('a place in the connector, too', async () => {
    await using server = await scriptedServer({ say: (phase) => (phase === 'END' ? 'hang' : undefined) });
    using _time = stoppedTime();
    using connector = connectorTo([server.port], { current: { maxSessions: 1 }, limits: { finalMs: 600, hurriedMs: 50 } });
    const first = connector.handle(lateIn(60_000));
    const startedAt = Date.now();
    expect(summary(await passing(connector.handle(lateIn(100))))).toEqual(['transient (transport): no session came free in time']);
    expect(Date.now() - startedAt).toBeLessThan(500);
    await passing(first);
  });
});

test('a mail whose time is over still gets a few seconds for each phase, and a remote that answers within them is not cut short', async () => {
  const pauseMs = 200;
  let pauses = 0;
  await using server = await scriptedServer({
    say: (phase, _, { socket }) => {
      const replies: Partial<Record<Phase, string>> = { CONNECT: '220 mx', EHLO: '250 mx', END: '250 2.0.0 taken' };
      const reply = replies[phase];
      if (reply === undefined) return undefined;
      setTimeout(() => socket.write(`${reply}\r\n`), pauseMs);
      pauses += 1;
      return 'hang';
    },
  });
  using _time = stoppedTime();
  using connector = connectorTo([server.port], { limits: { hurriedMs: 1.8 * pauseMs } });
  const handled = connector.handle(lateIn(-60_000));
  for (let count = 1; count <= 3; count += 1) {
    await turnsUntil(() => pauses === count);
    jest.advanceTimersByTime(pauseMs);
  }
  expect(summary(await handled)).toEqual(['handed-over 1']);
});

test('what was given up in a hurry says nothing about the destination: the next mail tries it', async () => {
  let silent = true;
  await using server = await scriptedServer({ say: (phase) => (phase === 'CONNECT' && silent ? 'hang' : undefined) });
  using connector = connectorTo([server.port], { limits: { hurriedMs: 50 } });
  const mail = lateIn(-60_000);
  expect(hadMs(summary(await connector.handle(mail)))).toBe(50);
  silent = false;
  expect(summary(await connector.handle({ ...mail, copyId: newCopyId(), delayReported: true }))).toEqual(['handed-over 1']);
});

test('a hurried mail does not wake a destination that rests: it is no answer', async () => {
  await using server = await scriptedServer({ offers: ['8BITMIME'], say: (phase) => (phase === 'MAIL' ? 'hang' : undefined) });
  using connector = connectorTo([server.port], { limits: { hurriedMs: 50 } });
  await connector.ledger.destinations.fail('internet/remote.example', 'refused', 0);
  await connector.handle(lateIn(-60_000));
  expect(await connector.ledger.destinations.get('internet/remote.example')).toMatchObject({ failures: 1 });
});
