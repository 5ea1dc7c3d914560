import { describe, expect, test } from '@jest/globals';
import { createMetrics } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import {
  type CacheStore,
  cachedDirectory,
  type Directory,
  type DirectoryChange,
  directoryDown,
  directoryOf,
  type EntryInput,
} from '../src/index.ts';

/** A store of the test's own, with a clock, that can be away. */
function fakeStore() {
  const rows = new Map<string, { value: string; until: number }>();
  const state = { now: 0, away: false, calls: 0 };
  const answer = <Value>(make: () => Value): Promise<Value> => {
    state.calls += 1;
    return state.away ? Promise.reject(new Error('away')) : Promise.resolve(make());
  };
  const alive = (key: string) => {
    const row = rows.get(key);
    return row !== undefined && row.until > state.now ? row.value : null;
  };
  const store: CacheStore = {
    get: (keys) => answer(() => keys.map(alive)),
    set: (entries) => answer(() => entries.forEach(({ key, value, ttlMs }) => rows.set(key, { value, until: state.now + ttlMs }))),
    increment: (key) =>
      answer(() => {
        const value = Number(alive(key) ?? 0) + 1;
        rows.set(key, { value: String(value), until: Number.POSITIVE_INFINITY });
        return value;
      }),
    close: async () => {},
  };
  return { store, state, rows };
}

/** A directory that counts its calls and questions, and can be away or slow. */
function watched(entries: readonly (string | EntryInput)[]) {
  const state = {
    entries,
    away: false,
    calls: 0,
    asked: 0,
    running: 0,
    most: 0,
    version: '',
    hold: undefined as Promise<void> | undefined,
  };
  const through = async <Value>(questions: number, call: (inner: Directory) => Promise<Value>): Promise<Value> => {
    state.calls += 1;
    state.asked += questions;
    state.running += 1;
    state.most = Math.max(state.most, state.running);
    try {
      await state.hold;
      return await call(state.away ? directoryDown : directoryOf(state.entries));
    } finally {
      state.running -= 1;
    }
  };
  const directory: Directory = {
    byAddress: (addresses) => through(addresses.length, (inner) => inner.byAddress(addresses)),
    byDn: (dns) => through(dns.length, (inner) => inner.byDn(dns)),
    search: (base, filter, limit) => through(1, (inner) => inner.search(base, filter, limit)),
    version: () => state.version,
    probe: async () => ({ ok: true, value: undefined }),
    close: async () => {},
  };
  return { directory, state };
}

const ada = 'SMTP:ada@corp.example';
const nobody = 'SMTP:nobody@corp.example';

function setUp(entries: readonly (string | EntryInput)[] = ['ada@corp.example', 'ben@corp.example'], options: { shared?: boolean } = {}) {
  const inner = watched(entries);
  const fake = fakeStore();
  const metrics = createMetrics('test');
  const open = (onChange?: Directory['onChange']) =>
    cachedDirectory(
      { ...inner.directory, ...(onChange === undefined ? {} : { onChange }) },
      options.shared === false ? undefined : fake.store,
      {
        circuitMs: 20,
        metrics,
        now: () => fake.state.now,
        random: () => 0.5,
      },
    );
  const ask = async (cache: Directory, ...addresses: string[]) => {
    const answer = await cache.byAddress(addresses);
    return answer.ok
      ? [...answer.value.values()].map((owners) => owners.map(({ primary }) => primary).join('|')).join(' ')
      : `no answer: ${answer.reason}`;
  };
  const answerOf = async (cache: Directory, address: string) => {
    const answer = await cache.byAddress([address]);
    return answer.ok ? answer.value.get(address) : undefined;
  };
  const tiers = async () => {
    const { values } = await metrics.cacheLookups.get();
    return Object.fromEntries(values.map(({ labels, value }) => [String(labels.tier), value]));
  };
  return { inner: inner.state, store: fake.state, rows: fake.rows, open, ask, answerOf, tiers };
}

