import { afterEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '@mailrail/testing';
import { GreaterThanEqualsFilter, type SearchRequest } from 'ldapts';
import {
  activeDirectoryProfile,
  type Directory,
  type DirectoryChange,
  ldapDirectory,
  type LdapProfile,
  parseServerUrls,
} from '../src/index.ts';
import { type FakeLdap, fakeLdap, type Reply } from './fake-ldap.ts';

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

/** A directory that asks a fake every few milliseconds, and what it told. */
function followed(fakes: FakeLdap[], profile?: LdapProfile) {
  const changes: DirectoryChange[] = [];
  const events: string[] = [];
  const note = (event: string) => events.push(event);
  const directory: Directory = ldapDirectory({
    servers: parseServerUrls(fakes.map(({ port }) => `ldap://127.0.0.1:${port}`).join(' ')).servers,
    pollMs: 10,
    failBackMs: 60_000,
    ...(profile === undefined ? {} : { profile }),
    log: { info: note, warn: note, error: note, debug: note },
  });
  directory.onChange?.((change) => changes.push(change));
  opened.push(directory);
  return { changes, events };
}
function bound({ filter }: SearchRequest): [attribute: string, value: string] | undefined {
  return filter instanceof GreaterThanEqualsFilter ? [filter.attribute.toLowerCase(), filter.value] : undefined;
}
const entry = (reply: Reply, name: string, more: Record<string, string[]> = {}) =>
  reply.entry(`CN=${name},DC=corp`, {
    objectClass: ['user'],
    objectGUID: [Buffer.from(name)],
    proxyAddresses: [`SMTP:${name}@corp.example`],
    legacyExchangeDN: [`/cn=${name}`],
    ...more,
  });
const idOf = (name: string) => Buffer.from(name).toString('hex');

describe('changes by uSNChanged', () => {
  async function domainController(name = 'DC1') {
    const state = { usn: 100, fail: false, changed: [] as { usn: number; name: string; more?: Record<string, string[]> }[] };
    const searches: string[] = [];
    const fake = await fakeLdap({
      rootDse: () => ({
        supportedCapabilities: ['1.2.840.113556.1.4.800'],
        namingContexts: ['DC=corp'],
        defaultNamingContext: ['DC=corp'],
        dsServiceName: [`CN=NTDS Settings,CN=${name}`],
        highestCommittedUSN: [String(state.usn)],
      }),
      onSearch: (request, reply) => {
        const [attribute = '', value = ''] = bound(request) ?? [];
        searches.push(`${attribute}>=${value}`);
        if (state.fail) {
          reply.done(51);
          return;
        }
        for (const { usn, name: changedName, more } of state.changed)
          if (attribute === 'whenchanged' || usn >= Number(value)) entry(reply, changedName, more);
        reply.done();
      },
    });
    opened.push(fake);
    const change = (changedName: string, more?: Record<string, string[]>) => {
      state.usn += 1;
      state.changed.push({ usn: state.usn, name: changedName, ...(more === undefined ? {} : { more }) });
    };
    return { fake, state, searches, change };
  }

  test('what changed shortly before, then each change, and each once more', async () => {
    const { fake, searches, change } = await domainController();
    change('before');
    const { changes } = followed([fake]);
    await waitFor(() => changes.length >= 2, { what: 'the first changes' });
    expect(changes.slice(0, 2)).toEqual([1, 2].map(() => expect.objectContaining({ kind: 'entries', ids: [idOf('before')] })));
    expect(searches[0]).toMatch(/^whenchanged>=\d{14}\.0Z$/);
    change('ada');
    await waitFor(() => changes.length >= 4, { what: 'the change, twice' });
    expect(changes.slice(2)).toEqual(
      [1, 2].map(() => ({
        kind: 'entries',
        ids: [idOf('ada')],
        dns: ['CN=ada,DC=corp'],
        addresses: ['SMTP:ada@corp.example', 'EX:/cn=ada', 'X500:/cn=ada'],
      })),
    );
    expect(searches.slice(1)).toEqual(['usnchanged>=102']); // a number that stays is no reason to ask
  });

  test('a tombstone tells whose entry it was', async () => {
    const { fake, change } = await domainController();
    const { changes } = followed([fake]);
    change('gone', { isDeleted: ['TRUE'], proxyAddresses: [], legacyExchangeDN: [] });
    await waitFor(() => changes.length > 0, { what: 'the deletion' });
    expect(changes[0]).toMatchObject({ ids: [idOf('gone')], addresses: [] });
    expect(fake.searches[0]?.controls).toHaveLength(1); // pages; ldapts reads no other control
  });

  test.each([
    [
      'a renamed container',
      (change: (name: string, more: object) => void) => change('ou', { objectClass: ['organizationalUnit'] }),
      /container/,
    ],
    [
      'thousands of changes',
      (change: (name: string, more: object) => void) => Array.from({ length: 2_001 }, (_, n) => change(`u${n}`, {})),
      /too many/,
    ],
  ] as const)('%s may mean anything', async (_, make, reason) => {
    const { fake, change } = await domainController();
    const { changes } = followed([fake]);
    make(change as (name: string, more: object) => void);
    await waitFor(() => changes.length > 0, { what: 'the change' });
    expect(changes[0]).toEqual({ kind: 'all', reason: expect.stringMatching(reason) });
  });

  test('a server restored from a copy may have lost anything', async () => {
    const { fake, state, searches } = await domainController();
    const { changes } = followed([fake]);
    await waitFor(() => searches.length > 0, { what: 'the first poll' });
    state.usn = 50;
    await waitFor(() => changes.length > 0, { what: 'the change' });
    expect(changes[0]).toEqual({ kind: 'all', reason: expect.stringMatching(/restored/) });
  });

  test('a server that cannot say what changed before the start is not asked for it again', async () => {
    const { fake, state, searches, change } = await domainController();
    state.fail = true;
    const { changes } = followed([fake]);
    await waitFor(() => searches.length > 0, { what: 'the first try' });
    await waitFor(() => changes.length > 0, { what: 'the second' });
    expect(changes[0]).toEqual({ kind: 'all', reason: expect.stringMatching(/before the start/) });
    expect(searches).toHaveLength(1);
    state.fail = false;
    change('ada');
    await waitFor(() => changes.some(({ kind }) => kind === 'entries'), { what: 'a change' });
    expect(searches.at(-1)).toBe('usnchanged>=101');
  });

  test('numbers count on one server alone', async () => {
    const [one, two] = [await domainController('DC1'), await domainController('DC2')];
    const { changes } = followed([one.fake, two.fake]);
    await waitFor(() => one.searches.length > 0, { what: 'the first poll' });
    await one.fake.close();
    await waitFor(() => changes.length > 0, { what: 'the change of servers' });
    expect(changes[0]).toEqual({ kind: 'all', reason: expect.stringMatching(/another server/) });
    two.change('ada');
    await waitFor(() => changes.some((change) => change.kind === 'entries'), { what: 'a change there' });
    expect(two.searches).toEqual(['usnchanged>=101']);
  });

  test('what could not be asked is asked for again, and told of once', async () => {
    const { fake, state, searches, change } = await domainController();
    const { changes, events } = followed([fake]);
    await waitFor(() => searches.length > 0, { what: 'the first poll' });
    state.fail = true;
    change('ada');
    await waitFor(() => searches.length > 4, { what: 'some polls' });
    expect(changes).toEqual([]);
    state.fail = false;
    await waitFor(() => changes.length > 0, { what: 'the change' });
    expect(changes[0]).toMatchObject({ ids: [idOf('ada')] });
    expect(events.filter((event) => event.startsWith('directory.changes-'))).toEqual([
      'directory.changes-unknown',
      'directory.changes-known',
    ]);
  });
});

describe('changes by DirSync', () => {
  const profile: LdapProfile = { ...activeDirectoryProfile, changes: 'DirSync' };
  /** Answers by what stands in `say`; a base search says what an entry is. */
  async function domainController() {
    const state = { number: 0, code: 0, pages: 1, changed: [] as [name: string, more: Record<string, string[]>][], classes: ['user'] };
    const polls = { count: 0 };
    const fake = await fakeLdap({
      onSearch: (request, reply) => {
        if (request.scope === 'base') {
          reply.entry(request.baseDN, { objectClass: state.classes });
          reply.done();
          return;
        }
        if (bound(request) !== undefined) {
          reply.done(); // by number or time
          return;
        }
        polls.count += 1;
        if (state.code !== 0) {
          reply.done(state.code);
          return;
        }
        for (const [name, more] of state.changed.splice(0)) entry(reply, name, { objectClass: [], ...more });
        state.number += 1;
        state.pages -= 1;
        reply.changes(state.pages > 0, `cookie-${state.number}`);
      },
    });
    opened.push(fake);
    const asked = () => Buffer.concat(fake.plain).toString('latin1');
    return { fake, state, polls, asked };
  }

  test('the whole once, page by page; then each change, and once more', async () => {
    const { fake, state, polls, asked } = await domainController();
    state.pages = 3;
    const { changes } = followed([fake], profile);
    await waitFor(() => changes.length >= 2, { what: 'the whole' });
    expect(changes.slice(0, 2)).toEqual([1, 2].map(() => ({ kind: 'all', reason: 'it cannot be told what changed before' })));
    expect(polls.count).toBeGreaterThanOrEqual(3);
    expect(asked()).toContain('1.2.840.113556.1.4.841');
    expect(asked()).toContain('cookie-2');
    state.changed.push(['ada', {}]);
    await waitFor(() => changes.length >= 4, { what: 'the change, twice' });
    expect(changes.slice(2, 4)).toEqual([1, 2].map(() => expect.objectContaining({ kind: 'entries', ids: [idOf('ada')] })));
  });

  test.each([
    ['a person with another name is one change', ['user'], 'entries'],
    ['a container with another name may mean anything', ['top', 'container'], 'all'],
  ] as const)('%s', async (_, classes, kind) => {
    const { fake, state } = await domainController();
    const { changes } = followed([fake], profile);
    await waitFor(() => changes.length >= 2, { what: 'the whole' });
    state.classes = [...classes];
    state.changed.push(['renamed', { name: ['renamed'] }]);
    await waitFor(() => changes.length >= 3, { what: 'the change' });
    expect(changes[2]?.kind).toBe(kind);
  });

  test('a server that does not permit it is asked by numbers, and that is said once', async () => {
    const { fake, state, polls } = await domainController();
    state.code = 50;
    const { events } = followed([fake], profile);
    const byNumber = () => fake.searches.filter((request) => bound(request)?.[0] === 'whenchanged').length;
    await waitFor(() => byNumber() > 0, { what: 'a question by numbers' });
    expect(polls.count).toBe(1);
    expect(events.filter((event) => event === 'directory.dirsync-refused')).toHaveLength(1);
  });

  test('a cookie that is refused: everything is read anew', async () => {
    const { fake, state, polls } = await domainController();
    const { changes, events } = followed([fake], profile);
    await waitFor(() => changes.length >= 2, { what: 'the whole' });
    state.code = 53;
    const before = polls.count;
    await waitFor(() => polls.count > before && events.includes('directory.changes-unknown'), { what: 'a refusal' });
    state.code = 0;
    await waitFor(() => changes.length >= 3, { what: 'the whole again' });
    expect(changes[2]).toEqual({ kind: 'all', reason: 'it cannot be told what changed before' });
    expect(events).not.toContain('directory.dirsync-refused');
  });
});

describe('changes by entryCSN', () => {
  const csnAt = (ms: number, count = 0) =>
    `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(0, 14)}.${String(count).padStart(6, '0')}Z#000000#000#000000`;
  async function openLdap() {
    const start = Date.now();
    const state = { count: 0, context: [csnAt(start - 86_400_000)], entries: [] as { name: string; csn: string }[] };
    const searches: string[] = [];
    const polls = { count: 0 };
    const fake = await fakeLdap({
      rootDse: { namingContexts: ['DC=corp'] },
      onSearch: (request, reply) => {
        if (request.scope === 'base') {
          polls.count += 1;
          reply.entry('DC=corp', { contextCSN: state.context });
          reply.done();
          return;
        }
        const [attribute = '', value = ''] = bound(request) ?? [];
        searches.push(`${attribute}>=${value}`);
        for (const { name, csn } of state.entries) if (csn >= value) entry(reply, name, { entryUUID: [name], entryCSN: [csn] });
        reply.done();
      },
    });
    opened.push(fake);
    const next = () => {
      state.count += 1;
      const csn = csnAt(start, state.count);
      state.context = [csn];
      return csn;
    };
    const change = (name: string, csn = next()) => {
      state.entries = [...state.entries.filter((one) => one.name !== name), { name, csn }];
    };
    const remove = (name: string) => {
      state.entries = state.entries.filter((one) => one.name !== name);
      next();
    };
    return { fake, state, searches, polls, change, remove, csnBefore: (ms: number) => csnAt(start - ms) };
  }

  test('each change, and once more; nothing twice for the time that is asked for again', async () => {
    const { fake, searches, polls, change } = await openLdap();
    const { changes } = followed([fake]);
    await waitFor(() => searches.length > 0, { what: 'the first poll' });
    change('ada');
    await waitFor(() => changes.length >= 2, { what: 'the change, twice' });
    const before = polls.count;
    await waitFor(() => polls.count > before + 3, { what: 'some polls' });
    expect(searches).toHaveLength(2); // nothing is searched for while the number of the whole stays
    expect(changes).toEqual([1, 2].map(() => expect.objectContaining({ kind: 'entries', ids: ['ada'] })));
    change('ada');
    await waitFor(() => changes.length >= 3, { what: 'another change of it' });
    expect(searches[0]).toMatch(/^entrycsn>=\d{14}\.000000Z#000000#000#000000$/);
  });

  test('a change that comes late from another server is one', async () => {
    const { fake, state, searches, change, csnBefore } = await openLdap();
    const { changes } = followed([fake]);
    change('ada');
    await waitFor(() => changes.length >= 2, { what: 'the change' });
    const late = csnBefore(60_000).replace('#000#', '#001#'); // the other server's number
    change('late', late);
    state.context = [...state.context, late];
    await waitFor(() => changes.length >= 3, { what: 'the late change' });
    expect(changes[2]).toMatchObject({ ids: ['late'] });
    expect(searches.length).toBeGreaterThan(1);
  });

  test('a server without a number of the whole is searched each time', async () => {
    const { fake, state, searches, change } = await openLdap();
    const { changes } = followed([fake]);
    change('ada');
    state.context = [];
    await waitFor(() => changes.length >= 2 && searches.length > 5, { what: 'the change, and some polls' });
    expect(changes).toEqual([1, 2].map(() => expect.objectContaining({ kind: 'entries', ids: ['ada'] })));
  });

  test('a number of the whole that no entry has is that of a deletion', async () => {
    const { fake, change, remove } = await openLdap();
    const { changes } = followed([fake]);
    change('ada');
    await waitFor(() => changes.length >= 2, { what: 'the change' });
    remove('ada');
    await waitFor(() => changes.length >= 3, { what: 'the deletion' });
    expect(changes[2]).toEqual({ kind: 'all', reason: 'an entry was deleted' });
  });
});
