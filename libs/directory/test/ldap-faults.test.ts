import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { waitFor } from '@mailrail/testing';
import { EqualityFilter, OrFilter, type SearchRequest } from 'ldapts';
import { activeDirectoryProfile, type Directory, type LdapDirectoryOptions, ldapDirectory, parseServerUrls } from '../src/index.ts';
import { type FakeLdap, type FakeOptions, fakeLdap, type Reply } from './fake-ldap.ts';
import { fixture } from './fixture.ts';

const ada = 'SMTP:ada@corp.example';
const pem = (name: string) => readFileSync(fixture(`tls/${name}`), 'utf8');
const certificate = (name: string) => ({ cert: pem(`${name}.crt`), key: pem(`${name}.key`) });
const credentials = { kind: 'simple', dn: 'CN=reader', password: 'very secret' } as const;

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

async function server(options: FakeOptions = {}): Promise<FakeLdap> {
  const fake = await fakeLdap(options);
  opened.push(fake);
  return fake;
}
function directory(
  fakes: FakeLdap | readonly FakeLdap[],
  options: Partial<LdapDirectoryOptions> & { scheme?: string; query?: string } = {},
): Directory {
  const { scheme = 'ldap', query = '', ...rest } = options;
  const urls = [fakes].flat().map(({ port }) => `${scheme}://127.0.0.1:${port}${query}`);
  const made = ldapDirectory({
    servers: parseServerUrls(urls.join(' ')).servers,
    credentials,
    timeoutMs: 5_000,
    searchTimeoutMs: 5_000,
    connectTimeoutMs: 5_000,
    pollMs: 0,
    ...rest,
  });
  opened.push(made);
  return made;
}

const person = (name: string) => ({
  objectClass: ['user'],
  objectGUID: [Buffer.from(`guid of ${name}`.padEnd(16).slice(0, 16))],
  mailNickname: [name],
  proxyAddresses: [`SMTP:${name}@corp.example`],
  homeMDB: ['CN=Store,CN=EX1,CN=Servers,DC=corp'],
});
const group = (members: Record<string, readonly string[]>) => ({
  objectClass: ['group'],
  mailNickname: ['g'],
  proxyAddresses: ['SMTP:g@corp.example'],
  ...members,
});

/** The mail names asked for; every fake here knows everybody whose name begins with `a`. */
function asked({ filter }: SearchRequest): string[] {
  const all = filter instanceof OrFilter ? filter.filters : [filter];
  return all
    .filter((one) => one instanceof EqualityFilter && one.attribute.toLowerCase() === 'proxyaddresses')
    .map((one) => (one instanceof EqualityFilter ? String(one.value) : ''))
    .map((address) => address.slice('SMTP:'.length).split('@')[0] ?? '');
}
const answerAll = (request: SearchRequest, reply: Reply) => {
  for (const name of asked(request)) if (name.startsWith('a')) reply.entry(`CN=${name},DC=corp`, person(name));
  reply.done();
};

async function ask(of: Directory, ...addresses: string[]): Promise<string[] | string> {
  const answer = await of.byAddress(addresses.length === 0 ? [ada] : addresses);
  return answer.ok ? [...answer.value.values()].flat().map(({ dn }) => dn) : answer.reason;
}

/** Answers a question in the order they come, the last one for all that follow. */
function inTurn(...answers: ((request: SearchRequest, reply: Reply) => void)[]) {
  let turn = 0;
  return (request: SearchRequest, reply: Reply) => {
    const answer = answers[Math.min(turn, answers.length - 1)];
    turn += 1;
    answer?.(request, reply);
  };
}

test('what nobody has is unknown only when the server says that this is all', async () => {
  const fake = await server({ onSearch: answerAll });
  const opened = directory(fake);
  expect(await ask(opened)).toEqual(['CN=ada,DC=corp']);
  expect(await ask(opened, 'SMTP:nobody@corp.example')).toEqual([]);
  expect(fake.binds.map(({ dn }) => dn)).toContain('CN=reader');
});

