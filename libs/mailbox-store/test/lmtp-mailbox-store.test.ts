import { type ContentStore, memoryContentStore } from '@mailrail/content-store';
import { waitFor } from '@mailrail/testing';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type LmtpMailboxStoreOptions, lmtpMailboxStore, parseLmtpLocation, type StoredForm } from '../src/index.ts';
import { type LmtpServer, startLmtpServer } from './lmtp-server.ts';
import { copy, mailboxStoreSuite, type OpenMailboxes } from './mailbox-store-suite.ts';

const ada = 'ada@corp.example';
const ben = 'ben@corp.example';
const chloe = 'chloe@corp.example';
const delivered = { kind: 'delivered' };
const doubts: number[] = [];

let server: LmtpServer;
const stores: { close: () => void }[] = [];
beforeEach(async () => {
  server = await startLmtpServer();
  doubts.length = 0;
});
afterEach(async () => {
  for (const store of stores.splice(0)) store.close();
  await server.close();
});

const memory = memoryContentStore();
async function keep(text: string | Buffer): Promise<StoredForm> {
  const { ref, sizeBytes } = await memory.put({ rootId: randomUUID(), form: 'internet' }, [Buffer.from(text)]);
  return { ref, sizeBytes };
}
function open(options: Partial<LmtpMailboxStoreOptions> = {}) {
  const location = parseLmtpLocation(`lmtp://127.0.0.1:${server.port}?sessions=4`);
  const store = lmtpMailboxStore({
    location,
    content: memory,
    hostname: 'ex1.corp.example',
    inDoubt: (copies) => doubts.push(copies),
    ...options,
  });
  stores.push(store);
  return store;
}

/** A server has no names of copies, and no owner's client: the test keeps both beside it. */
function openForSuite(): OpenMailboxes {
  const names = new Map<string, string>();
  const seen = new Set<string>();
  const inner = open();
  const texts = new Map<string, string>();
  return {
    store: {
      deliver(content, copies, options) {
        for (const { name } of copies) names.set(texts.get(content.ref) ?? '', name);
        return inner.deliver(content, copies, options);
      },
      probe: () => inner.probe(),
    },
    async keep(text) {
      const form = await keep(text);
      texts.set(form.ref, text);
      return form;
    },
    lose: ({ ref }) => memory.lose(ref),
    in: (mailbox) =>
      server.messages
        .filter((one) => one.mailbox === mailbox)
        .map((one) => {
          const text = one.text.trimEnd();
          const name = names.get(text) ?? 'unknown';
          return `${name}${seen.has(`${mailbox} ${name}`) ? ' (seen)' : ''}: ${text}`;
        })
        .sort(),
    see: (mailbox, name) => void seen.add(`${mailbox} ${name}`),
    breakMailbox: (mailbox) => void server.failing.set(mailbox, '452 4.2.2 mailbox full'),
    mend: (mailbox) => void server.failing.delete(mailbox),
  };
}
mailboxStoreSuite('LMTP', openForSuite, ['a\0b']);

