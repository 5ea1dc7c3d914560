import { describe, expect, test } from '@jest/globals';
import { goalLines } from '../src/goals.ts';
import type { Repetition } from '../src/repetition.ts';
import { mainTable, processTable, ratioOf, remarks } from '../src/report.ts';
import { exitCode } from '../src/result-text.ts';
import { summarize } from '../src/summary.ts';

const repetition = (changes: Partial<Repetition> = {}): Repetition => ({
  startedAt: 0,
  n: 1_000,
  accepted: 1_000,
  arrived: 1_000,
  seconds: 2,
  perSecond: 500,
  acceptedPerSecond: 600,
  replyMs: { p50: 5, p99: 20, max: 30 },
  deliveryMs: { p50: 8, p99: 40, max: 50 },
  watchErrorMs: undefined,
  cpuSeconds: { gateway: 1, rabbitmq: 1.5 },
  generatorCpuSeconds: 0.3,
  sinkCpuSeconds: 0,
  memoryMb: { gateway: 80, rabbitmq: 120 },
  lost: 0,
  doubled: 0,
  misplaced: 0,
  foreign: 0,
  refused: 0,
  deferred: 0,
  dropped: 0,
  rejected: 0,
  unanswered: 0,
  unsent: 0,
  ended: 'complete',
  waiting: 0,
  restarted: [],
  ...changes,
});

describe('a summary', () => {
  test('medians of figures, sums of counts', () => {
    const summary = summarize('W1', 'mailrail', [
      repetition({ perSecond: 400, cpuSeconds: { gateway: 2, rabbitmq: 1 } }),
      repetition({ perSecond: 500, lost: 1 }),
      repetition({ perSecond: 700, lost: 2 }),
    ]);
    expect(summary.perSecond).toEqual({ median: 500, min: 400, max: 700 });
    expect(summary.cpuSecondsPer1000).toEqual({ total: { median: 2.5, min: 2.5, max: 3 }, by: { gateway: 1, rabbitmq: 1.5 } });
    expect(summary.lost).toBe(3);
    expect(summary.whole).toBe(false);
    expect(summary.complete).toBe(true);
  });

  test('CPU time counts for what arrived', () => {
    expect(summarize('W1', 'm', [repetition({ arrived: 500 })]).cpuSecondsPer1000?.total.median).toBe(5);
    expect(summarize('W1', 'm', [repetition({ arrived: 0 })]).cpuSecondsPer1000?.total.median).toBe(0);
  });

  test('a process that died makes its CPU time unknown', () => {
    const summary = summarize('W1', 'm', [repetition(), repetition({ restarted: ['gateway'] })]);
    expect(summary.cpuSecondsPer1000).toBeUndefined();
    expect(summary.restarted).toEqual(['gateway']);
  });

  test.each([
    [{ ended: 'time up' }, { whole: true, complete: false, stopped: 1 }],
    [{ unsent: 1 }, { whole: true, complete: false, stopped: 0 }],
    [{ doubled: 1 }, { whole: false, complete: true, stopped: 0 }],
    [{ misplaced: 1 }, { whole: false, complete: true, stopped: 0 }],
  ] as const)('%j', (changes, expected) => {
    const { whole, complete, stopped } = summarize('W1', 'm', [repetition(), repetition(changes)]);
    expect({ whole, complete, stopped }).toEqual(expected);
  });
});

const line = summarize('W1', 'mailrail', [repetition(), repetition({ perSecond: 600 })]);
const postfix = summarize('W1', 'postfix', [repetition({ perSecond: 275, cpuSeconds: { postfix: 5 }, memoryMb: { postfix: 100 } })]);

test('two systems stand together with their ratio below', () => {
  const rows = mainTable([line, postfix])
    .split('\n')
    .map((row) => row.split('|').map((cell) => cell.trim()));
  const column = rows[0]?.indexOf('copies/s') ?? -1;
  expect(rows.slice(2).map((row) => [row[1], row[2], row[column]])).toEqual([
    ['W1', 'mailrail', '550 [500..600]'],
    ['W1', 'postfix', '275'],
    ['', 'mailrail : postfix', '2.00'],
  ]);
});