describe('no complete answer is no answer', () => {
  const entry = (_: SearchRequest, reply: Reply) => reply.entry('CN=ada,DC=corp', person('ada'));
  const rows: { name: string; answer: (request: SearchRequest, reply: Reply) => void; reason: RegExp; searches?: number }[] = [
    ...[1, 2, 3, 4, 10, 11, 12, 50, 51, 52, 53, 80, 123].map((code) => ({
      name: `result code ${code}, with an entry before it`,
      answer: (request: SearchRequest, reply: Reply) => {
        entry(request, reply);
        reply.done(code, 'not today');
      },
      reason: new RegExp(`result code ${code}( \\(\\w+\\))?: not today`),
      searches: 1,
    })),
    {
      name: 'an entry, then nothing more',
      answer: entry,
      reason: /no answer within/,
      searches: 1,
    },
    { name: 'nothing at all', answer: () => {}, reason: /no answer within/, searches: 1 },
    {
      name: 'an entry, then the connection is gone',
      answer: (request, reply) => {
        entry(request, reply);
        reply.drop();
      },
      reason: /closed/,
      searches: 2,
    },
    {
      name: 'half an entry, then the connection is gone',
      answer: (_, reply) => {
        const bytes = reply.entryBytes('CN=ada,DC=corp', person('ada'));
        reply.raw(bytes.subarray(0, bytes.length / 2));
        reply.drop();
      },
      reason: /closed/,
      searches: 2,
    },
    {
      name: 'half an entry, then silence',
      answer: (_, reply) => reply.raw(reply.entryBytes('CN=ada,DC=corp', person('ada')).subarray(0, 60)),
      reason: /no answer within/,
      searches: 1,
    },
    {
      name: 'an entry longer inside than outside',
      answer: (_, reply) => {
        const bytes = reply.entryBytes('CN=ada,DC=corp', person('ada'));
        bytes[bytes.indexOf('mailNickname') - 1] = 0x7f;
        reply.raw(bytes);
        reply.done();
      },
      reason: /contradicts itself/,
      searches: 2,
    },
    {
      name: 'no LDAP',
      answer: (_, reply) => reply.raw(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')),
      reason: /no LDAP message/,
      searches: 2,
    },
    {
      name: 'a message of two gigabytes',
      answer: (_, reply) => reply.raw(Buffer.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 2, 1, 2])),
      reason: /longer than we take/,
      searches: 2,
    },
    {
      name: 'a message of no length',
      answer: (_, reply) => reply.raw(Buffer.from([0x30, 0x80, 2, 1, 2])),
      reason: /without a length/,
      searches: 2,
    },
    {
      name: 'a notice of disconnection',
      answer: (_, reply) => reply.raw(Buffer.from([0x30, 0x0c, 0x02, 0x01, 0x00, 0x78, 0x07, 0x0a, 0x01, 0x34, 0x04, 0x00, 0x04, 0x00])),
      reason: /ends the connection/,
      searches: 2,
    },
  ];
  test.each(rows)('$name', async ({ answer, reason, searches }) => {
    const fake = await server({ onSearch: answer });
    const timeoutMs = reason.source.includes('no answer within') ? 200 : 5_000; // only silence has to be waited for
    const opened = directory(fake, { timeoutMs, searchTimeoutMs: timeoutMs, connectTimeoutMs: 5_000 });
    expect(await ask(opened)).toMatch(reason);
    expect(fake.searches.length).toBe(searches);
    const byDn = await opened.byDn(['CN=ada,DC=corp', 'CN=ben,DC=corp']);
    expect(byDn).toEqual({ ok: false, reason: expect.stringMatching(reason) });
    const search = await opened.search('DC=corp', '(cn=*)', 10);
    expect(search).toMatchObject({ ok: false, reason: expect.stringMatching(reason) });
    expect(search).not.toHaveProperty('bad');
  });
});