describe('what is said', () => {
  test('reverse-path from the stored form, whose own line is left out; dots are doubled', async () => {
    const body = 'Received: by ex1\r\n\r\n.hidden\r\nend\r\n';
    await open().deliver(await keep(`Return-Path: <zoe@elsewhere.example>\r\n${body}`), [copy(ada)]);
    expect(server.messages).toEqual([{ mailbox: ada, sender: 'zoe@elsewhere.example', text: body }]);
    expect(server.heard).toEqual([
      'LHLO ex1.corp.example',
      `MAIL FROM:<zoe@elsewhere.example> SIZE=${body.length}`,
      `RCPT TO:<${ada}>`,
      'DATA',
    ]);
  });

  test.each([
    ['<>', ''],
    ['<"X400:c=us;a= ;p=Corp;s=Lovelace">', ''],
    ['<"zoe x"@elsewhere.example>', '"zoe x"@elsewhere.example'],
    ['<zoë@elsewhere.example>', 'zoë@elsewhere.example'],
  ])('a sender %s', async (path, said) => {
    const content = await keep(`Return-Path: ${path}\r\nSubject: x\r\n\r\nx\r\n`);
    expect(await open().deliver(content, [copy(ada)])).toEqual([delivered]);
    expect(server.messages).toMatchObject([{ sender: said, text: 'Subject: x\r\n\r\nx\r\n' }]);
  });

  test('a server without SMTPUTF8 and 8BITMIME gets such mail all the same, without what it has no words for', async () => {
    server.keywords = ['ENHANCEDSTATUSCODES'];
    const content = await keep('Return-Path: <zoë@elsewhere.example>\r\n\r\nGrüße\r\n');
    expect(await open().deliver({ ...content, body: '8bit' }, [copy(ada), copy(ben)])).toEqual([delivered, delivered]);
    expect(server.messages).toMatchObject([{ sender: '', text: '\r\nGrüße\r\n' }, { mailbox: ben }]);
    expect(server.heard[1]).toBe('MAIL FROM:<>');
    expect(await open().deliver({ ...content, body: 'binary' }, [copy(ada, '2.b')])).toMatchObject([
      { kind: 'permanent', status: '5.6.1' },
    ]);
  });

  test('a message of 3 MB is streamed', async () => {
    const text = `Return-Path: <>\r\n${'0123456789abcdef0123456789abcdef0123456789abcdef\r\n'.repeat(60_000)}`;
    expect(await open().deliver(await keep(text), [copy(ada)])).toEqual([delivered]);
    expect(server.messages[0]?.text).toBe(text.slice('Return-Path: <>\r\n'.length));
  });

  test('over a Unix socket', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'lmtp-'));
    const local = await startLmtpServer({ path: `${folder}/lmtp` });
    try {
      const store = open({ location: parseLmtpLocation(`lmtp+unix://${folder}/lmtp`) });
      expect(await store.deliver(await keep('x'), [copy(ada)])).toEqual([delivered]);
      expect(local.messages).toMatchObject([{ mailbox: ada }]);
    } finally {
      await local.close();
      await rm(folder, { recursive: true });
    }
  });
});

describe('each mailbox has its own outcome', () => {
  test('by the replies to RCPT and to the message', async () => {
    server.refusing.set(ada, '550 5.1.1 no such user');
    server.failing.set(ben, '552 5.2.2 quota exceeded');
    server.failing.set(chloe, '451 4.2.0 locked');
    const outcomes = await open().deliver(
      await keep('x'),
      [ada, ben, chloe, 'dmitri@corp.example'].map((one) => copy(one)),
    );
    expect(outcomes).toEqual([
      { kind: 'permanent', status: '5.1.1', reason: '550 5.1.1 no such user' },
      { kind: 'permanent', status: '5.2.2', reason: '552 5.2.2 quota exceeded' },
      { kind: 'transient', reason: 'mailbox server: 451 4.2.0 locked' },
      delivered,
    ]);
  });

  test('a server that takes few recipients at once gets the rest in further transactions', async () => {
    server.maxRecipients = 7;
    const all = Array.from({ length: 30 }, (_, i) => copy(`u${i}@corp.example`));
    expect(await open().deliver(await keep('x'), all)).toEqual(all.map(() => delivered));
    expect(server.messages).toHaveLength(30);
    server.maxRecipients = 0;
    const [outcome] = await open().deliver(await keep('x'), [copy(ada)]);
    expect(outcome).toMatchObject({ kind: 'transient', reason: 'mailbox server: it takes no more recipients' });
  });

  test('a server that wants a login, and the like, is no fact about a mailbox', async () => {
    server.refusing.set(ada, '530 5.7.0 authentication required');
    expect(await open().deliver(await keep('x'), [copy(ada)])).toEqual([
      { kind: 'transient', reason: 'mailbox server: 530 5.7.0 authentication required' },
    ]);
  });
});

