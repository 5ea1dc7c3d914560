import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { balance } from '@mailrail/ledger';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { trace } from '../src/commands/trace.ts';
import { stageTimes } from '../src/demo/stage-times.ts';
import { UsageError } from '../src/options.ts';
import { logLines } from '../src/trace/log-lines.ts';
import { timeline } from '../src/trace/timeline.ts';

const root = '0198c1f2-7a55-7b1c-9d4e-5f60a1b2c3d4';
const part = '11111111-7a55-5b1c-9d4e-5f60a1b2c3d4';
const other = '0198c1f2-7a55-7b1c-9d4e-ffffffffffff';
const line = (at: number, stage: string, more: object = {}) =>
  `${JSON.stringify({ level: 'info', at, stage, rootId: root, mailId: root, attempt: 1, outcome: 'done', recipients: 2, durationMs: 1, settledMs: 2.5, event: 'mail.handled', ...more })}\n`;

let data = '';
beforeAll(async () => {
  data = await mkdtemp(path.join(tmpdir(), 'mailrail-trace-'));
  const logs = path.join(data, 'logs');
  await mkdir(logs);
  await writeFile(path.join(logs, 'translator.log'), line(1_005, 'translator') + line(900, 'translator', { rootId: other, mailId: other }));
  await writeFile(
    path.join(logs, 'gateway.log.1'),
    line(1_000, 'gateway', { event: 'gateway.accepted', outcome: undefined, settledMs: undefined }),
  );
  await writeFile(
    path.join(logs, 'categorizer.log'),
    `not JSON ${root}\n{"cut off ${root}\n${line(1_020, 'categorizer', { mailId: part, outcome: 'transient', reason: 'directory: down', attempt: 2 })}`,
  );
  await mkdir(path.join(data, 'content', '2026-11-02T10', '41'), { recursive: true });
  await writeFile(
    path.join(data, 'content', '2026-11-02T10', '41', `${root}.smtp`),
    'Return-Path: <>\r\nMessage-Id: <Seven@Corp.example>\r\n\r\n<not-this@corp.example>',
  );
});
afterAll(async () => {
  await rm(data, { recursive: true, force: true });
});

async function run(...argv: string[]): Promise<{ code: number; text: string }> {
  const printed: string[] = [];
  const code = await trace.run([...argv, '--data', data], { env: {}, cwd: '/', print: (text) => printed.push(text) });
  return { code, text: printed.join('\n') };
}

test('the way of a mail over all logs, in the order of time', async () => {
  const lines = await logLines(path.join(data, 'logs'), (text) => text.includes(root));
  expect(lines.map(({ stage }) => stage)).toEqual(['gateway', 'translator', 'categorizer']);
  expect(timeline(lines)).toEqual([
    '       0 ms  gateway #1                 gateway.accepted            recipients=2',
    '       3 ms  translator #1              done          2.5 ms  recipients=2',
    '      18 ms  categorizer #2             transient     2.5 ms  attempt=2 recipients=2: directory: down',
  ]);
});

test('a stage that has its confirms after the next one is done still comes before it', () => {
  const of = (at: number, stage: string, settledMs?: number) => ({ at, stage, event: 'mail.handled', outcome: 'done', settledMs });
  const lines = timeline([of(1_000, 'gateway'), of(1_042, 'store-driver.deliver', 2), of(1_048, 'categorizer', 26), of(1_060, 'mta', 1)]);
  expect(lines.map((line) => line.split(/ +/).slice(1, 4).join(' '))).toEqual([
    '0 ms gateway',
    '22 ms categorizer',
    '40 ms store-driver.deliver',
    '59 ms mta',
  ]);
});

test.each([
  ['its id', root],
  ['the id of a part', part],
  ['a Message-ID, in any case', '<seven@corp.example>'],
  ['a Message-ID without brackets', 'seven@corp.example'],
])('a mail is found by %s', async (_, id) => {
  const { code, text } = await run(id);
  expect(code).toBe(0);
  expect(text).toContain(root);
  expect(text.split('\n')).toHaveLength(4);
});

test.each([['0198c1f2-7a55-7b1c-9d4e-000000000000'], ['<not-this@corp.example>']])('%s is not known', async (id) => {
  const { code, text } = await run(id);
  expect(code).toBe(1);
  expect(text).toContain('nothing is known');
});

test('one id is needed', async () => {
  await expect(run()).rejects.toThrow(UsageError);
});

test('times of stages', async () => {
  const lines = await logLines(path.join(data, 'logs'), () => true);
  expect(stageTimes(lines)).toEqual([
    { stage: 'translator', mails: 2, medianMs: 2.5, longestMs: 2.5 },
    { stage: 'categorizer', mails: 1, medianMs: 2.5, longestMs: 2.5 },
  ]);
});

test('recipients that came in and are in no end state are open', () => {
  expect(balance({ accepted: 3, members: 5, reports: 1, delivered: 5, failed: 1, expanded: 2 })).toMatchObject({ open: 1 });
  expect(balance({})).toMatchObject({ open: 0 });
});