describe('a connection is used until its first error', () => {
  test('one that breaks while it is asked is replaced, and asked again', async () => {
    const fake = await server({ onSearch: inTurn((_, reply) => reply.drop(), answerAll) });
    expect(await ask(directory(fake))).toEqual(['CN=ada,DC=corp']);
    expect(fake.searches).toHaveLength(2);
  });

  test('one that the server ended meanwhile is replaced', async () => {
    const fake = await server({ onSearch: (request, reply) => (answerAll(request, reply), reply.drop()) });
    const opened = directory(fake);
    expect(await ask(opened)).toEqual(['CN=ada,DC=corp']);
    await waitFor(() => fake.open === 0, { what: 'the end of the connection' });
    expect(await ask(opened)).toEqual(['CN=ada,DC=corp']);
    expect(fake.connections).toBe(2);
  });

  test('one whose answer is late is not asked again, and a late answer is nobody else’s', async () => {
    let late: (() => void) | undefined;
    const fake = await server({
      onSearch: inTurn(
        (request, reply) => {
          late = () => answerAll(request, reply);
        },
        (request, reply) => {
          late?.();
          answerAll(request, reply);
        },
      ),
    });
    const opened = directory(fake, { timeoutMs: 150, connections: 1 });
    expect(await ask(opened)).toMatch(/no answer within/);
    expect(await ask(opened, 'SMTP:anna@corp.example')).toEqual(['CN=anna,DC=corp']);
    expect(fake.connections).toBe(2);
    await waitFor(() => fake.open === 1, { what: 'the end of the late connection' });
  });

  test('an answer about the question leaves it as it is', async () => {
    const fake = await server({ onSearch: inTurn((_, reply) => reply.done(4), answerAll) });
    const opened = directory(fake, { connections: 1 });
    expect(await ask(opened)).toMatch(/code 4/);
    expect(await ask(opened)).toEqual(['CN=ada,DC=corp']);
    expect(fake.connections).toBe(1);
  });

  test('a busy server is asked on a new one', async () => {
    const fake = await server({ onSearch: inTurn((_, reply) => reply.done(51), answerAll) });
    const opened = directory(fake, { connections: 1 });
    expect(await ask(opened)).toMatch(/code 51/);
    expect(await ask(opened)).toEqual(['CN=ada,DC=corp']);
    expect(fake.connections).toBe(2);
  });

  test('twenty first questions at once are all answered, over few connections that are all bound', async () => {
    const fake = await server({ onSearch: answerAll });
    const opened = directory(fake, { connections: 2 });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => ask(opened, `SMTP:a${n}@corp.example`)));
    expect(answers).toEqual(Array.from({ length: 20 }, (_, n) => [`CN=a${n},DC=corp`]));
    expect(fake.connections).toBeLessThanOrEqual(2);
    expect(fake.binds).toHaveLength(fake.connections);
  });

  test('a lookup does not wait for a query that hangs', async () => {
    const fake = await server({ onSearch: (request, reply) => (asked(request).length > 0 ? answerAll(request, reply) : undefined) });
    const opened = directory(fake, { searchTimeoutMs: 5_000 });
    const queries = Array.from({ length: 20 }, () => opened.search('DC=corp', '(cn=*)', 10));
    await waitFor(() => fake.searches.length > 0, { what: 'a query that hangs' });
    expect(await ask(opened)).toEqual(['CN=ada,DC=corp']);
    await opened.close();
    expect((await Promise.all(queries)).every(({ ok }) => !ok)).toBe(true);
  });
});

