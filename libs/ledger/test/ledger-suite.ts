import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { Ledger } from '../src/index.ts';

/** What every ledger does, whatever it keeps it in. Keys are new each time, so that runs do not meet. */
export function ledgerSuite(name: string, open: () => Promise<{ ledger: Ledger; close: () => Promise<void> }>): void {
  describe(`ledger: ${name}`, () => {
    let ledger: Ledger;
    let close: () => Promise<void>;
    beforeAll(async () => {
      ({ ledger, close } = await open());
    });
    afterAll(async () => close());
    const key = () => `k:${randomUUID()}`;
    const countOf = async (field: 'accepted' | 'delivered') => {
      const counts = await ledger.counts();
      return counts === 'silent' ? -1 : (counts[field] ?? 0);
    };

    test('a claim belongs to the first copy, and to it again', async () => {
      const one = key();
      expect(await ledger.claim(one, 'copy-1')).toBe('mine');
      expect(await ledger.claim(one, 'copy-1')).toBe('mine');
      expect(await ledger.claim(one, 'copy-2')).toBe('other');
    });

    test('a claim counts once, also when another stage has counted the same fact', async () => {
      const [one, fact] = [key(), key()];
      const before = await countOf('accepted');
      await ledger.countOnce([{ key: fact, count: { field: 'accepted', by: 3 } }]);
      await ledger.claim(one, 'copy', { field: 'accepted', by: 3, once: fact });
      await ledger.claim(one, 'copy', { field: 'accepted', by: 3, once: fact });
      expect((await countOf('accepted')) - before).toBe(3);
    });

    test('an effect is offered to one copy at a time, and done for ever', async () => {
      const effect = key();
      const until = Date.now() + 60_000;
      expect(await ledger.offer(effect, 'copy-1', until)).toEqual({ kind: 'offered' });
      expect(await ledger.offer(effect, 'copy-1', until)).toEqual({ kind: 'offered' });
      expect(await ledger.offer(effect, 'copy-2', until)).toEqual({ kind: 'held', untilMs: until });
      await ledger.withdraw(effect, 'copy-2'); // not his
      expect((await ledger.offer(effect, 'copy-2', until)).kind).toBe('held');
      await ledger.withdraw(effect, 'copy-1');
      expect((await ledger.offer(effect, 'copy-2', until)).kind).toBe('offered');
      await ledger.complete([{ key: effect, outcome: '250 ok: queued', count: { field: 'delivered', by: 1 } }]);
      expect(await ledger.offer(effect, 'copy-3', until)).toEqual({ kind: 'done', outcome: '250 ok: queued' });
      await ledger.withdraw(effect, 'copy-2');
      expect(await ledger.effects([effect, key()])).toEqual([{ kind: 'done', outcome: '250 ok: queued' }, undefined]);
    });

    test('an offer that is over is nobody’s', async () => {
      const effect = key();
      await ledger.offer(effect, 'copy-1', Date.now() - 1);
      expect(await ledger.effects([effect])).toEqual([undefined]);
      expect((await ledger.offer(effect, 'copy-2', Date.now() + 1_000)).kind).toBe('offered');
    });

    test('effects complete together, each counted once; the first outcome stays', async () => {
      const [one, two] = [key(), key()];
      const before = await countOf('delivered');
      const entries = [one, two].map((effect) => ({ key: effect, outcome: 'first', count: { field: 'delivered' as const, by: 1 } }));
      expect(await ledger.complete(entries)).toBe(true);
      expect(await ledger.complete([{ key: one, outcome: 'second', count: { field: 'delivered', by: 1 } }])).toBe(true);
      expect((await countOf('delivered')) - before).toBe(2);
      expect(await ledger.effects([one])).toEqual([{ kind: 'done', outcome: 'first' }]);
    });

    test('crashes are counted until the work ended once', async () => {
      const work = key();
      expect(await ledger.crash.begin(work)).toBe(1);
      expect(await ledger.crash.begin(work)).toBe(2);
      await ledger.crash.end(work);
      expect(await ledger.crash.begin(work)).toBe(1);
    });

    test('a destination backs off, is probed once per period, and is forgiven', async () => {
      const name = key();
      const { destinations } = ledger;
      expect(await destinations.get(name)).toEqual({ slots: 0, backoffUntil: 0, reason: '', failures: 0 });
      await destinations.fail(name, 'refused', 10_000);
      await destinations.fail(name, 'refused again', 20_000);
      const state = await destinations.get(name);
      expect(state).toMatchObject({ failures: 2, reason: 'refused again' });
      expect(state !== 'silent' && state.backoffUntil > Date.now() + 15_000).toBe(true);
      expect(await destinations.probe(name, 5_000)).toBe(true);
      expect(await destinations.probe(name, 5_000)).toBe(false);
      await destinations.succeed(name);
      expect(await destinations.get(name)).toMatchObject({ failures: 0, backoffUntil: 0 });
    });

    test('a thousand calls at once are answered', async () => {
      const answers = await Promise.all(Array.from({ length: 1_000 }, (_, index) => ledger.claim(`${key()}${index}`, 'copy')));
      expect(answers.every((answer) => answer === 'mine')).toBe(true);
    });
  });
}
