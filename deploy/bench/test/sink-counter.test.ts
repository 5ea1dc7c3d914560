import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { appendFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { monotonicMs } from '../src/generator/job.ts';
import { sinkCounter } from '../src/sink-counter.ts';

let dir = '';
let list = '';
const line = (id: string, t = 5, to: readonly string[] = ['Partner00@relay.example']) =>
  `${JSON.stringify({ t, id: `<${id}@load.example>`, from: 'x@y.example', to, file: 'f' })}\n`;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bench-sink-'));
  list = path.join(dir, 'received.jsonl');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('counts by Message-ID what was added since the mark', () => {
  appendFileSync(list, line('tag.0'));
  const counter = sinkCounter(list);
  counter.mark();
  appendFileSync(list, line('tag.1', 11) + line('other.2') + line('tag.1', 12) + 'no json\n');
  const { of, foreign } = counter.collect(['tag']);
  expect(of.get('tag')).toEqual([
    { number: 1, place: 'partner00@relay.example', name: '<tag.1@load.example>', atMs: 11 },
    { number: 1, place: 'partner00@relay.example', name: '<tag.1@load.example>', atMs: 12 },
  ]);
  expect(foreign).toBe(2);
});

test('a line is read when it is whole', () => {
  const counter = sinkCounter(list);
  counter.mark();
  const whole = line('tag.3');
  appendFileSync(list, whole.slice(0, 20));
  expect(counter.collect(['tag']).of.size).toBe(0);
  appendFileSync(list, whole.slice(20));
  expect(counter.collect(['tag']).of.get('tag')?.[0]?.number).toBe(3);
});

test('follows the list when it begins anew', () => {
  const counter = sinkCounter(list);
  appendFileSync(list, line('tag.0'));
  counter.mark();
  appendFileSync(list, line('tag.1'));
  renameSync(list, `${list}.1`);
  appendFileSync(list, line('tag.2'));
  expect(
    counter
      .collect(['tag'])
      .of.get('tag')
      ?.map(({ number }) => number),
  ).toEqual([1, 2]);
});

test('waits for as many as are expected, and no longer than it is quiet', async () => {
  const counter = sinkCounter(list);
  counter.mark();
  const waited = counter.wait(new Map([['partner00@relay.example', 2]]), { quietMs: 5_000, until: monotonicMs() + 5_000 });
  appendFileSync(list, line('tag.0'));
  setImmediate(() => appendFileSync(list, line('tag.1')));
  expect(await waited).toBe('complete');
  expect(await counter.wait(new Map([['partner00@relay.example', 3]]), { quietMs: 20, until: monotonicMs() + 5_000 })).toBe('quiet');
});