describe('cachedDirectory', () => {
  test('asks once, then knows: in the process, and in every other one', async () => {
    const { inner, open, ask, tiers } = setUp();
    const one = open();
    expect([await ask(one, ada), await ask(one, ada)]).toEqual([ada, ada]);
    expect(await ask(open(), ada)).toBe(ada);
    expect(inner.calls).toBe(1);
    expect(await tiers()).toEqual({ directory: 1, process: 1, redis: 1 });
  });

  test('an entry that was found by address is known by DN, too', async () => {
    const { inner, open, ask } = setUp();
    await ask(open(), ada);
    const byDn = await open().byDn(['cn=ADA, ou=corp', 'CN=gone']);
    expect(byDn.ok && [...byDn.value.values()].map(({ primary }) => primary)).toEqual([ada]);
    expect(inner.asked).toBe(2); // the address, and the DN nobody has
  });

  test('two owners stay two', async () => {
    const { open, ask } = setUp([
      { dn: 'CN=a', addresses: ['SMTP:a@corp.example', 'SMTP:x@corp.example'] },
      { dn: 'CN=b', addresses: ['SMTP:b@corp.example', 'SMTP:x@corp.example'] },
    ]);
    await ask(open(), 'SMTP:x@corp.example');
    const answer = await open().byAddress(['SMTP:x@corp.example']);
    expect(answer.ok && answer.value.get('SMTP:x@corp.example')?.length).toBe(2);
  });

  test('nobody is remembered for a minute, and asked once in it', async () => {
    const { inner, store, open, ask } = setUp();
    const one = open();
    expect(await ask(one, nobody)).toBe('');
    store.now = 50_000;
    expect(await ask(one, nobody)).toBe('');
    expect(inner.calls).toBe(1);
    store.now = 61_000;
    inner.entries = ['nobody@corp.example'];
    expect(await ask(one, nobody)).toBe(nobody);
    expect(inner.calls).toBe(2);
  });

  test('an old entry is asked for anew, and serves while the directory is away; an old "nobody" never does', async () => {
    const { inner, store, open, ask, tiers } = setUp();
    const one = open();
    await ask(one, ada);
    await ask(one, nobody);
    store.now = 700_000;
    inner.away = true;
    expect(await ask(one, ada)).toBe(ada);
    expect(await ask(open(), ada)).toBe(ada);
    expect(await ask(one, nobody)).toBe('no answer: does not answer');
    expect((await tiers())['stale']).toBe(2);
    inner.away = false;
    inner.entries = [];
    expect(await ask(one, ada)).toBe('');
    store.now += 90_000_000;
    inner.away = true;
    expect(await ask(open(), ada)).toBe('no answer: does not answer');
  });

  test('a partial answer is none', async () => {
    const { inner, open, ask } = setUp();
    const one = open();
    await ask(one, ada);
    inner.away = true;
    expect(await ask(one, ada, 'SMTP:new@corp.example')).toBe('no answer: does not answer');
  });

  test('what is asked at once goes out at once, each question once', async () => {
    const { inner, open, ask } = setUp(Array.from({ length: 120 }, (_, n) => `u${n}@corp.example`));
    const one = open();
    const mails = Array.from({ length: 240 }, (_, n) => ask(one, `SMTP:u${n % 120}@corp.example`));
    expect(new Set(await Promise.all(mails)).size).toBe(120);
    expect(inner).toMatchObject({ asked: 120, calls: 3 }); // batches of 50
  });

  test('what is being asked is not asked again', async () => {
    const { inner, open, ask } = setUp();
    const one = open();
    const { promise, resolve } = Promise.withResolvers<void>();
    inner.hold = promise;
    const first = ask(one, ada);
    while (inner.running === 0) await new Promise((next) => setImmediate(next));
    const second = ask(one, ada);
    resolve();
    expect([await first, await second]).toEqual([ada, ada]);
    expect(inner.calls).toBe(1);
  });

  test('the store away: straight to the directory, few calls at once, and the store is left alone for a while', async () => {
    const { inner, store, open, ask } = setUp(Array.from({ length: 600 }, (_, n) => `u${n}@corp.example`));
    store.away = true;
    const one = open();
    const all = Array.from({ length: 600 }, (_, n) => `SMTP:u${n}@corp.example`);
    expect((await ask(one, ...all)).split(' ')).toHaveLength(600);
    expect(inner.most).toBe(4);
    const calls = store.calls;
    await ask(one, nobody);
    expect(store.calls).toBe(calls);
    store.now = 5_001;
    store.away = false;
    await ask(one, ada);
    expect(store.calls).toBeGreaterThan(calls);
  });

  test('a directory that is late is one that does not answer', async () => {
    const inner = watched(['ada@corp.example']);
    inner.state.hold = new Promise(() => {});
    const cache = cachedDirectory(inner.directory, undefined, { timeoutMs: 20 });
    expect(await cache.byAddress([ada])).toEqual({ ok: false, reason: 'no answer within 20 ms' });
    expect(await cache.search('', '(cn=*)', 1)).toMatchObject({ ok: false });
  });

  test('a flush is for all processes', async () => {
    const { inner, store, open, ask } = setUp();
    const [one, two] = [open(), open()];
    await ask(one, ada);
    await ask(two, ada);
    inner.entries = [];
    expect(await one.flush()).toBe(true);
    expect(await ask(one, ada)).toBe('');
    store.now = 6_000; // the other looks at the store again
    expect(await ask(two, ada)).toBe('');
    store.away = true;
    expect(await one.flush()).toBe(false);
  });

  test('another version of the data is another cache', async () => {
    const { inner, open, ask } = setUp();
    const one = open();
    await ask(one, ada);
    inner.entries = [];
    inner.version = 'two';
    expect(await ask(one, ada)).toBe('');
    inner.version = '';
    expect(await ask(open(), ada)).toBe(ada);
  });

  test('what was asked before a flush is not kept after it', async () => {
    const { inner, open, ask } = setUp();
    const one = open();
    await ask(one, nobody); // knows the generation
    const { promise, resolve } = Promise.withResolvers<void>();
    inner.hold = promise;
    const first = ask(one, ada);
    while (inner.running === 0) await new Promise((next) => setImmediate(next));
    await one.flush();
    resolve();
    expect(await first).toBe(ada);
    inner.entries = [];
    expect(await ask(one, ada)).toBe('');
  });

  test('a member list too long for one value is kept in pieces, whole or not at all', async () => {
    const members = Array.from({ length: 30_000 }, (_, n) => `CN=member number ${n},OU=Users,OU=Corp,DC=corp,DC=example`);
    const { rows, inner, open } = setUp([{ dn: 'CN=g', primary: 'SMTP:g@corp.example', kind: 'group', members }]);
    const list = async () => {
      const answer = await open().byAddress(['SMTP:g@corp.example']);
      return answer.ok ? answer.value.get('SMTP:g@corp.example')?.[0]?.members : undefined;
    };
    await list();
    expect(Math.max(...[...rows.values()].map(({ value }) => value.length))).toBeLessThan(520_000);
    expect(await list()).toEqual(members);
    expect(inner.calls).toBe(1);
    const piece = [...rows.keys()].find((key) => key.startsWith('dir:m:'));
    rows.delete(piece ?? '');
    expect(await list()).toEqual(members);
    expect(inner.calls).toBe(2);
  });

  test('rubbish in the store is nothing', async () => {
    const { rows, inner, open, ask } = setUp();
    await ask(open(), ada);
    for (const rubbish of ['', '{', '[1]', '{"f":1}', '{"f":1,"e":{"id":1}}', 'null']) {
      for (const [key, row] of rows) rows.set(key, { ...row, value: rubbish });
      expect(await ask(open(), ada)).toBe(ada);
    }
    expect(inner.calls).toBe(7);
  });

  test('what is asked for in passing is kept nowhere, and what is known serves while the directory is away', async () => {
    const { store, rows } = fakeStore();
    const { directory, state } = watched(['ada@corp.example', 'ben@corp.example']);
    const cache = cachedDirectory(directory, store, { batch: 1 });
    const dns = ['CN=ada,OU=Corp', 'CN=ben,OU=Corp', 'CN=nobody,OU=Corp'];
    for (let n = 0; n < 2; n += 1) {
      const found = await cache.byDn(dns, 'once');
      expect(found.ok && [...found.value.keys()]).toEqual(['cn=ada,ou=corp', 'cn=ben,ou=corp']);
    }
    expect([state.asked, rows.size]).toEqual([6, 0]);
    await cache.byDn(dns.slice(0, 1));
    state.away = true;
    expect((await cache.byDn(dns.slice(0, 1), 'once')).ok).toBe(true);
    expect((await cache.byDn(dns.slice(1), 'once')).ok).toBe(false);
  });

  test('the tier in the process is bounded', async () => {
    const inner = watched(Array.from({ length: 100 }, (_, n) => `u${n}@corp.example`));
    const cache = cachedDirectory(inner.directory, undefined, { processEntries: 10 });
    await cache.byAddress(Array.from({ length: 100 }, (_, n) => `SMTP:u${n}@corp.example`));
    const before = inner.state.asked;
    await cache.byAddress(['SMTP:u99@corp.example']);
    expect(inner.state.asked).toBe(before);
    await cache.byAddress(['SMTP:u0@corp.example']);
    expect(inner.state.asked).toBe(before + 1);
  });

  test('what the directory says has changed is forgotten: entries, and that nobody has an address or DN', async () => {
    const { inner, rows, open, ask, answerOf } = setUp();
    const listeners: ((change: DirectoryChange) => void)[] = [];
    const cache = open((listener) => listeners.push(listener));
    expect(await ask(cache, ada, nobody, 'SMTP:ben@corp.example')).toBe(`${ada} SMTP:ben@corp.example`);
    const [id] = [...((await answerOf(cache, ada)) ?? [])].map((entry) => entry.id);
    inner.entries = [{ primary: ada, displayName: 'new' }, 'nobody@corp.example', 'ben@corp.example'];
    const before = inner.asked;
    for (const tell of listeners) tell({ kind: 'entries', ids: [id ?? ''], addresses: [nobody], dns: ['cn=gone'] });
    await waitFor(() => [...rows.values()].filter(({ value }) => value === 'null').length === 3, { what: 'the cache to forget' });
    expect(await ask(cache, nobody, ada)).toBe(`${nobody} ${ada}`);
    expect((await answerOf(cache, ada))?.[0]?.displayName).toBe('new');
    await ask(cache, 'SMTP:ben@corp.example');
    expect(inner.asked).toBe(before + 2); // ben is known as before
  });

  test('when everything may have changed, everything is forgotten; a store that was away forgets when it is back', async () => {
    const { inner, store, rows, open, ask } = setUp();
    const listeners: ((change: DirectoryChange) => void)[] = [];
    const cache = open((listener) => listeners.push(listener));
    await ask(cache, ada);
    store.away = true;
    for (const tell of listeners) tell({ kind: 'entries', ids: ['x'], addresses: [], dns: [] });
    await waitFor(() => store.calls > 2, { what: 'the first try' });
    store.away = false;
    await waitFor(() => rows.get('dir:version')?.value === '1', { what: 'the flush' });
    expect(inner.asked).toBe(1);
    await cache.close();
  });
});
