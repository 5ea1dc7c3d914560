import type { CountField } from './counts.ts';
import type { Count, Destination, Effect, Ledger } from './port.ts';

/** The ledger in a map, with the same meaning as Redis': for tests and for a line in one process. Nothing is ever evicted. */
export function memoryLedger(now: () => number = Date.now): Ledger & { silent: boolean } {
  const claims = new Map<string, string>();
  const effects = new Map<string, Effect>();
  const counted = new Set<string>();
  const counts = new Map<CountField, number>();
  const crashes = new Map<string, number>();
  const destinations = new Map<string, Destination>();
  const probes = new Map<string, number>();

  const countOnce = (key: string, count: Count) => {
    const once = `${count.field}:${count.once ?? key}`;
    if (counted.has(once)) return;
    counted.add(once);
    counts.set(count.field, (counts.get(count.field) ?? 0) + count.by);
  };
  const destination = (name: string): Destination => destinations.get(name) ?? { slots: 0, backoffUntil: 0, reason: '', failures: 0 };

  const ledger: Ledger & { silent: boolean } = {
    silent: false,
    async claim(key, copyId, count) {
      if (ledger.silent) return 'silent';
      const holder = claims.get(key);
      if (holder !== undefined) return holder === copyId ? 'mine' : 'other';
      claims.set(key, copyId);
      if (count !== undefined) countOnce(key, count);
      return 'mine';
    },
    async effects(keys) {
      if (ledger.silent) return 'silent';
      return keys.map((key) => {
        const effect = effects.get(key);
        return effect?.kind === 'offered' && effect.untilMs <= now() ? undefined : effect;
      });
    },
    async offer(key, copyId, untilMs) {
      if (ledger.silent) return { kind: 'silent' };
      const effect = effects.get(key);
      if (effect?.kind === 'done') return { kind: 'done', outcome: effect.outcome };
      if (effect?.kind === 'offered' && effect.copyId !== copyId && effect.untilMs > now())
        return { kind: 'held', untilMs: effect.untilMs };
      effects.set(key, { kind: 'offered', copyId, untilMs });
      return { kind: 'offered' };
    },
    async withdraw(key, copyId) {
      const effect = effects.get(key);
      if (effect?.kind === 'offered' && effect.copyId === copyId) effects.delete(key);
    },
    async complete(entries) {
      if (ledger.silent) return false;
      for (const { key, outcome, count } of entries) {
        if (effects.get(key)?.kind === 'done') continue;
        effects.set(key, { kind: 'done', outcome });
        if (count !== undefined) countOnce(key, count);
      }
      return true;
    },
    async countOnce(entries) {
      if (ledger.silent) return false;
      for (const { key, count } of entries) countOnce(key, count);
      return true;
    },
    async counts() {
      return ledger.silent ? 'silent' : Object.fromEntries(counts);
    },
    crash: {
      async begin(key) {
        if (ledger.silent) return 'silent';
        const times = (crashes.get(key) ?? 0) + 1;
        crashes.set(key, times);
        return times;
      },
      async end(key) {
        crashes.delete(key);
      },
    },
    destinations: {
      async get(name) {
        return ledger.silent ? 'silent' : destination(name);
      },
      async fail(name, reason, backoffMs) {
        const before = destination(name);
        destinations.set(name, { ...before, reason, failures: before.failures + 1, backoffUntil: now() + backoffMs });
      },
      async succeed(name) {
        destinations.delete(name);
      },
      async probe(name, periodMs) {
        if ((probes.get(name) ?? 0) > now()) return false;
        probes.set(name, now() + periodMs);
        return true;
      },
    },
    async close() {},
  };
  return ledger;
}