test('processes stand in rows, workloads in columns', () => {
  const other = summarize('W3', 'mailrail', [repetition({ cpuSeconds: { gateway: 0.1 } })]);
  const rows = processTable([line, postfix, other], 'mailrail', 'cpuSecondsPer1000')?.split('\n');
  expect(rows?.map((row) => row.replaceAll(/ +/g, ' '))).toEqual([
    '| process | W1 | W3 |',
    '| -------- | --: | --: |',
    '| gateway | 1 | 0.1 |',
    '| rabbitmq | 1.5 | |',
    '| all | 2.5 | 0.1 |',
  ]);
  expect(processTable([line], 'exim', 'memoryMb')).toBeUndefined();
});

test.each([
  [{ median: 6, min: 1, max: 9 }, { median: 3, min: 3, max: 3 }, 2],
  [1, 4, 0.25],
  [0, 4, undefined],
  [-3, 4, undefined],
  [undefined, 4, undefined],
])('ratio of %j and %j is %p', (first, second, expected) => {
  expect(ratioOf(first, second)).toBe(expected);
});

test('remarks tell only what is out of the ordinary', () => {
  const odd = summarize('W4-200', 'mailrail', [
    repetition({ refused: 3, ended: 'time up', waiting: 7 }),
    repetition({ restarted: ['mta'] }),
  ]);
  expect(remarks([line, odd])).toEqual([
    'W4-200 mailrail: 1 of 2 repetitions stopped at the time limit, started again meanwhile: mta, 7 waiting, 3 refused',
  ]);
});

test('goals are judged where both sides are there', () => {
  expect(goalLines([line, postfix], 'mailrail')).toEqual([
    'met     W1: rate, times Postfix’s (at least 1.5): 2',
    'met     W1: CPU seconds for 1,000 mails (at most 2.8): 2.5',
    'MISSED  W1: CPU seconds of the gateway for 1,000 mails (under 0.9): 1',
  ]);
  expect(goalLines([line], 'mailrail')).toEqual([
    'met     W1: CPU seconds for 1,000 mails (at most 2.8): 2.5',
    'MISSED  W1: CPU seconds of the gateway for 1,000 mails (under 0.9): 1',
  ]);
  expect(goalLines([postfix], 'mailrail')).toEqual([]);
  const secured = summarize('W1-tls', 'mailrail', [repetition({ perSecond: 220 })]);
  expect(goalLines([line, secured], 'mailrail').at(-1)).toBe('MISSED  W1-tls: rate, times that of W1 (at least 0.5): 0.4');
  expect(goalLines([secured], 'mailrail')).toEqual([]);
  const slow = summarize('W5', 'mailrail', [repetition({ deliveryMs: { p50: 41, p99: 100, max: 200 } })]);
  expect(goalLines([slow], 'mailrail')).toEqual([
    'MISSED  W5: 250 to file, p50 ms (under 40): 41',
    'met     W5: 250 to file, p99 ms (under 150): 100',
  ]);
});

describe('exit code', () => {
  const code = (changes: Partial<Repetition>, more: Partial<Parameters<typeof exitCode>[0]> = {}) =>
    exitCode({ summaries: [summarize('W1', 'mailrail', [repetition(), repetition(changes)])], left: [], late: {}, ...more });
  test.each([
    ['all whole', code({}), 0],
    ['lost', code({ lost: 1, ended: 'quiet' }), 1],
    ['doubled', code({ doubled: 1 }), 1],
    ['doubled after the counting', code({}, { late: { mailrail: { late: 0, doubled: 1 } } }), 1],
    ['only late', code({}, { late: { mailrail: { late: 3, doubled: 0 } } }), 0],
    ['stopped', code({ ended: 'time up', waiting: 5 }), 2],
    ['left out', code({}, { left: ['W2'] }), 2],
    ['lost and stopped', code({ lost: 1, unsent: 1 }), 1],
  ])('%s', (_, found, expected) => {
    expect(found).toBe(expected);
  });
});
