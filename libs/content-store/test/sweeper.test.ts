import { describe, expect, test } from '@jest/globals';
import { setImmediate } from 'node:timers/promises';
import { ContentStoreError, maySweep, runSweeper, type SweeperTurn, type Verdict, type WaitingMail } from '../src/index.ts';

const hour = 3_600_000;
const day = 24 * hour;
const queue = (change: Partial<WaitingMail>): WaitingMail => ({ queue: '3.mta', mails: 10, consumers: 1, oldestAgeMs: 1_000, ...change });

describe('maySweep', () => {
  const cases: { name: string; queues: WaitingMail[] | 'silent'; retentionMs?: number; gives: string }[] = [
    { name: 'nothing waits', queues: [], gives: 'ok' },
    { name: 'all move', queues: [queue({}), queue({ queue: '4.mts-out' })], gives: 'ok' },
    {
      name: 'an empty queue needs no consumer and no age',
      queues: [queue({ mails: 0, consumers: 0, oldestAgeMs: undefined })],
      gives: 'ok',
    },
    {
      name: 'mail and nobody who takes it',
      queues: [queue({}), queue({ queue: '5.x', consumers: 0 })],
      gives: '5.x has 10 mails and no consumer',
    },
    { name: 'a rung has no consumer by nature', queues: [queue({ queue: 'retry.1h', consumers: 0, emptiesItself: true })], gives: 'ok' },
    {
      name: 'a rung with old mail',
      queues: [queue({ queue: 'retry.1h', consumers: 0, emptiesItself: true, oldestAgeMs: 2 * day })],
      gives: 'retry.1h has a mail 48 h old; bodies are kept 72 h',
    },
    { name: 'just young enough', queues: [queue({ oldestAgeMs: 2 * day - 1 })], gives: 'ok' },
    {
      name: 'a consumer that does not get to the old mail',
      queues: [queue({ oldestAgeMs: 2 * day })],
      gives: '3.mta has a mail 48 h old; bodies are kept 72 h',
    },
    { name: 'nobody knows how old', queues: [queue({ oldestAgeMs: undefined })], gives: '3.mta has 10 mails of unknown age' },
    { name: 'the broker is silent', queues: 'silent', gives: 'the broker does not say what waits' },
    {
      name: 'a short retention has half of it as its margin',
      queues: [queue({ oldestAgeMs: 5 * hour })],
      retentionMs: 12 * hour,
      gives: 'ok',
    },
    {
      name: 'a short retention, old mail',
      queues: [queue({ oldestAgeMs: 6 * hour })],
      retentionMs: 12 * hour,
      gives: '3.mta has a mail 6 h old; bodies are kept 12 h',
    },
  ];
  test.each(cases)('$name: $gives', ({ queues, retentionMs = 3 * day, gives }) => {
    const verdict = maySweep(queues, retentionMs);
    expect(verdict.ok ? 'ok' : verdict.reason).toBe(gives);
  });
});

describe('runSweeper', () => {
  function sweeper({ sweeps, verdicts }: { sweeps: (number | Error)[]; verdicts?: (Verdict | Error)[] }) {
    const turns: SweeperTurn[] = [];
    const asked: number[] = [];
    const waits: { action: () => void; delayMs: number }[] = [];
    const running = runSweeper({
      store: {
        async sweep(olderThan) {
          asked.push(olderThan);
          const next = sweeps.shift() ?? 0;
          if (next instanceof Error) throw next;
          return next;
        },
      },
      retentionMs: () => 3 * day,
      async lineIsMoving() {
        const next = verdicts?.shift() ?? { ok: true };
        if (next instanceof Error) throw next;
        return next;
      },
      tell: (turn) => turns.push(turn),
      everyMs: 1_000,
      now: () => 100 * day,
      timer(action, delayMs) {
        const wait = { action, delayMs };
        waits.push(wait);
        return () => waits.splice(waits.indexOf(wait), 1);
      },
    });
    const turnsSeen = async (count: number) => {
      for (let tries = 0; turns.length < count || waits.length === 0; tries += 1) {
        if (tries > 1_000) throw new Error(`only ${turns.length} turns`);
        await setImmediate();
      }
      return turns;
    };
    return { running, turns, asked, waits, turnsSeen };
  }

  test('sweeps until nothing is left, then again after its time', async () => {
    const { running, asked, waits, turnsSeen, turns } = sweeper({ sweeps: [20_000, 5, 0, 7, 0] });
    expect(await turnsSeen(1)).toEqual([{ kind: 'swept', removed: 20_005 }]);
    expect(asked).toEqual([97 * day, 97 * day, 97 * day]);
    expect(waits.map(({ delayMs }) => delayMs)).toEqual([1_000]);
    waits.pop()?.action();
    await turnsSeen(2);
    expect(turns[1]).toEqual({ kind: 'swept', removed: 7 });
    await running.stop();
    expect(waits).toEqual([]);
  });

  test('stands still while the line does, says why, and goes on when it moves', async () => {
    const { running, asked, waits, turnsSeen } = sweeper({
      sweeps: [3],
      verdicts: [{ ok: false, reason: '3.mta has 1 mails and no consumer' }],
    });
    expect(await turnsSeen(1)).toEqual([{ kind: 'still', reason: '3.mta has 1 mails and no consumer' }]);
    expect(asked).toEqual([]);
    waits.pop()?.action();
    expect((await turnsSeen(2))[1]).toEqual({ kind: 'swept', removed: 3 });
    await running.stop();
  });

  test('a line that stops in the middle of a turn stops the turn', async () => {
    const { running, asked, turnsSeen } = sweeper({ sweeps: [3, 3, 3], verdicts: [{ ok: true }, { ok: false, reason: 'stopped' }] });
    expect(await turnsSeen(1)).toEqual([{ kind: 'still', reason: 'stopped' }]);
    expect(asked).toHaveLength(1);
    await running.stop();
  });

  test.each([
    { name: 'the store fails', sweeps: [new ContentStoreError('unavailable', 'sweeping: EIO')], reason: 'sweeping: EIO' },
    { name: 'the broker cannot be asked', sweeps: [], verdicts: [new Error('connection refused')], reason: 'connection refused' },
  ])('$name: said, and tried again', async ({ reason, ...given }) => {
    const { running, waits, turnsSeen } = sweeper(given);
    expect(await turnsSeen(1)).toEqual([{ kind: 'failed', reason }]);
    waits.pop()?.action();
    expect((await turnsSeen(2))[1]).toEqual({ kind: 'swept', removed: 0 });
    await running.stop();
  });

  test('stopping waits for the turn in progress and begins no other', async () => {
    const { running, turns, waits } = sweeper({ sweeps: [5, 5, 5, 5] });
    await running.stop();
    expect(turns).toHaveLength(1);
    expect(waits).toEqual([]);
  });
});
