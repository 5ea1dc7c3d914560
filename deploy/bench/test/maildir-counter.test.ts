import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ArrivalCounter } from '../src/arrivals.ts';
import { startAudit } from '../src/audit.ts';
import { collectCopies } from '../src/collect-copies.ts';
import { monotonicMs } from '../src/generator/job.ts';
import { maildirCounter } from '../src/maildir-counter.ts';
import { copyOf, tally } from '../src/tally.ts';

let dir = '';
const folder = (user: string) => path.join(dir, user, 'new');
let files = 0;
function deliver(user: string, id: string): string {
  files += 1;
  const [tmp, name] = [path.join(dir, `${files}.tmp`), `${files}.mail`];
  writeFileSync(tmp, `Received: by mx.example\r\nMessage-ID: <${id}@load.example>\r\n\r\nHello.\r\n`);
  renameSync(tmp, path.join(folder(user), name));
  return name;
}
const soon = (quietMs = 20) => ({ quietMs, until: monotonicMs() + 10_000 });
const copiesIn = (counter: ArrivalCounter, tag: string) =>
  (counter.collect([tag]).of.get(tag) ?? []).map(({ number, place }) => copyOf(number, place));

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'bench-maildir-'));
  for (const user of ['ada', 'ben']) mkdirSync(folder(user), { recursive: true });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('counts its own mails, not those from before and not others’', () => {
  deliver('ada', 'tag.0');
  const counter = maildirCounter([folder('ada'), folder('ben'), folder('ada')]);
  counter.mark();
  deliver('ada', 'tag.1');
  deliver('ben', 'tag.2');
  deliver('ben', 'other.3');
  const { of, foreign } = counter.collect(['tag']);
  expect((of.get('tag') ?? []).map(({ number, place }) => copyOf(number, place))).toEqual([
    copyOf(1, folder('ada')),
    copyOf(2, folder('ben')),
  ]);
  expect(foreign).toBe(1);
  expect(counter.collect(['tag'])).toEqual({ of: new Map(), foreign: 0 });
});

test('lost, doubled and misplaced are told apart', () => {
  const counter = maildirCounter([folder('ada'), folder('ben')]);
  counter.mark();
  deliver('ada', 'tag.1');
  deliver('ada', 'tag.1'); // twice
  deliver('ben', 'tag.1'); // not for him
  deliver('ben', 'tag.2');
  deliver('ben', 'tag.4'); // nobody heard a 250
  const expected = new Set([copyOf(1, folder('ada')), copyOf(2, folder('ben')), copyOf(3, folder('ada'))]);
  const { found, ...counts } = tally(expected, new Set([copyOf(4, folder('ben'))]), copiesIn(counter, 'tag'));
  expect(counts).toEqual({ lost: 1, doubled: 1, misplaced: 1 });
  expect(found.has(copyOf(4, folder('ben')))).toBe(true);
});

test('waits for each folder', async () => {
  const counter = maildirCounter([folder('ada'), folder('ben')]);
  counter.mark();
  const waited = counter.wait(
    new Map([
      [folder('ada'), 2],
      [folder('ben'), 1],
    ]),
    soon(5_000),
  );
  deliver('ada', 'tag.0');
  setImmediate(() => {
    deliver('ben', 'tag.1');
    deliver('ada', 'tag.2');
  });
  expect(await waited).toBe('complete');
});

test('gives up after a quiet time, and at its limit', async () => {
  const counter = maildirCounter([folder('ada')]);
  counter.mark();
  deliver('ada', 'tag.0');
  const expected = new Map([[folder('ada'), 2]]);
  expect(await counter.wait(expected, soon(20))).toBe('quiet');
  expect(await counter.wait(expected, { quietMs: 10_000, until: monotonicMs() })).toBe('time up');
});

test('a mailbox that is made with its first mail is waited for', async () => {
  const counter = maildirCounter([folder('new')]);
  counter.mark();
  const waited = counter.wait(new Map([[folder('new'), 1]]), soon(5_000));
  mkdirSync(folder('new'), { recursive: true });
  deliver('new', 'tag.0');
  expect(await waited).toBe('complete');
});

test('foreign mail that was taken for ours is seen as foreign, and the waiting goes on', async () => {
  const counter = maildirCounter([folder('ada')]);
  counter.mark();
  deliver('ada', 'other.0');
  let isThere = false;
  const collecting = collectCopies(counter, 'tag', {
    expected: new Set([copyOf(0, folder('ada'))]),
    possible: new Set(),
    ...soon(5_000),
    atEnd: () => {
      if (!isThere) setImmediate(() => deliver('ada', 'tag.0')); // comes when the first files have been read
      isThere = true;
    },
  });
  const { lost, foreign, ended } = await collecting;
  expect({ lost, foreign, ended }).toEqual({ lost: 0, foreign: 1, ended: 'complete' });
});

test('what does not come is lost', async () => {
  const counter = maildirCounter([folder('ada')]);
  counter.mark();
  deliver('ada', 'tag.0');
  const expected = new Set([0, 1].map((number) => copyOf(number, folder('ada'))));
  const { lost, ended } = await collectCopies(counter, 'tag', { expected, possible: new Set(), ...soon(20), atEnd: () => {} });
  expect({ lost, ended }).toEqual({ lost: 1, ended: 'quiet' });
});

test('copies that share one file have each the time of their own folder', () => {
  const counter = maildirCounter([folder('ada'), folder('ben')]);
  counter.mark();
  const name = deliver('ada', 'tag.0');
  linkSync(path.join(folder('ada'), name), path.join(folder('ben'), name)); // changes the time of both names
  const early = new Date(Date.now() - 60_000);
  utimesSync(folder('ada'), early, early);
  const arrivals = counter.collect(['tag']).of.get('tag') ?? [];
  const at = (user: string) => arrivals.find(({ place }) => place === folder(user))?.atMs;
  expect(at('ada')).toBeCloseTo(early.getTime(), 2);
  expect(at('ben')).toBeCloseTo(Number(statSync(path.join(folder('ben'), name), { bigint: true }).ctimeNs) / 1e6, 3);
});

test('the audit tells a late copy from a second one', () => {
  const counter = maildirCounter([folder('ada')]);
  counter.mark();
  deliver('ada', 'tag.0');
  const expected = new Set([0, 1].map((number) => copyOf(number, folder('ada'))));
  const { found } = tally(expected, new Set(), copiesIn(counter, 'tag'));
  const audit = startAudit();
  audit.add({ tag: 'tag', expected, possible: new Set([copyOf(7, folder('ada'))]), found, files: [] });
  deliver('ada', 'tag.1'); // late
  deliver('ada', 'tag.7'); // late, nobody had answered for it
  deliver('ada', 'tag.0'); // a second time
  deliver('ada', 'tag.9'); // never sent
  audit.check(counter);
  audit.check(counter);
  expect(audit.result()).toEqual({ late: 2, doubled: 2 });
});