describe('what goes wrong', () => {
  test('nobody there, and then somebody', async () => {
    await server.close();
    const store = open();
    expect(await store.deliver(await keep('x'), [copy(ada), copy(ben)])).toEqual([
      { kind: 'transient', reason: expect.stringContaining('ECONNREFUSED') },
      { kind: 'transient', reason: expect.stringContaining('ECONNREFUSED') },
    ]);
    await expect(store.probe()).rejects.toThrow('ECONNREFUSED');
    expect(doubts).toEqual([]);
  });

  test('a server that says nothing is given up in time', async () => {
    server.silent = true;
    const store = open({ limits: { commandMs: 100 } });
    expect(await store.deliver(await keep('x'), [copy(ada)])).toEqual([
      { kind: 'transient', reason: 'mailbox server: no greeting within 100 ms' },
    ]);
  });

  test('the whole call has a limit', async () => {
    const store = open({ deadlineMs: 200, limits: { finalMs: 60_000 } });
    await store.deliver(await keep('x'), [copy(ben)]);
    server.silent = true;
    const startedAt = performance.now();
    expect(await store.deliver(await keep('x'), [copy(ada)])).toMatchObject([{ kind: 'transient' }]);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  test('the reply to a message is lost: tried again, and counted as in doubt', async () => {
    server.after = 'ends after one';
    const store = open();
    const content = await keep('x');
    expect(await store.deliver(content, [copy(ada), copy(ben), copy(chloe)])).toEqual([
      delivered,
      { kind: 'transient', reason: expect.stringContaining('the reply was lost') },
      { kind: 'transient', reason: expect.stringContaining('the reply was lost') },
    ]);
    expect(doubts).toEqual([2]);
    server.after = 'replies';
    expect(await store.deliver(content, [copy(ada), copy(ben), copy(chloe)])).toEqual([{ kind: 'present' }, delivered, delivered]);
  });

  test('a session that the server had closed meanwhile costs nothing', async () => {
    const store = open();
    await store.deliver(await keep('one'), [copy(ada, '1.a')]);
    server.cut();
    expect(await store.deliver(await keep('two'), [copy(ada, '2.b')])).toEqual([delivered]);
    expect(doubts).toEqual([]);
  });

  test('content that breaks off is not delivered, and nobody is told yes', async () => {
    const text = Buffer.alloc(300_000, 'x');
    const form = await keep(text);
    const short: Pick<ContentStore, 'head' | 'read'> = {
      head: (ref, most) => memory.head(ref, most),
      read: (ref) => memory.read(ref, { end: 200_000 }),
    };
    expect(await open({ content: short }).deliver(form, [copy(ada)])).toEqual([
      { kind: 'transient', reason: 'content has another size than recorded' },
    ]);
    await waitFor(() => server.connections === 0, { what: 'the session gone' });
    expect(server.messages).toEqual([]);
  });

  test('a name that is none is a caller’s mistake, and leaves nothing behind', async () => {
    const store = open();
    const content = await keep('x');
    await expect(store.deliver(content, [copy(ada), copy(ben, 'a b')])).rejects.toThrow(TypeError);
    expect(await store.deliver(content, [copy(ada)])).toEqual([delivered]);
  });
});

describe('sessions', () => {
  test('are kept for the next mail, shared by many, and no more than were allowed', async () => {
    const store = open();
    let most = 0;
    await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        await store.deliver(await keep(`${i}`), [copy(ada, `${i}.x`)]);
        most = Math.max(most, server.connections);
      }),
    );
    expect(server.messages).toHaveLength(40);
    expect(most).toBeLessThanOrEqual(4);
    expect(server.heard.filter((line) => line.startsWith('LHLO')).length).toBeLessThanOrEqual(4);
  });

  test('end when they were idle, or have carried enough', async () => {
    const store = open({ idleMs: 50, mailsPerSession: 2 });
    for (let i = 0; i < 5; i += 1) await store.deliver(await keep(`${i}`), [copy(ada, `${i}.x`)]);
    expect(server.heard.filter((line) => line.startsWith('LHLO'))).toHaveLength(3);
    await waitFor(() => server.connections === 0, { what: 'all sessions closed' });
    expect(server.heard.at(-1)).toBe('QUIT');
  });
});

test.each([
  ['lmtp://store', { at: { host: 'store', port: 24 }, tls: 'opportunistic', login: undefined, sessions: 8 }],
  ['lmtp://[::1]:2424?tls=never&sessions=2', { at: { host: '::1', port: 2_424 }, tls: 'never', login: undefined, sessions: 2 }],
  [
    'lmtps://ada:p%40ss@store:80',
    { at: { host: 'store', port: 80 }, tls: 'always', login: { user: 'ada', password: 'p@ss' }, sessions: 8 },
  ],
  ['lmtp+unix:///run/dove%20cot/lmtp', { at: { path: '/run/dove cot/lmtp' }, tls: 'never', login: undefined, sessions: 8 }],
])('%s', (text, location) => {
  expect(parseLmtpLocation(text)).toEqual(location);
});

test.each([
  '',
  'smtp://u:secret@store',
  'lmtp://u:secret@store/path',
  'lmtp:///x',
  'lmtp+unix://run/lmtp',
  'lmtp://u:secret@s?sessions=0',
  'lmtp://s?tls=maybe',
  'lmtp://s?x=1',
])('%s is no place for mailboxes, and no password is said', (text) => {
  expect(() => parseLmtpLocation(text)).toThrow(TypeError);
  expect(() => parseLmtpLocation(text)).not.toThrow('secret');
});