describe('letting us in', () => {
  test('a wrong password is told, never shown, and not tried again at once', async () => {
    const fake = await server({ onBind: () => 49 });
    const opened = directory(fake);
    for (let n = 0; n < 5; n += 1) {
      const reason = String(await ask(opened));
      expect(reason).toMatch(/bind refused with result code 49/);
      expect(reason).not.toContain('secret');
    }
    expect(fake.binds).toHaveLength(1);
    expect(await opened.probe()).toMatchObject({ ok: false });
  });

  test.each([
    ['drops', 'drop'],
    ['never answers', 'silence'],
  ] as const)('a bind that %s', async (_, result) => {
    const fake = await server({ onBind: () => result });
    expect(await ask(directory(fake, { connectTimeoutMs: 200 }))).toMatch(/no directory server can be used/);
  });

  test('a domain controller that is behind is not asked', async () => {
    const fake = await server({ rootDse: { namingContexts: ['DC=corp'], isSynchronized: ['FALSE'] }, onSearch: answerAll });
    expect(await ask(directory(fake))).toMatch(/not synchronized/);
  });

  test('nobody listens', async () => {
    const fake = await server();
    await fake.close();
    expect(await ask(directory(fake))).toMatch(/ECONNREFUSED/);
  });

  test('nobody answers', async () => {
    const fake = await server({ onBind: () => 'silence' });
    const started = performance.now();
    expect(await ask(directory(fake, { connectTimeoutMs: 10_000, timeoutMs: 200 }))).toMatch(/no connection within/);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('TLS', () => {
  const secure = { scheme: 'ldaps', tls: { ca: pem('ca.crt') } };
  test('ldaps with a certificate of the authority we trust', async () => {
    const fake = await server({ tls: certificate('server'), onSearch: answerAll });
    expect(await ask(directory(fake, secure))).toEqual(['CN=ada,DC=corp']);
  });
  test('StartTLS: nothing but the wish for it goes out in the clear', async () => {
    const fake = await server({ tls: certificate('server'), startTls: true, onSearch: answerAll });
    expect(await ask(directory(fake, { query: '?starttls', tls: { ca: pem('ca.crt') } }))).toEqual(['CN=ada,DC=corp']);
    expect(Buffer.concat(fake.plain).toString('latin1')).not.toMatch(/reader|secret|ada/);
    expect(fake.binds).toEqual([{ dn: 'CN=reader', password: 'very secret' }]);
  });

  const refused: [name: string, options: FakeOptions, ask: Parameters<typeof directory>[1], reason: RegExp][] = [
    ['an expired certificate', { tls: certificate('expired') }, secure, /certificate has expired/],
    ['another server’s certificate', { tls: certificate('other') }, secure, /not match certificate's altnames|IP: 127\.0\.0\.1/],
    ['an authority nobody trusts', { tls: certificate('server') }, { scheme: 'ldaps' }, /certificate/],
    ['no TLS where ldaps is said', {}, { ...secure, connectTimeoutMs: 300 }, /no directory server can be used/],
    ['no StartTLS where it is wanted', {}, { query: '?starttls' }, /StartTLS refused/],
    [
      'StartTLS with an expired certificate',
      { tls: certificate('expired'), startTls: true },
      { query: '?starttls', tls: { ca: pem('ca.crt') } },
      /expired/,
    ],
    [
      'an answer in the clear behind StartTLS',
      { tls: certificate('server'), startTls: true, afterStartTls: Buffer.from([0x30, 0x0c, 0x02]) },
      { query: '?starttls', tls: { ca: pem('ca.crt') } },
      /in the clear/,
    ],
  ];
  test.each(refused)('%s: nobody is asked, and no password is told', async (_, options, how, reason) => {
    const fake = await server({ ...options, onSearch: answerAll });
    expect(await ask(directory(fake, how))).toMatch(reason);
    expect(fake.binds).toEqual([]);
    expect(Buffer.concat(fake.plain).toString('latin1')).not.toContain('secret');
  });
});

describe('several servers', () => {
  test('the first is asked while it is there, the next when it is not, and the first again when it is back', async () => {
    let refuse = false;
    const [first, second] = await Promise.all([
      server({ onBind: () => (refuse ? 'drop' : 0), onSearch: answerAll }),
      server({ onSearch: answerAll }),
    ]);
    const opened = directory([first, second], { failBackMs: 20, connections: 1 });
    await ask(opened);
    expect([first.searches.length, second.searches.length]).toEqual([1, 0]);
    refuse = true;
    await first.close();
    await waitFor(() => first.open === 0, { what: 'the end of the first' });
    for (let n = 0; n < 3; n += 1) expect(await ask(opened)).toEqual(['CN=ada,DC=corp']);
    expect([first.searches.length, second.searches.length]).toEqual([1, 3]);
  });

  test('work goes back to the first', async () => {
    let refuse = true;
    const [first, second] = await Promise.all([
      server({ onBind: () => (refuse ? 'drop' : 0), onSearch: answerAll }),
      server({ onSearch: answerAll }),
    ]);
    const opened = directory([first, second], { failBackMs: 20, connections: 1 });
    await ask(opened);
    expect([first.searches.length, second.searches.length]).toEqual([0, 1]);
    refuse = false;
    await waitFor(() => second.open === 0, { what: 'the second being left' });
    await ask(opened);
    expect([first.searches.length, second.searches.length]).toEqual([1, 1]);
  });

  test('one that lets us in and never answers is left for the next', async () => {
    const [first, second] = await Promise.all([server({ onSearch: () => {} }), server({ onSearch: answerAll })]);
    const opened = directory([first, second], { timeoutMs: 200, connections: 1 });
    expect(await ask(opened)).toMatch(/no answer within/);
    expect(await ask(opened)).toEqual(['CN=ada,DC=corp']);
    expect(first.searches).toHaveLength(1);
  });

  test('those that have another base are asked, too', async () => {
    const tree = (base: string, names: string[]): FakeOptions => ({
      rootDse: { namingContexts: [base], defaultNamingContext: [base] },
      onSearch: (request, reply) => {
        for (const name of asked(request)) if (names.includes(name)) reply.entry(`CN=${name},${base}`, { ...person(name), objectGUID: [] });
        if (request.scope === 'base') reply.entry(request.baseDN, person('x'));
        reply.done();
      },
    });
    const [corp, child] = await Promise.all([server(tree('DC=corp', ['ada', 'both'])), server(tree('DC=child,DC=corp', ['ben', 'both']))]);
    const opened = ldapDirectory({
      servers: parseServerUrls(`ldap://127.0.0.1:${corp.port}/DC=corp ldap://127.0.0.1:${child.port}/DC=child,DC=corp`).servers,
      profile: activeDirectoryProfile,
      pollMs: 0,
    });
    const found = await ask(opened, ada, 'SMTP:ben@corp.example', 'SMTP:both@corp.example', 'SMTP:no@corp.example');
    expect(Array.from(found).sort()).toEqual(
      ['CN=ada,DC=corp', 'CN=ben,DC=child,DC=corp', 'CN=both,DC=child,DC=corp', 'CN=both,DC=corp'].sort(),
    );
    const byDn = await opened.byDn(['CN=x,OU=a,DC=child,DC=corp']);
    expect(byDn.ok && byDn.value.size).toBe(1);
    expect(child.searches.at(-1)?.scope).toBe('base');
    expect(corp.searches.filter(({ scope }) => scope === 'base')).toEqual([]);

    await child.close();
    expect(await ask(opened, ada)).toMatch(/no directory server can be used/); // the other half may have it, too
    await opened.close();
  });

  test('a global catalog knows who, and a server of his domain what', async () => {
    const catalog = await server({
      onSearch: (request, reply) => {
        for (const name of asked(request))
          reply.entry(`CN=${name},${name === 'far' ? 'DC=other' : 'DC=corp'}`, { ...person(name), homeMDB: [] });
        reply.done();
      },
    });
    const domain = await server({
      onSearch: (request, reply) => {
        reply.entry(request.baseDN, person('ada'));
        reply.done();
      },
    });
    const opened = directory([catalog, domain], {
      servers: parseServerUrls(`ldap://127.0.0.1:${catalog.port}?catalog ldap://127.0.0.1:${domain.port}`).servers,
    });
    const answer = await opened.byAddress([ada, 'SMTP:far@corp.example']);
    expect(answer.ok && [...answer.value.values()].flat().map(({ kind }) => kind)).toEqual(['mailbox', 'other']);
    expect(catalog.searches[0]?.baseDN).toBe('');
    expect(domain.searches.map(({ baseDN }) => baseDN)).toEqual(['CN=ada,DC=corp']);
  });
});

describe('long answers', () => {
  const members = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => `CN=m${from + n},DC=corp`);
  /** A server as Active Directory: 1,500 members, then the range. */
  const ranged =
    (total: number, step = 1_500) =>
    (request: SearchRequest, reply: Reply) => {
      const [, wanted] = request.attributes.map((name) => /^member;range=(\d+)-\*$/i.exec(name)).find((match) => match !== null) ?? [];
      const from = Number(wanted ?? 0);
      const to = Math.min(from + step, total) - 1;
      const name = `member;range=${from}-${to === total - 1 ? '*' : to}`;
      const some = members(from, to);
      reply.entry(
        'CN=g,DC=corp',
        wanted === undefined ? group(total > step ? { member: [], [name]: some } : { member: some }) : { [name]: some },
      );
      reply.done();
    };
  const sizeOf = async (opened: Directory) => {
    const answer = await opened.byAddress(['SMTP:g@corp.example']);
    if (!answer.ok) return answer.reason;
    const found = [...answer.value.values()][0]?.[0]?.members ?? [];
    expect(new Set(found).size).toBe(found.length);
    return found.length;
  };

  test.each([0, 1, 1_499, 1_500, 1_501, 3_000, 3_001, 20_000])('a group of %d members in ranges', async (total) => {
    const fake = await server({ onSearch: ranged(total) });
    expect(await sizeOf(directory(fake))).toBe(total);
    expect(fake.searches).toHaveLength(Math.max(1, Math.ceil(total / 1_500)));
  });

  test('what has been read of it is not read again at once', async () => {
    const fake = await server({ onSearch: ranged(6_000) });
    const opened = directory(fake);
    expect([await sizeOf(opened), await sizeOf(opened)]).toEqual([6_000, 6_000]);
    expect(fake.searches).toHaveLength(5);
  });

  test.each<[name: string, then: (request: SearchRequest, reply: Reply) => void, reason: RegExp]>([
    ['the group goes while it is read', (_, reply) => reply.done(32), /code 32/],
    ['the rest is not given', (_, reply) => (reply.entry('CN=g,DC=corp', { member: [] }), reply.done()), /stopped in the middle/],
    ['nobody answers for the rest', () => {}, /no answer within/],
    [
      'the range does not go on',
      (_, reply) => (reply.entry('CN=g,DC=corp', { 'member;range=0-1499': members(0, 1_499) }), reply.done()),
      /stopped in the middle/,
    ],
  ])('a group half of which comes is no group: %s', async (_, then, reason) => {
    const fake = await server({ onSearch: inTurn(ranged(6_000), then) });
    expect(await sizeOf(directory(fake, { searchTimeoutMs: 300 }))).toMatch(reason);
  });

  test('a group beyond all measure is not read', async () => {
    const fake = await server({ onSearch: ranged(6_000) });
    expect(await sizeOf(directory(fake, { maxMembers: 4_000 }))).toMatch(/more than 4000 values/);
  });

  test('a batch with too long an answer is asked in halves', async () => {
    const fake = await server({ onSearch: (request, reply) => (asked(request).length > 4 ? reply.done(4) : answerAll(request, reply)) });
    const names = Array.from({ length: 30 }, (_, n) => `a${n}`);
    const found = await ask(directory(fake), ...names.map((name) => `SMTP:${name}@corp.example`));
    expect(Array.from(found).sort()).toEqual(names.map((name) => `CN=${name},DC=corp`).sort());
  });

  test('no limit of ours is sent that would hide the server’s', async () => {
    const fake = await server({ onSearch: answerAll });
    const opened = directory(fake);
    await ask(opened);
    await opened.search('DC=corp', '(cn=*)', 10);
    expect(fake.searches.map(({ sizeLimit }) => sizeLimit)).toEqual([0, 0]);
    expect(fake.searches.every(({ timeLimit }) => timeLimit >= 1)).toBe(true);
  });

  describe('pages', () => {
    const page = (names: string[], cookie?: string) => (_: SearchRequest, reply: Reply) => {
      for (const name of names) reply.entry(`CN=${name},DC=corp`, person(name));
      reply.done(0, '', Buffer.from(cookie ?? ''));
    };
    const query = async (opened: Directory, limit = 100) => {
      const answer = await opened.search('DC=corp', '(mailNickname=*)', limit);
      return answer.ok ? [answer.value.entries.map(({ nickname }) => nickname).join(' '), answer.value.complete] : answer.reason;
    };
    test('are asked for until there is none, an empty one in between', async () => {
      const fake = await server({ onSearch: inTurn(page(['a', 'b'], '1'), page([], '2'), page(['c'], '3'), page([])) });
      expect(await query(directory(fake))).toEqual(['a b c', true]);
      expect(
        fake.searches.map(({ controls }) => (controls?.[0] as { value?: { cookie?: Buffer } } | undefined)?.value?.cookie?.toString()),
      ).toEqual(['', '1', '2', '3']);
    });
    test('stop at the limit', async () => {
      const fake = await server({ onSearch: inTurn(page(['a', 'b'], '1'), page(['c', 'd'], '2')) });
      expect(await query(directory(fake), 3)).toEqual(['a b c', false]);
      expect(fake.searches).toHaveLength(2);
    });
    test('that never end, do', async () => {
      const fake = await server({ onSearch: page([], 'again') });
      expect(await query(directory(fake, { searchTimeoutMs: 300 }))).toMatch(/within/);
    });
    test('of two queries do not mix on one connection', async () => {
      const perConnection = new Set<string>();
      const fake = await server({ onSearch: page(['a']) });
      const opened = directory(fake, { connections: 2 });
      await Promise.all(Array.from({ length: 6 }, () => query(opened)));
      for (const { messageId } of fake.searches) perConnection.add(String(messageId));
      expect(fake.searches).toHaveLength(6);
      expect(fake.connections).toBe(2);
    });
  });
});

describe('what a server says beside the answer', () => {
  test('references to other servers are not followed', async () => {
    const fake = await server({
      onSearch: (request, reply) => {
        reply.reference('ldap://elsewhere.example/CN=Configuration,DC=corp');
        answerAll(request, reply);
      },
    });
    expect(await ask(directory(fake))).toEqual(['CN=ada,DC=corp']);
    expect(fake.connections).toBe(1);
  });

  test('who does not have the address is not the owner, whatever the server compares', async () => {
    const fake = await server({
      onSearch: (_, reply) => {
        reply.entry('CN=joerg,DC=corp', person('j\u00f6rg'));
        reply.entry('CN=jorg,DC=corp', person('jorg'));
        reply.done();
      },
    });
    const opened = directory(fake);
    expect(await ask(opened, 'SMTP:jorg@corp.example')).toEqual(['CN=jorg,DC=corp']);
    expect(await ask(opened, 'SMTP:jo\u0308rg@corp.example')).toEqual(['CN=joerg,DC=corp']);
    expect(asked(fake.searches[1] as SearchRequest)).toEqual(['j\u00f6rg']); // asked for as it is kept
  });

  test('a GUID that happens to be text is bytes all the same; an address that is none is left out', async () => {
    const fake = await server({
      onSearch: (_, reply) => {
        reply.entry('CN=ada,DC=corp', {
          ...person('ada'),
          objectGUID: [Buffer.from('\ufeffabcdefghijklm')],
          proxyAddresses: [ada, Buffer.from([0x53, 0x4d, 0xff]), 'smtp:a@corp.example'],
        });
        reply.done();
      },
    });
    const answer = await directory(fake).byAddress([ada]);
    const [entry] = answer.ok ? [...answer.value.values()].flat() : [];
    expect(entry).toMatchObject({ id: Buffer.from('\ufeffabcdefghijklm').toString('hex'), addresses: [ada, 'SMTP:a@corp.example'] });
  });

  test('an attribute that was asked for and is not there is none', async () => {
    const fake = await server({
      onSearch: (_, reply) => (reply.entry('CN=ada,DC=corp', { ...person('ada'), altRecipient: [], member: [] }), reply.done()),
    });
    const answer = await directory(fake).byAddress([ada]);
    expect(answer.ok && [...answer.value.values()].flat()[0]).toMatchObject({ members: [], kind: 'mailbox' });
  });
});

describe('membership on Active Directory', () => {
  const opened = (fake: FakeLdap) => directory(fake, { profile: activeDirectoryProfile });
  test('is asked at the person, by the chain of links', async () => {
    const fake = await server({ onSearch: (_, reply) => (reply.entry('CN=ada,DC=corp', {}), reply.done()) });
    expect(await opened(fake).isMember?.('CN=ada,DC=corp', ['CN=g*,DC=corp'])).toEqual({ ok: true, value: true });
    expect(fake.searches[0]).toMatchObject({
      baseDN: 'CN=ada,DC=corp',
      scope: 'base',
      filter: { matchType: 'memberOf', rule: '1.2.840.113556.1.4.1941', value: 'CN=g*,DC=corp' },
    });
  });
  test.each<[name: string, answer: (request: SearchRequest, reply: Reply) => void, is: object]>([
    ['is not', (_, reply) => reply.done(), { ok: true, value: false }],
    ['the person is gone', (_, reply) => reply.done(32), { ok: true, value: false }],
    ['the server is slow', (_, reply) => reply.done(3), { ok: false, reason: expect.stringMatching(/code 3/) }],
    ['no answer', () => {}, { ok: false, reason: expect.stringMatching(/no answer/) }],
  ])('%s', async (_, onSearch, is) => {
    const fake = await server({ onSearch });
    expect(
      await directory(fake, { profile: activeDirectoryProfile, timeoutMs: 300 }).isMember?.('CN=ada,DC=corp', ['CN=g,DC=corp']),
    ).toEqual(is);
  });
  test('hundreds of groups are asked for in several questions', async () => {
    const fake = await server();
    const groups = Array.from({ length: 45 }, (_, n) => `CN=g${n},DC=corp`);
    expect(await opened(fake).isMember?.('CN=ada,DC=corp', groups)).toEqual({ ok: true, value: false });
    expect(fake.searches).toHaveLength(3);
  });
});
