import { describe, expect, test } from '@jest/globals';
import { hostKey, type Pooled, SessionPool } from '../src/pool.ts';
import type { MailHost } from '../src/resolve-hosts.ts';

const host = (name: string, preference = 0): MailHost => ({
  name,
  port: 25,
  preference,
  named: true,
  addresses: () => Promise.resolve({ kind: 'none' }),
});
const [a, b] = [host('a.example'), host('b.example')];
const limits = () => ({ deadlineMs: Date.now() + 5_000, hurryAtMs: Number.POSITIVE_INFINITY, signal: undefined });

class FakeSession implements Pooled {
  alive = true;
  mails = 0;
  quits = 0;
  onClosed: (() => void) | undefined;
  readonly key: string;
  constructor(key: string) {
    this.key = key;
  }
  quit() {
    this.quits += 1;
    this.alive = false;
  }
  die() {
    this.alive = false;
    this.onClosed?.();
  }
}

function poolOf(maxSessions: number, open?: (hosts: readonly MailHost[]) => Promise<FakeSession>) {
  const opened: FakeSession[] = [];
  const counts: number[] = [];
  const pool = new SessionPool<FakeSession, string>({
    open: async (hosts) => {
      const session = open === undefined ? new FakeSession(hostKey(hosts[0] ?? a)) : await open(hosts);
      opened.push(session);
      return { kind: 'open', session };
    },
    maxSessions: () => maxSessions,
    onCount: (count) => counts.push(count),
  });
  const get = async (...hosts: MailHost[]) => {
    const acquired = await pool.acquire(hosts, limits());
    if (acquired.kind !== 'session') throw new Error(acquired.kind);
    return acquired;
  };
  return { pool, opened, counts, get };
}

describe('a session', () => {
  test('is reused by the next mail for its host, and for no other', async () => {
    const { pool, get, opened } = poolOf(3);
    const first = await get(a);
    pool.release(first.session, true);
    expect(await get(a)).toEqual({ kind: 'session', session: first.session, reused: true });
    expect((await get(b)).reused).toBe(false);
    expect(opened).toHaveLength(2);
    pool.close();
  });
  test('of an equally good host is as good; one of a worse host is for when the best fail', async () => {
    const { pool, get } = poolOf(3);
    const first = await get(b);
    pool.release(first.session, true);
    expect((await get(a, b)).session).toBe(first.session);
    pool.release(first.session, true);
    expect((await get(a, host('b.example', 10))).session).not.toBe(first.session);
    pool.close();
  });
  test('that died while it was idle is not handed out', async () => {
    const { pool, get } = poolOf(3);
    const { session } = await get(a);
    pool.release(session, true);
    session.die();
    expect(pool.open).toBe(0);
    expect((await get(a)).session).not.toBe(session);
    pool.close();
  });
  test('out of step is closed', async () => {
    const { pool, get, counts } = poolOf(3);
    const { session } = await get(a);
    pool.release(session, false);
    expect(session.quits).toBe(1);
    expect(counts.at(-1)).toBe(0);
  });
});

describe('places', () => {
  test('who waited longest is next', async () => {
    const { pool, get } = poolOf(1);
    const { session } = await get(a);
    const order: string[] = [];
    const waiting = ['first', 'second', 'third'].map(async (name) => {
      const got = await get(a);
      order.push(name);
      pool.release(got.session, true);
    });
    pool.release(session, true);
    await Promise.all(waiting);
    expect(order).toEqual(['first', 'second', 'third']);
    pool.close();
  });

  test('one that comes free passes by who gave up', async () => {
    const { pool, get } = poolOf(1);
    const { session } = await get(a);
    const controller = new AbortController();
    const impatient = pool.acquire([a], { ...limits(), signal: controller.signal });
    const patient = get(a);
    pool.release(session, true); // wakes the impatient one
    controller.abort();
    expect((await impatient).kind).toBe('stopped');
    expect((await patient).session).toBe(session);
    pool.close();
  });

  test('the deadline ends the wait', async () => {
    const { pool, get } = poolOf(1);
    await get(a);
    expect(await pool.acquire([a], { ...limits(), deadlineMs: Date.now() + 20 })).toEqual({ kind: 'stopped' });
    pool.close();
  });

  test('a session that fails to open, or dies in use, frees its place', async () => {
    let fail = true;
    const { pool, get } = poolOf(1, () => (fail ? Promise.reject(new Error('a mistake')) : Promise.resolve(new FakeSession(hostKey(a)))));
    await expect(get(a)).rejects.toThrow('a mistake');
    expect(pool.open).toBe(0);
    fail = false;
    const { session } = await get(a);
    const waiting = get(a);
    session.die();
    expect((await waiting).session).not.toBe(session);
    pool.release(session, true); // given back when it is gone already
    expect(pool.open).toBe(1);
    pool.close();
  });

  test('after the end nobody gets one, and those in use are closed as they come back', async () => {
    const { pool, get } = poolOf(2);
    const one = await get(a);
    const two = await get(b);
    pool.release(one.session, true);
    pool.close();
    expect(one.session.quits).toBe(1);
    expect((await pool.acquire([a], limits())).kind).toBe('stopped');
    pool.release(two.session, true);
    expect(two.session.quits).toBe(1);
    expect(pool.open).toBe(0);
  });
});
