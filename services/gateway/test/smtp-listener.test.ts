import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type MemoryContentStore, memoryContentStore } from '@mailrail/content-store';
import { memoryLedger } from '@mailrail/ledger';
import { derivedId, newRootId } from '@mailrail/mail';
import { type OrganizationInput, organizationOf } from '@mailrail/organization';
import { createMetrics, type Log } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import { type Acceptor, type AcceptorOptions, openAcceptor } from '../src/accept.ts';
import { openSmtpListener, type SmtpListener, type SmtpListenerOptions } from '../src/smtp-listener.ts';
import { type FakeLine, fakeLine } from './fake-line.ts';
import { Talk } from './talk.ts';

const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8');
const tls = { key: fixture('server.key'), cert: fixture('server.crt') };

let contents: MemoryContentStore;
let line: FakeLine;
let acceptor: Acceptor;
let metrics: ReturnType<typeof createMetrics>;
let logged: { event: string; fields: Record<string, unknown> }[];
let listeners: SmtpListener[];
const log: Log = Object.fromEntries(
  ['info', 'warn', 'error', 'debug'].map((level) => [
    level,
    (event: string, fields = {}) => void logged.push({ event, fields: { ...fields } }),
  ]),
) as unknown as Log; // four methods by name

beforeEach(() => {
  contents = memoryContentStore();
  line = fakeLine();
  metrics = createMetrics('gateway');
  logged = [];
  listeners = [];
});
afterEach(async () => {
  Talk.destroyAll();
  await Promise.all(listeners.map((listener) => listener.close()));
});

interface Setting extends Partial<SmtpListenerOptions> {
  organization?: never;
  settings?: Partial<OrganizationInput>;
  accepting?: Partial<AcceptorOptions>;
}

async function open({ settings, accepting, ...more }: Setting = {}): Promise<number> {
  const organization = organizationOf({
    servers: [
      { name: 'EX1', site: 'london' },
      { name: 'EX2', site: 'paris' },
    ],
    ...settings,
  });
  acceptor = openAcceptor({ contents, line, organization, ledger: memoryLedger(), log, metrics, ...accepting });
  const listener = await openSmtpListener({
    kind: 'mx',
    host: '127.0.0.1',
    port: 0,
    acceptor,
    organization,
    log,
    metrics,
    tell: (event) => line.tell?.(event),
    ...more,
    limits: { authDelayMs: 1, stopMs: 300, lingerMs: 300, ...more.limits },
  });
  listeners.push(listener);
  return listener.port;
}

async function stored(at = 0): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of contents.read(line.accepted[at]?.mail.content.ref ?? '')) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

const mails = () => line.accepted.map(({ mail }) => mail);
const session = () => waitFor(() => logged.find(({ event }) => event === 'gateway.session'), { what: 'the line of the session' });

describe('mx', () => {
  test('a mail of a stranger', async () => {
    const talk = await Talk.to(await open());
    expect(await talk.reply()).toBe('220 ex1.corp.example ESMTP');
    expect(await talk.say('EHLO client.example')).toBe(
      '250-ex1.corp.example | 250-PIPELINING | 250-SIZE 52428800 | 250-8BITMIME | 250-SMTPUTF8 | 250-DSN | 250-ENHANCEDSTATUSCODES | 250-CHUNKING | 250-BINARYMIME | 250-LIMITS RCPTMAX=1000 | 250-MT-PRIORITY | 250 DELIVERBY 60',
    );
    const answer = await talk.mail({ to: ['ada@corp.example', 'partner@relay.example', 'postmaster'], content: '..stuffed\r\n' });
    const [mail] = mails();
    expect(answer).toBe(`250 2.0.0 Ok: queued as ${mail?.rootId}`);
    expect(line.accepted[0]?.station).toBe('gateway.in');
    expect(mail).toMatchObject({
      sender: 'SMTP:zoe@elsewhere.example',
      recipients: [
        { address: 'SMTP:ada@corp.example' },
        { address: 'SMTP:partner@relay.example' },
        { address: 'SMTP:postmaster@corp.example', original: 'SMTP:postmaster' },
      ],
      origin: { gateway: 'smtp', dialect: 'smtp', peer: '127.0.0.1', helo: 'client.example', authenticated: false, trust: 'outside' },
    });
    expect(await stored()).toMatch(
      /^Return-Path: <zoe@elsewhere\.example>\r\nReceived: from client\.example \(\[127\.0\.0\.1\]\)\r\n\tby ex1\.corp\.example\r\n\twith ESMTP id [0-9a-f-]{36};\r\n\t.* \+0000\r\n\.stuffed\r\n$/,
    );
    await talk.say('QUIT');
    await talk.end();
    expect((await session()).fields).toMatchObject({
      mails: 1,
      recipients: 3,
      refused: 0,
      tls: false,
      authenticated: false,
      reason: 'quit',
    });
  });

  test('HELO, DSN, SMTPUTF8 and a domain beyond ASCII', async () => {
    const port = await open({
      settings: {
        domains: [
          { name: 'corp.example', type: 'authoritative' },
          { name: 'xn--bcher-kva.example', type: 'authoritative' },
        ],
      },
    });
    const old = await Talk.to(port);
    await old.reply();
    await old.say('HELO old.example');
    await old.mail();
    expect(await stored()).toContain('\twith SMTP id ');
    const talk = await Talk.hello(port);
    await talk.say(Buffer.from('MAIL FROM:<zoë@elsewhere.example> SMTPUTF8 RET=HDRS ENVID=e1').toString('latin1'));
    expect(await talk.say(Buffer.from('RCPT TO:<bé@bücher.example> NOTIFY=SUCCESS ORCPT=rfc822;b@old.example').toString('latin1'))).toMatch(
      /^250/,
    );
    await talk.say('DATA');
    expect(await talk.say(Buffer.from('Subject: é\r\n\r\n.').toString('latin1'))).toMatch(/^250/);
    expect(mails()[1]).toMatchObject({
      sender: 'SMTP:zoë@elsewhere.example',
      envid: 'e1',
      ret: 'hdrs',
      recipients: [
        {
          address: 'SMTP:bé@xn--bcher-kva.example',
          original: 'SMTP:bé@bücher.example',
          notify: ['success'],
          orcpt: 'rfc822;b@old.example',
        },
      ],
      content: { smtputf8: true, body: '8bit' },
    });
    expect(await stored(1)).toContain('\twith UTF8SMTP id ');
  });

  test('mail for others is refused, from loopback too; the other recipients go on', async () => {
    const talk = await Talk.hello(await open());
    await talk.say('MAIL FROM:<ada@corp.example>');
    expect(await talk.say('RCPT TO:<x@foreign.example>')).toBe('550 5.7.1 Relaying denied');
    expect(await talk.say('RCPT TO:<x@[192.0.2.1]>')).toMatch(/^550 5\.7\.1/);
    expect(await talk.say('RCPT TO:<ada@corp.example>')).toMatch(/^250/);
    expect((await metrics.refused.get()).values).toMatchObject([{ value: 2, labels: { gateway: 'smtp', code: '550' } }]);
    expect(line.told).toMatchObject([
      { event: 'refused', status: '5.7.1' },
      { event: 'refused', status: '5.7.1' },
    ]);
  });

  test('a stranger gets nowhere further from a relayed domain; at a domain of our own the same is a name; a route is taken off', async () => {
    const talk = await Talk.hello(await open());
    await talk.say('MAIL FROM:<zoe@elsewhere.example>');
    for (const local of [
      'user%foreign.example',
      'foreign.example!user',
      '"user@foreign.example"',
      '@a.example,@b.example:user%c.example',
    ]) {
      expect(await talk.say(`RCPT TO:<${local}@relay.example>`)).toBe(
        '550 5.7.1 Relaying denied: %, ! or @ before the last @ could lead on from that domain',
      );
    }
    expect(await talk.say('RCPT TO:<user%foreign.example@corp.example>')).toMatch(/^250/);
    expect(await talk.say('RCPT TO:<@relay.example:user@foreign.example>')).toBe('550 5.7.1 Relaying denied');
    expect(await talk.say('RCPT TO:<@a.example,@b.example:user@relay.example>')).toMatch(/^250/);
    await talk.say('DATA');
    expect(await talk.say('x\r\n.')).toMatch(/^250/);
    expect(mails()[0]?.recipients.map(({ address }) => address)).toEqual([
      'SMTP:user%foreign.example@corp.example',
      'SMTP:user@relay.example',
    ]);
  });

  test('who is inside says himself where his mail goes on', async () => {
    const gateways = [{ name: 'lan', kind: 'smtp' as const, insideNetworks: ['127.0.0.0/8'] }];
    const talk = await Talk.hello(await open({ settings: { gateways } }));
    expect(await talk.mail({ to: ['user%foreign.example@relay.example'] })).toMatch(/^250/);
    expect(mails()[0]?.recipients.map(({ address }) => address)).toEqual(['SMTP:user%foreign.example@relay.example']);
  });

  test('a listed network is inside', async () => {
    const gateways = [{ name: 'lan', kind: 'smtp' as const, insideNetworks: ['127.0.0.0/8', '2001:db8::/32'] }];
    const talk = await Talk.hello(await open({ settings: { gateways } }));
    expect(await talk.mail({ to: ['x@foreign.example'] })).toMatch(/^250/);
    expect(mails()[0]?.origin).toMatchObject({ gateway: 'lan', authenticated: false, trust: 'inside' });
  });

  test('content that smuggles is refused after its true end and nothing of it is kept', async () => {
    const talk = await Talk.hello(await open());
    expect(
      await talk.mail({ content: 'a\r\n\n.\r\nMAIL FROM:<evil@corp.example>\r\nRCPT TO:<ben@corp.example>\r\nDATA\r\nx\r\n' }),
    ).toMatch(/^550 5\.6\.11/);
    expect(await talk.mail()).toMatch(/^250/);
    expect(mails()).toHaveLength(1);
    expect(acceptor.inHand).toBe(0);
  });

  test('too large, by SIZE and at the end of data', async () => {
    const talk = await Talk.hello(await open({ settings: { limits: { messageBytes: '1MB' } } }));
    expect(await talk.say('MAIL FROM:<zoe@elsewhere.example> SIZE=1048577')).toMatch(/^552 5\.3\.4/);
    expect(await talk.mail({ content: `${'x'.repeat(1_022)}\r\n`.repeat(1_030) })).toMatch(/^552 5\.3\.4/);
    expect(mails()).toEqual([]);
    expect(acceptor.inHand).toBe(0);
  });
});

describe('BDAT', () => {
  const envelope = async (talk: Talk) => {
    await talk.say('MAIL FROM:<zoe@elsewhere.example>');
    await talk.say('RCPT TO:<ada@corp.example>');
  };

  test('a mail in chunks is durable when its last chunk is answered, and its bytes are untouched', async () => {
    const talk = await Talk.hello(await open());
    await envelope(talk);
    talk.send('BDAT 14\r\nSubject: x\r\n\r\nBDAT 11\r\n.\r\n..two\r\n\r');
    expect(await talk.reply()).toBe('250 2.0.0 14 octets received');
    expect(await talk.reply()).toBe('250 2.0.0 11 octets received');
    expect(mails()).toEqual([]);
    talk.send('BDAT 1 LAST\r\n\n');
    expect(await talk.reply()).toBe(`250 2.0.0 Ok: queued as ${mails()[0]?.rootId}`);
    expect(await stored()).toMatch(/\r\nSubject: x\r\n\r\n\.\r\n\.\.two\r\n\r\n$/);
    expect(await talk.mail()).toMatch(/^250/);
    expect(acceptor.inHand).toBe(0);
  });

  test('10 MB in chunks of 1 MB stream to the store', async () => {
    const talk = await Talk.hello(await open());
    await envelope(talk);
    talk.send('BDAT 2\r\n\r\n'); // no header block
    expect(await talk.reply()).toMatch(/^250/);
    const chunk = `${'x'.repeat(1_022)}\r\n`.repeat(1_024);
    for (let count = 0; count < 10; count++) {
      talk.send(`BDAT ${chunk.length}${count === 9 ? ' LAST' : ''}\r\n${chunk}`);
      expect(await talk.reply()).toMatch(/^250 2\.0\.0/);
    }
    expect(mails()[0]?.content.sizeBytes).toBeGreaterThan(10 * chunk.length);
    expect((await stored()).endsWith(chunk.repeat(10))).toBe(true);
  });

  test('a chunk over the limit: its octets are swallowed, nothing is kept, the session goes on', async () => {
    const talk = await Talk.hello(await open({ settings: { limits: { messageBytes: '1MB' } } }));
    await envelope(talk);
    talk.send(`BDAT 10\r\nSubject:\r\nBDAT 1048577 LAST\r\n${'QUIT\r\n'.repeat(174_762)}QUIT\n`);
    expect(await talk.reply()).toMatch(/^250/);
    expect(await talk.reply()).toMatch(/^552 5\.3\.4/);
    expect(acceptor.inHand).toBe(0);
    expect(await talk.mail()).toMatch(/^250/);
    expect(mails()).toHaveLength(1);
  });

  test.each([
    ['inside a chunk', 'BDAT 100\r\nSubject: x\r\n'],
    ['between two chunks', 'BDAT 12\r\nSubject: x\r\n'],
    ['behind a chunk that announced the last', 'BDAT 13 LAST\r\nSubject: x\r\n'],
  ])('a client that leaves %s: nothing is kept', async (_, bytes) => {
    const talk = await Talk.hello(await open());
    await envelope(talk);
    talk.send(bytes);
    await waitFor(() => acceptor.inHand === 1, { what: 'the mail begun' });
    talk.destroy();
    await session();
    expect(acceptor.inHand).toBe(0);
    expect(mails()).toEqual([]);
  });

  test('RSET between two chunks drops what came', async () => {
    const talk = await Talk.hello(await open());
    await envelope(talk);
    talk.send('BDAT 3\r\n1\r\n');
    await talk.reply();
    expect(acceptor.inHand).toBe(1);
    expect(await talk.say('RSET')).toMatch(/^250/);
    expect(acceptor.inHand).toBe(0);
  });

  test.each([
    ['chunks that do not end', 'BDAT 12\r\nSubject: x\r\n'],
    ['octets that do not come', 'BDAT 100\r\nSubject: x\r\n'],
  ])('%s: 421 by the time limit of a content', async (_, bytes) => {
    const talk = await Talk.hello(await open({ limits: { dataMs: 100 } }));
    await envelope(talk);
    talk.send(bytes);
    let answer = await talk.reply();
    if (answer.startsWith('250')) answer = await talk.reply();
    expect(answer).toMatch(/^421 4\.4\.2/);
    expect(acceptor.inHand).toBe(0);
  });

  test('octets of a refused chunk that do not come: 421, too', async () => {
    const talk = await Talk.hello(await open({ limits: { dataMs: 100 } }));
    talk.send('BDAT 100 LAST\r\n');
    expect(await talk.reply()).toMatch(/^421 4\.4\.2/);
  });

  const unused = 'MAIL FROM:<zoe@elsewhere.example>\r\n';
  const begun = `${unused}RCPT TO:<ada@corp.example>\r\n`;
  test.each([
    ['out of order', 'BDAT 4294967296\r\n', {}],
    ['for nobody', `${unused}BDAT 4294967296 LAST\r\n`, {}],
    ['for refused recipients alone', `${unused}RCPT TO:<x@elsewhere.example>\r\nBDAT 4294967296 LAST\r\n`, {}],
    ['past the limit', `${begun}BDAT 4294967296 LAST\r\n`, {}],
    ['past the limit, others to follow', `${begun}BDAT 4294967296\r\n`, {}],
    ['past the limit behind a good one', `${begun}BDAT 10\r\nSubject:\r\nBDAT 4294967296 LAST\r\n`, {}],
    ['behind a faulty one', `${begun}BDAT 3\r\n\n\r\nBDAT 4294967296\r\n`, {}],
    ['whose size was a lie, from a byte that is no content on', `${begun}BDAT 100000\r\n\r\n\0`, {}],
    ['before TLS', 'BDAT 4294967296\r\n', { settings: { gateways: [{ name: 'smtp', kind: 'smtp' as const, requireTls: true }] }, tls }],
    ['behind a faulty one, each of one octet', `${begun}BDAT 3\r\n\n\r\nBDAT 1\r\n`, { drip: 'xBDAT 1\r\n' }],
  ] satisfies [string, string, Setting & { drip?: string }][])(
    'octets of a refused chunk %s that drip: the time limit of a content ends it',
    async (_, said, { drip = 'x', ...setting }: Setting & { drip?: string }) => {
      const talk = await Talk.hello(await open({ ...setting, limits: { dataMs: 100, lingerMs: 50 } }));
      talk.send(said);
      const dripping = setInterval(() => talk.send(drip), 10);
      try {
        let answer = await talk.reply();
        while (!answer.startsWith('421')) answer = await talk.reply();
        expect(answer).toMatch(/^421 4\.4\.2/);
        // It goes on as if it had heard nothing: after a while nobody listens.
        await session();
      } finally {
        clearInterval(dripping);
      }
      expect(acceptor.inHand).toBe(0);
      expect(mails()).toEqual([]);
    },
  );

  test('the acceptor takes nothing now: the chunks are swallowed and hear why', async () => {
    const talk = await Talk.hello(await open({ accepting: { maxInHandPerClient: 1 } }));
    const other = await Talk.hello(listeners[0]?.port ?? 0);
    await envelope(other);
    await other.say('DATA');
    await envelope(talk);
    talk.send('BDAT 6\r\nQUIT\r\nBDAT 0 LAST\r\n');
    expect(await talk.reply()).toMatch(/^451 4\.3\.2/);
    expect(await talk.reply()).toMatch(/^451 4\.3\.2/);
    expect(await talk.say('NOOP')).toMatch(/^250/);
  });

  test('a listener may withhold it: then it is neither offered nor known', async () => {
    const gateways = [{ name: 'smtp', kind: 'smtp' as const, withhold: ['CHUNKING' as const, 'DSN' as const] }];
    const talk = await Talk.hello(await open({ settings: { gateways } }));
    expect(await talk.say('EHLO client.example')).not.toMatch(/CHUNKING|DSN/);
    expect(await talk.say('MAIL FROM:<zoe@elsewhere.example> RET=HDRS')).toMatch(/^555/);
    expect(await talk.say('BDAT 0 LAST')).toMatch(/^502 5\.5\.1/);
  });
});

describe('LMTP', () => {
  test('one answer for each recipient, and none before the mail is durable', async () => {
    const talk = await Talk.to(await open({ kind: 'lmtp' }));
    expect(await talk.reply()).toBe('220 ex1.corp.example LMTP');
    expect(await talk.say('LHLO postfix.example')).toBe(
      '250-ex1.corp.example | 250-PIPELINING | 250-SIZE 52428800 | 250-8BITMIME | 250-SMTPUTF8 | 250-DSN | 250-ENHANCEDSTATUSCODES | 250-CHUNKING | 250-BINARYMIME | 250-LIMITS RCPTMAX=1000 | 250-MT-PRIORITY | 250 DELIVERBY 60',
    );
    const { promise, resolve } = Promise.withResolvers<void>();
    line.gate = promise;
    talk.send(
      'MAIL FROM:<zoe@elsewhere.example>\r\nRCPT TO:<ada@corp.example>\r\nRCPT TO:<x@foreign.example>\r\nRCPT TO:<ben@corp.example>\r\nDATA\r\n',
    );
    expect([await talk.reply(), await talk.reply(), await talk.reply(), await talk.reply(), await talk.reply()]).toEqual(
      ['250', '250', '550', '250', '354'].map((code) => expect.stringMatching(`^${code}`)),
    );
    let answered = false;
    const first = talk.say('Subject: x\r\n\r\n.').finally(() => {
      answered = true;
    });
    await waitFor(() => line.published === 1, { what: 'the mail published' });
    await (await Talk.to(listeners[0]?.port ?? 0)).reply(); // others are served meanwhile
    expect(answered).toBe(false);
    resolve();
    const one = await first;
    expect(one).toBe(`250 2.0.0 Ok: queued as ${mails()[0]?.rootId}`);
    expect(await talk.reply()).toBe(one);
    expect(mails()[0]).toMatchObject({
      recipients: [{ address: 'SMTP:ada@corp.example' }, { address: 'SMTP:ben@corp.example' }],
      origin: { gateway: 'lmtp', dialect: 'smtp', helo: 'postfix.example', authenticated: false, trust: 'outside' },
    });
    expect(await stored()).toContain('\twith LMTP id ');
    expect(await talk.say('QUIT')).toMatch(/^221/);
    await talk.end();
  });

  test('not confirmed: every recipient hears 451', async () => {
    const talk = await Talk.to(await open({ kind: 'lmtp' }));
    await talk.reply();
    await talk.say('LHLO postfix.example');
    line.verdict = () => 'unconfirmed';
    talk.send('MAIL FROM:<>\r\nRCPT TO:<ada@corp.example>\r\nRCPT TO:<ben@corp.example>\r\nBDAT 3 LAST\r\nx\r\n');
    for (let count = 0; count < 3; count++) expect(await talk.reply()).toMatch(/^250/);
    expect(await talk.reply()).toMatch(/^451 4\.3\.0/);
    expect(await talk.reply()).toMatch(/^451 4\.3\.0/);
    expect(await talk.say('NOOP')).toMatch(/^250/);
    expect((await metrics.refused.get()).values).toMatchObject([{ labels: { gateway: 'lmtp', code: '451' } }]);
  });

  test('a listed neighbour is inside', async () => {
    const gateways = [{ name: 'local', kind: 'smtp' as const, listener: 'lmtp' as const, insideNetworks: ['127.0.0.0/8'] }];
    const talk = await Talk.to(await open({ kind: 'lmtp', settings: { gateways } }));
    await talk.reply();
    await talk.say('LHLO postfix.example');
    expect(await talk.mail({ to: ['x@foreign.example'] })).toMatch(/^250/);
    expect(mails()[0]?.origin).toMatchObject({ gateway: 'local', trust: 'inside' });
  });
});

describe('when the line is away', () => {
  test('down at connect: 421, and it recovers alone', async () => {
    const port = await open();
    line.now = 'down';
    const talk = await Talk.to(port);
    expect(await talk.reply()).toMatch(/^421 4\.3\.2/);
    await talk.end();
    line.now = 'up';
    expect(await (await Talk.hello(port)).mail()).toMatch(/^250/);
  });

  test.each([
    ['blocked', '452 4.3.1'],
    ['full', '452 4.3.1'],
    ['down', '421 4.3.2'],
  ] as const)('%s at MAIL: %s', async (state, reply) => {
    const talk = await Talk.hello(await open());
    line.now = state;
    expect(await talk.say('MAIL FROM:<zoe@elsewhere.example>')).toMatch(new RegExp(`^${reply}`));
  });

  test('away after MAIL: refused at DATA', async () => {
    const talk = await Talk.hello(await open());
    await talk.say('MAIL FROM:<zoe@elsewhere.example>');
    await talk.say('RCPT TO:<ada@corp.example>');
    line.now = 'blocked';
    expect(await talk.say('DATA')).toMatch(/^452 4\.3\.1/);
  });

  test('not confirmed: 451, and the same session may try again', async () => {
    const talk = await Talk.hello(await open());
    line.verdict = (_, index) => (index === 0 ? 'unconfirmed' : undefined);
    expect(await talk.mail()).toMatch(/^451 4\.3\.0/);
    expect(await talk.mail()).toMatch(/^250/);
  });

  test('the store is away: 451', async () => {
    const talk = await Talk.hello(await open());
    contents.outage = 'disk full';
    expect(await talk.mail()).toMatch(/^451 4\.3\.0/);
    expect(await talk.mail({ content: `${'x'.repeat(1_022)}\r\n`.repeat(500) })).toMatch(/^451 4\.3\.0/);
    contents.outage = undefined;
    expect(await talk.mail()).toMatch(/^250/);
  });
});

describe('bounds', () => {
  test('more sessions than the limit: 421, and a place that is free is taken again', async () => {
    const port = await open({ settings: { gateways: [{ name: 'smtp', kind: 'smtp', maxSessions: 2 }] } });
    const first = await Talk.hello(port);
    await Talk.hello(port);
    const third = await Talk.to(port);
    expect(await third.reply()).toMatch(/^421 4\.3\.2/);
    await first.say('QUIT');
    await waitFor(() => listeners[0]?.sessions === 1, { what: 'one session left' });
    expect(await (await Talk.hello(port)).mail()).toMatch(/^250/);
  });

  test('more sessions of one client than its limit: 421', async () => {
    const port = await open({ settings: { gateways: [{ name: 'smtp', kind: 'smtp', maxSessionsPerClient: 1 }] } });
    await Talk.hello(port);
    expect(await (await Talk.to(port)).reply()).toMatch(/^421 4\.3\.2/);
  });

  test('200 connections at once are all served', async () => {
    const port = await open();
    const talks = await Promise.all(Array.from({ length: 200 }, () => Talk.hello(port)));
    expect(new Set((await Promise.all(talks.map((talk) => talk.mail()))).map((reply) => reply.slice(0, 3)))).toEqual(new Set(['250']));
    expect(mails()).toHaveLength(200);
  });

  test('a command that does not come: 421', async () => {
    const talk = await Talk.hello(await open({ limits: { commandMs: 100 } }));
    expect(await talk.reply()).toMatch(/^421 4\.4\.2/);
    await talk.end();
  });

  test('a command that comes in drops: 421', async () => {
    const talk = await Talk.hello(await open({ limits: { commandMs: 200 } }));
    const drip = setInterval(() => talk.send('N'), 20);
    expect(await talk.reply()).toMatch(/^421 4\.4\.2/);
    clearInterval(drip);
  });

  test('a session that only stays: 421', async () => {
    const talk = await Talk.hello(await open({ limits: { idleMs: 200 } }));
    let answer = '250';
    while (answer.startsWith('250')) answer = await talk.say('NOOP');
    expect(answer).toMatch(/^421 4\.4\.2/);
  });

  test('content that does not end: 421, and what had come is dropped', async () => {
    const talk = await Talk.hello(await open({ limits: { dataMs: 100 } }));
    await talk.say('MAIL FROM:<zoe@elsewhere.example>');
    await talk.say('RCPT TO:<ada@corp.example>');
    await talk.say('DATA');
    talk.send('Subject: x\r\n');
    expect(await talk.reply()).toMatch(/^421 4\.4\.2/);
    expect(acceptor.inHand).toBe(0);
    expect(mails()).toEqual([]);
  });

  test('a store that is slow slows the client; nothing piles up here', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    let bytes = 0;
    const slow = {
      put: contents.put.bind(contents),
      read: contents.read.bind(contents),
      writer: (key: { rootId: string; form: string }) => {
        const writer = contents.writer(key);
        return {
          ...writer,
          write(chunk: Uint8Array) {
            void writer.write(chunk);
            bytes += chunk.length;
            return promise;
          },
        };
      },
    };
    const talk = await Talk.hello(await open({ accepting: { contents: slow } }));
    await talk.say('MAIL FROM:<zoe@elsewhere.example>');
    await talk.say('RCPT TO:<ada@corp.example>');
    await talk.say('DATA');
    const all = Buffer.from(`Subject: x\r\n\r\n${`${'x'.repeat(1_022)}\r\n`.repeat(10_000)}.\r\n`);
    talk.send(all);
    await waitFor(() => bytes > 0, { what: 'the store asked' });
    // Others are served all the while, and with each the first one could have sent more.
    for (let count = 0; count < 50; count++) await (await Talk.hello(listeners[0]?.port ?? 0)).say('QUIT');
    expect(bytes).toBeLessThan(600_000);
    resolve();
    expect(await talk.reply()).toMatch(/^250/);
    expect(bytes).toBeGreaterThan(all.length);
  });

  test('a header block of 200,000 fields is taken in its stride, one over the limit is not taken', async () => {
    const talk = await Talk.hello(await open());
    const began = performance.now();
    expect(await talk.mail({ content: `${'a:\r\n'.repeat(200_000)}\r\nx\r\n` })).toMatch(/^250/);
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(await talk.mail({ content: 'a:\r\n'.repeat(300_000) })).toMatch(/^552 5\.3\.4/);
    expect(line.accepted).toHaveLength(1);
  });

  test('a client that never closes is closed', async () => {
    const talk = await Talk.hello(await open({ limits: { lingerMs: 100 } }));
    talk.send('QUIT\r\n');
    expect(await talk.reply()).toMatch(/^221/);
    await waitFor(() => listeners[0]?.sessions === 0, { what: 'the session gone' });
  });
});

describe('a greeting that waits', () => {
  const settings = { gateways: [{ name: 'mx', kind: 'smtp' as const, greetingDelay: '100ms' }] };

  test('who waits for it is served', async () => {
    const talk = await Talk.hello(await open({ settings }));
    expect(await talk.mail()).toMatch(/^250/);
  });

  test('who talks before it is refused, and nothing it said is done', async () => {
    const talk = await Talk.to(await open({ settings: { gateways: [{ name: 'mx', kind: 'smtp', greetingDelay: '60s' }] } }));
    talk.send('EHLO a\r\nMAIL FROM:<zoe@elsewhere.example>\r\n');
    expect(await talk.reply()).toMatch(/^554 5\.5\.1/);
    await talk.end();
    expect((await session()).fields).toMatchObject({ reason: 'refused', mails: 0 });
  });

  test('who leaves before it, and a service that stops, wait for nothing', async () => {
    const port = await open({ settings: { gateways: [{ name: 'mx', kind: 'smtp', greetingDelay: '60s' }] } });
    const [leaving, waiting] = [await Talk.to(port), await Talk.to(port)];
    await waitFor(() => listeners[0]?.sessions === 2, { what: 'both connections' });
    leaving.destroy();
    await waitFor(() => listeners[0]?.sessions === 1, { what: 'one of them gone' });
    const closed = listeners.splice(0)[0]?.close();
    expect(await waiting.reply()).toMatch(/^421 4\.3\.2/);
    await closed;
  });
});

describe('behind a proxy', () => {
  type Gateway = NonNullable<OrganizationInput['gateways']>[number] & { kind: 'smtp' };
  const behind = (more: Partial<Gateway> = {}, listener: 'mx' | 'submission' = 'mx'): { gateways: Gateway[] } => ({
    gateways: [{ name: listener, kind: 'smtp', listener, proxyNetworks: ['127.0.0.0/8'], insideNetworks: ['192.0.2.0/28'], ...more }],
  });
  const header = (address: string) => `PROXY TCP4 ${address} 192.0.2.200 12345 25\r\n`;
  const binary = Buffer.concat([
    Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c', 'latin1'),
    Buffer.from([192, 0, 2, 77, 192, 0, 2, 200, 0x30, 0x39, 0, 25]),
  ]);

  test.each([
    ['version 1', header('192.0.2.77')],
    ['version 2', binary.toString('latin1')],
  ])('%s: the client is who the header says, and nothing is said before it', async (_, bytes) => {
    const talk = await Talk.to(await open({ settings: behind() }));
    for (const part of [bytes.slice(0, 9), `${bytes.slice(9)}EHLO client.example\r\n`]) talk.send(part);
    expect(await talk.reply()).toMatch(/^220/);
    expect(await talk.reply()).toMatch(/^250/);
    expect(await talk.mail({ to: ['x@foreign.example'] })).toMatch(/^550 5\.7\.1/);
    await talk.say('RSET');
    expect(await talk.mail()).toMatch(/^250/);
    expect(mails()[0]?.origin.peer).toBe('192.0.2.77');
    expect(await stored()).toContain('from client.example ([192.0.2.77])');
    await talk.say('QUIT');
    expect((await session()).fields).toMatchObject({ peer: '192.0.2.77' });
  });

  test('a listed network counts for the client, never for a client the proxy does not know', async () => {
    const port = await open({ settings: behind({ insideNetworks: ['192.0.2.0/28', '127.0.0.0/8'] }) });
    for (const [line, reply] of [
      [header('192.0.2.3'), /^250/],
      [header('192.0.2.77'), /^550/],
      ['PROXY UNKNOWN\r\n', /^550/],
    ] as const) {
      const talk = await Talk.to(port);
      talk.send(line);
      await talk.reply();
      await talk.say('EHLO client.example');
      expect(await talk.mail({ to: ['x@foreign.example'] })).toMatch(reply);
    }
  });

  test.each([
    ['UNKNOWN', 'PROXY UNKNOWN\r\n'],
    ['LOCAL', '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0'],
  ])('%s: a proxy on this machine that does not name its client gets no password in clear text from it', async (_, bytes) => {
    const talk = await Talk.to(
      await open({ kind: 'submission', account: { user: 'app', password: 'secret' }, settings: behind({}, 'submission') }),
    );
    talk.send(bytes);
    await talk.reply();
    expect(await talk.say('EHLO client.example')).not.toContain('AUTH');
    expect(await talk.say('AUTH LOGIN')).toMatch(/^538 5\.7\.11/);
  });

  test('clients are counted one by one', async () => {
    const port = await open({ settings: behind({ maxSessionsPerClient: 1 }) });
    const greet = async (address: string) => {
      const talk = await Talk.to(port);
      talk.send(header(address));
      return talk.reply();
    };
    expect([await greet('192.0.2.77'), await greet('192.0.2.78'), await greet('192.0.2.77')].map((reply) => reply.slice(0, 3))).toEqual([
      '220',
      '220',
      '421',
    ]);
  });

  test.each([
    ['another header', 'EHLO client.example\r\n'],
    ['a header that does not end', 'PROXY TCP4 192.0'],
    ['nothing', ''],
  ])('%s: closed without a word', async (_, bytes) => {
    const talk = await Talk.to(await open({ settings: behind(), limits: { commandMs: 100 } }));
    talk.send(bytes);
    await talk.end();
    expect(logged.map(({ event }) => event)).toContain('gateway.proxy-refused');
  });

  test('the header stands before the handshake of implicit TLS', async () => {
    const account = { user: 'app', password: 'correct horse' };
    const port = await open({ kind: 'submission', account, tls, implicitTls: true, settings: behind({}, 'submission') });
    // As proxies do: the header and the client's first bytes in one packet.
    const proxy = createServer((client) => {
      client.once('data', (first: Buffer) => {
        const upstream = connect({ port, host: '127.0.0.1' }, () =>
          upstream.write(Buffer.concat([Buffer.from(header('192.0.2.78')), first])),
        );
        client.pipe(upstream).pipe(client);
        client.on('error', () => {});
        upstream.on('error', () => {});
      });
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const alone = await Talk.to(port);
    alone.send(header('192.0.2.77'));
    const through = await Talk.to((proxy.address() as AddressInfo).port); // it listens on a port
    for (const talk of [alone, through]) {
      await talk.startTls();
      await talk.reply();
      await talk.say('EHLO client.example');
      expect(await talk.say(plain('app', 'correct horse'))).toMatch(/^235/);
      expect(await talk.mail()).toMatch(/^250/);
    }
    expect(mails().map(({ origin }) => origin.peer)).toEqual(['192.0.2.77', '192.0.2.78']);
    proxy.close();
  });

  test('AUTH in clear text is not safe behind a proxy on this machine', async () => {
    const port = await open({
      kind: 'submission',
      account: { user: 'app', password: 'correct horse' },
      settings: behind({}, 'submission'),
    });
    const talk = await Talk.to(port);
    talk.send(header('192.0.2.77'));
    await talk.reply();
    expect(await talk.say('EHLO client.example')).not.toContain('AUTH');
    expect(await talk.say(plain('app', 'correct horse'))).toMatch(/^538/);
  });

  test('a header of a stranger is a syntax error and the end; in version 2 it is never a command', async () => {
    const port = await open();
    const talk = await Talk.to(port);
    await talk.reply();
    talk.send(header('192.0.2.3'));
    expect(await talk.reply()).toMatch(/^500 5\.5\.2/);
    await talk.end();
    const other = await Talk.to(port);
    await other.reply();
    other.send(binary);
    expect(await other.reply()).toMatch(/^500 5\.5\.2/);
    await other.end();
    expect(mails()).toEqual([]);
  });

  test('XCLIENT of a listed proxy names another client, who is never inside by it', async () => {
    const gateways = [
      { name: 'mx', kind: 'smtp' as const, xclientNetworks: ['127.0.0.1'], insideNetworks: ['127.0.0.0/8', '192.0.2.0/28'] },
    ];
    const talk = await Talk.hello(await open({ settings: { gateways } }));
    expect(await talk.mail({ to: ['x@foreign.example'] })).toMatch(/^250/);
    expect(await talk.say('XCLIENT ADDR=192.0.2.3 LOGIN=app')).toMatch(/^220 ex1\.corp\.example/);
    await talk.say('EHLO client.example');
    expect(await talk.mail({ to: ['x@foreign.example'] })).toMatch(/^550 5\.7\.1/);
    await talk.say('RSET');
    expect(await talk.mail()).toMatch(/^250/);
    expect(mails()[1]?.origin).toMatchObject({ peer: '192.0.2.3', authenticated: false, trust: 'outside' });
    expect(mails()[1]?.origin).not.toHaveProperty('user');
  });

  test('XCLIENT of anybody else is unknown', async () => {
    const talk = await Talk.hello(await open({ settings: { gateways: [{ name: 'mx', kind: 'smtp', xclientNetworks: ['192.0.2.1'] }] } }));
    expect(await talk.say('EHLO a')).not.toContain('XCLIENT');
    expect(await talk.say('XCLIENT ADDR=192.0.2.3')).toMatch(/^500/);
  });
});

describe('clients that leave', () => {
  test('in the content: nothing is kept', async () => {
    const port = await open();
    const talk = await Talk.hello(port);
    await talk.say('MAIL FROM:<zoe@elsewhere.example>');
    await talk.say('RCPT TO:<ada@corp.example>');
    await talk.say('DATA');
    talk.send('Subject: x\r\n\r\n.\r');
    await waitFor(() => acceptor.inHand === 1, { what: 'the mail begun' });
    talk.destroy();
    await session();
    expect(acceptor.inHand).toBe(0);
    expect(mails()).toEqual([]);
  });

  test('before our yes: a possible duplicate', async () => {
    const talk = await Talk.hello(await open());
    const { promise, resolve } = Promise.withResolvers<void>();
    line.gate = promise;
    void talk.mail().catch(() => {});
    await waitFor(() => line.published === 1, { what: 'the mail published' });
    // A connection that is only closed on the other side could still hear us; one that is reset cannot.
    talk.socket.resetAndDestroy();
    await session();
    resolve();
    await waitFor(async () => (await metrics.possibleDuplicates.get()).values[0]?.value === 1, { what: 'the count' });
  });

  test('with everything said in advance: every answer comes, then the end', async () => {
    const talk = await Talk.to(await open());
    const all =
      'EHLO a\r\nMAIL FROM:<zoe@elsewhere.example>\r\nRCPT TO:<ada@corp.example>\r\nDATA\r\nSubject: x\r\n\r\nHello.\r\n.\r\nNOOP\r\n';
    const { promise, resolve } = Promise.withResolvers<void>();
    line.gate = promise;
    talk.socket.end(all);
    await waitFor(() => line.published === 1, { what: 'the mail published' });
    await Talk.hello(listeners[0]?.port ?? 0); // by now the end of the first one's input was seen, too
    resolve();
    const codes = [];
    for (let count = 0; count < 7; count++) codes.push((await talk.reply()).slice(0, 3));
    expect(codes).toEqual(['220', '250', '250', '250', '354', '250', '250']);
    await talk.end();
  });
});

describe('TLS', () => {
  test('STARTTLS, then a mail', async () => {
    const port = await open({ tls });
    const talk = await Talk.hello(port);
    expect(await talk.say('EHLO client.example')).toContain('STARTTLS');
    expect(await talk.say('STARTTLS')).toMatch(/^220/);
    await talk.startTls();
    const hello = await talk.say('EHLO client.example');
    expect(hello).not.toMatch(/STARTTLS|AUTH/);
    expect(await talk.mail()).toMatch(/^250/);
    expect(await stored()).toMatch(/\twith ESMTPS \(TLSv1\.3 [A-Z0-9_]+\) id /);
    await talk.say('QUIT');
    await talk.end();
    expect((await session()).fields).toMatchObject({ tls: true, mails: 1 });
  });

  test('commands injected before the handshake are gone', async () => {
    const talk = await Talk.hello(await open({ tls }));
    talk.send('STARTTLS\r\nMAIL FROM:<evil@elsewhere.example>\r\n');
    expect(await talk.reply()).toMatch(/^220/);
    await talk.startTls();
    expect(await talk.say('RCPT TO:<ada@corp.example>')).toMatch(/^503/);
  });

  test('garbage instead of a handshake ends it, and others are served', async () => {
    const port = await open({ tls });
    const talk = await Talk.hello(port);
    await talk.say('STARTTLS');
    talk.send('this is no handshake\r\n');
    await talk.end();
    await session();
    expect(await (await Talk.hello(port)).mail()).toMatch(/^250/);
  });

  test('a handshake that does not come ends it', async () => {
    const talk = await Talk.hello(await open({ tls, limits: { commandMs: 100 } }));
    await talk.say('STARTTLS');
    await talk.end();
  });

  test('a listener that requires it', async () => {
    const talk = await Talk.hello(await open({ tls, settings: { gateways: [{ name: 'smtp', kind: 'smtp', requireTls: true }] } }));
    expect(await talk.mail()).toMatch(/^530/);
    await talk.say('STARTTLS');
    await talk.startTls();
    await talk.say('EHLO client.example');
    expect(await talk.mail()).toMatch(/^250/);
  });
});

describe('implicit TLS', () => {
  const account = { user: 'app', password: 'correct horse' };
  const secured = async (port: number) => {
    const talk = await Talk.to(port);
    await talk.startTls();
    return talk;
  };

  test('the greeting comes inside TLS, STARTTLS is neither offered nor known, AUTH is safe', async () => {
    const talk = await secured(await open({ kind: 'submission', account, tls, implicitTls: true }));
    expect(await talk.reply()).toBe('220 ex1.corp.example ESMTP');
    const hello = await talk.say('EHLO client.example');
    expect(hello).toContain('AUTH PLAIN LOGIN');
    expect(hello).not.toContain('STARTTLS');
    expect(await talk.say('STARTTLS')).toMatch(/^503 5\.5\.1/);
    expect(await talk.mail()).toMatch(/^530/);
    expect(await talk.say(plain('app', 'correct horse'))).toMatch(/^235/);
    expect(await talk.mail({ to: ['x@foreign.example'] })).toMatch(/^250/);
    expect(await stored()).toMatch(/\twith ESMTPSA \(TLSv1\.3 [A-Z0-9_]+\) id /);
    await talk.say('QUIT');
    await talk.end();
    expect((await session()).fields).toMatchObject({ tls: true, authenticated: true, mails: 1 });
    expect(listeners[0]?.sessions).toBe(0);
  });

  test('SMTPS for strangers; a listener that requires TLS has it', async () => {
    const gateways = [{ name: 'smtp', kind: 'smtp' as const, requireTls: true }];
    const talk = await secured(await open({ tls, implicitTls: true, settings: { gateways } }));
    await talk.reply();
    await talk.say('EHLO client.example');
    expect(await talk.mail()).toMatch(/^250/);
    expect(await stored()).toContain('\twith ESMTPS (');
  });

  test.each([
    ['clear text', 'EHLO client.example\r\nMAIL FROM:<zoe@elsewhere.example>\r\n'],
    ['garbage', '\x16\x03\x01\xff\xff' + '\0'.repeat(300)],
  ])('%s instead of a handshake: closed without a word, its place is free again', async (_, bytes) => {
    const port = await open({ tls, implicitTls: true });
    const talk = await Talk.to(port);
    talk.send(bytes);
    await talk.end();
    await waitFor(() => listeners[0]?.sessions === 0, { what: 'the session gone' });
    expect(logged.map(({ event }) => event)).toContain('gateway.tls-failed');
  });

  test('a handshake that does not come ends, by time or because the service stops', async () => {
    const port = await open({ tls, implicitTls: true, limits: { commandMs: 100 } });
    const late = await Talk.to(port);
    await late.end();
    await waitFor(() => listeners[0]?.sessions === 0, { what: 'the session gone' });
    await open({ tls, implicitTls: true });
    const waiting = await Talk.to(listeners[1]?.port ?? 0);
    await waitFor(() => listeners[1]?.sessions === 1, { what: 'the connection seen' });
    await listeners[1]?.close();
    await waiting.end();
  });

  test('too many sessions: closed before a handshake is paid for', async () => {
    const gateways = [{ name: 'smtp', kind: 'smtp' as const, maxSessions: 1 }];
    const port = await open({ tls, implicitTls: true, settings: { gateways } });
    const one = await secured(port);
    await one.reply();
    await expect(secured(port)).rejects.toThrow();
    expect(await one.say('NOOP')).toMatch(/^250/);
  });

  test('without a certificate it is not opened', async () => {
    await expect(open({ implicitTls: true })).rejects.toThrow('needs a certificate');
  });
});

/** A client of SCRAM-SHA-256, RFC 5802 §3. @returns the last reply; the server's proof is checked on the way. */
async function scram(talk: Talk, user: string, password: string): Promise<string> {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const bare = `n=${user},r=${randomBytes(12).toString('hex')}`;
  const asked = await talk.say(`AUTH SCRAM-SHA-256 ${base64(`n,,${bare}`)}`);
  const challenge = Buffer.from(asked.slice(4), 'base64').toString();
  const [, nonce = '', salt = '', iterations = ''] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(challenge) ?? [];
  const salted = pbkdf2Sync(password, Buffer.from(salt, 'base64'), Number(iterations), 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const said = `${bare},${challenge},c=biws,r=${nonce}`;
  const signature = hmac(createHash('sha256').update(clientKey).digest(), said);
  const proof = clientKey.map((byte, at) => byte ^ (signature[at] ?? 0));
  const answer = await talk.say(base64(`c=biws,r=${nonce},p=${Buffer.from(proof).toString('base64')}`));
  if (!answer.startsWith('334')) return answer;
  expect(answer.slice(4)).toBe(base64(`v=${hmac(hmac(salted, 'Server Key'), said).toString('base64')}`));
  return talk.say('');
}

const plain = (user: string, password: string) => `AUTH PLAIN ${Buffer.from(`\0${user}\0${password}`).toString('base64')}`;

describe('submission', () => {
  const account = { user: 'app', password: 'correct horse' };

  test('needs AUTH, over loopback without TLS too, and then may send anywhere', async () => {
    const talk = await Talk.hello(await open({ kind: 'submission', account }));
    expect(await talk.mail()).toMatch(/^530 5\.7\.0/);
    expect(await talk.say(plain('app', 'wrong'))).toMatch(/^535 5\.7\.8/);
    expect(await talk.say(plain('App', 'correct horse'))).toMatch(/^535 5\.7\.8/);
    expect(await talk.say(plain('app', 'correct horse'))).toMatch(/^235/);
    expect(await talk.mail({ to: ['x@foreign.example'] })).toMatch(/^250/);
    expect(mails()[0]?.origin).toMatchObject({ gateway: 'submission', authenticated: true, user: 'app', trust: 'inside' });
    expect(await stored()).toContain('\twith ESMTPA id ');
  });

  test('SCRAM-SHA-256: both sides prove that they know the password', async () => {
    const port = await open({ kind: 'submission', account });
    const talk = await Talk.hello(port);
    expect(await talk.say('EHLO a')).toContain('AUTH PLAIN LOGIN SCRAM-SHA-256');
    expect(await scram(talk, 'app', 'correct horse')).toMatch(/^235/);
    expect(await talk.mail({ to: ['x@foreign.example'] })).toMatch(/^250/);
    expect(mails()[0]?.origin).toMatchObject({ authenticated: true, user: 'app' });
    const other = await Talk.hello(port);
    expect(await scram(other, 'app', 'wrong')).toMatch(/^535 5\.7\.8/);
    expect(await scram(other, 'nobody', 'correct horse')).toMatch(/^535 5\.7\.8/);
    expect(await other.mail()).toMatch(/^530/);
  });

  test('who knows the password may not act for another: nobody here may', async () => {
    const port = await open({ kind: 'submission', account });
    const talk = await Talk.hello(port);
    const as = (authzid: string) => `AUTH PLAIN ${Buffer.from(`${authzid}\0app\0correct horse`).toString('base64')}`;
    expect(await talk.say(as('boss'))).toMatch(/^535 5\.7\.8/);
    expect(await talk.mail()).toMatch(/^530/);
    expect(await talk.say(as('app'))).toMatch(/^235/);
    expect(await talk.mail()).toMatch(/^250/);
    expect(mails()).toHaveLength(1);
  });

  test('without an account AUTH is not offered and nothing is taken', async () => {
    const talk = await Talk.hello(await open({ kind: 'submission' }));
    expect(await talk.say('EHLO a')).not.toContain('AUTH');
    expect(await talk.mail()).toMatch(/^530/);
  });

  test('one account has only so many mails in hand', async () => {
    const port = await open({ kind: 'submission', account, accepting: { maxInHandPerClient: 1 } });
    const [one, two] = [await Talk.hello(port), await Talk.hello(port)];
    for (const talk of [one, two]) {
      await talk.say(plain('app', 'correct horse'));
      await talk.say('MAIL FROM:<ada@corp.example>');
      await talk.say('RCPT TO:<ben@corp.example>');
    }
    expect(await one.say('DATA')).toMatch(/^354/);
    expect(await two.say('DATA')).toMatch(/^451 4\.3\.2/);
    expect(await one.say('x\r\n.')).toMatch(/^250/);
    expect(await two.say('DATA')).toMatch(/^354/);
  });
});

describe('site', () => {
  const [rootId, mailId] = [newRootId(), newRootId()];
  const parameters = (trust: string) => ` XMAILRAIL=${rootId},${mailId},2,00-${'a'.repeat(32)}-${'b'.repeat(16)}-01,${trust}`;
  const siteSecret = 'between sites';

  test('the secret of the sites: mail enters behind the translator', async () => {
    const talk = await Talk.hello(await open({ kind: 'site', siteSecret }));
    expect(await talk.mail({ parameters: parameters('inside') })).toMatch(/^530/);
    expect(await talk.say(plain('paris', siteSecret))).toMatch(/^235/);
    expect(await talk.say('EHLO paris.example')).toContain('XMAILRAIL');
    expect(await talk.mail({ to: ['x@foreign.example'], parameters: parameters('outside') })).toMatch(/^250/);
    expect(await talk.mail({ parameters: parameters('inside') })).toMatch(/^250/);
    expect(await talk.mail({ parameters: parameters('authenticated') })).toMatch(/^250/);
    expect(await talk.mail()).toMatch(/^250/);
    expect(line.accepted.map(({ station }) => station)).toEqual(['mts-out', 'mts-out', 'mts-out', 'mts-out']);
    expect(mails()[0]).toMatchObject({
      rootId: derivedId(rootId, 'site:paris'),
      hop: 2,
      trace: { parent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` },
    });
    expect(mails().map(({ origin: { authenticated, trust } }) => [authenticated, trust])).toEqual([
      [false, 'outside'],
      [false, 'inside'],
      [true, 'inside'],
      [false, 'outside'], // a peer that says nothing
    ]);
  });

  test.each([
    ['a wrong secret', 'paris', 'guess'],
    ['a site that does not exist', 'rome', siteSecret],
    ['our own name', 'london', siteSecret],
  ])('%s', async (_, user, password) => {
    const talk = await Talk.hello(await open({ kind: 'site', siteSecret }));
    expect(await talk.say(plain(user, password))).toMatch(/^535/);
    expect(await talk.say('EHLO x')).not.toContain('XMAILRAIL');
    expect(await talk.mail()).toMatch(/^530/);
  });

  test('a client certificate the authority has signed', async () => {
    const port = await open({ kind: 'site', tls: { ...tls, ca: fixture('peer.crt') } });
    const talk = await Talk.hello(port);
    await talk.say('STARTTLS');
    await talk.startTls({ key: fixture('peer.key'), cert: fixture('peer.crt') });
    expect(await talk.say('EHLO paris.example')).toContain('XMAILRAIL');
    expect(await talk.mail({ parameters: parameters('outside') })).toMatch(/^250/);
    expect(line.accepted[0]).toMatchObject({ station: 'mts-out', mail: { rootId: derivedId(rootId, 'site:paris') } });

    for (const client of [{ key: fixture('stranger.key'), cert: fixture('stranger.crt') }, {}]) {
      const other = await Talk.hello(port);
      await other.say('STARTTLS');
      await other.startTls(client);
      expect(await other.say('EHLO paris.example')).not.toContain('XMAILRAIL');
      expect(await other.mail()).toMatch(/^530/);
    }
  });

  test('elsewhere the extension is unknown', async () => {
    const talk = await Talk.hello(await open());
    expect(await talk.mail({ parameters: parameters('inside') })).toMatch(/^555/);
  });
});

describe('stopping', () => {
  test('who is idle hears 421; who has a mail in hand may finish it', async () => {
    const port = await open({ limits: { stopMs: 60_000 } });
    const [idle, busy] = [await Talk.hello(port), await Talk.hello(port)];
    await busy.say('MAIL FROM:<zoe@elsewhere.example>');
    await busy.say('RCPT TO:<ada@corp.example>');
    await busy.say('DATA');
    const closed = listeners.splice(0)[0]?.close();
    expect(await idle.reply()).toMatch(/^421 4\.3\.2/);
    await idle.end();
    await expect(Talk.to(port)).rejects.toThrow();
    expect(await busy.say('x\r\n.')).toMatch(/^250/);
    expect(await busy.reply()).toMatch(/^421 4\.3\.2/);
    await busy.end();
    await closed;
    expect(mails()).toHaveLength(1);
  });

  test('who does not finish is ended', async () => {
    const port = await open({ limits: { stopMs: 100 } });
    const slow = await Talk.hello(port);
    await slow.say('MAIL FROM:<zoe@elsewhere.example>');
    await slow.say('RCPT TO:<ada@corp.example>');
    await slow.say('DATA');
    const closed = listeners.splice(0)[0]?.close();
    expect(await slow.reply()).toMatch(/^421 4\.3\.2/);
    await closed;
    expect(acceptor.inHand).toBe(0);
  });

  test('no new mail while it stops', async () => {
    const port = await open({ limits: { stopMs: 60_000 } });
    const talk = await Talk.hello(port);
    await talk.say('MAIL FROM:<zoe@elsewhere.example>');
    const closed = listeners.splice(0)[0]?.close();
    await talk.say('RSET');
    expect(await talk.say('MAIL FROM:<zoe@elsewhere.example>')).toMatch(/^421 4\.3\.2/);
    await closed;
  });
});

describe('wishes of how a mail is to travel', () => {
  const account = { user: 'app', password: 'secret' };
  const login = `AUTH PLAIN ${Buffer.from('\0app\0secret').toString('base64')}`;

  test('a hold, on a submission listener: in the envelope, the log and the tracking; the mail has its time from then on', async () => {
    const talk = await Talk.hello(await open({ kind: 'submission', account }));
    await talk.say(login);
    expect(await talk.say('EHLO client.example')).toMatch(/FUTURERELEASE 259200 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/);
    const before = Date.now();
    expect(await talk.mail({ from: 'ada@corp.example', parameters: ' HOLDFOR=3600' })).toMatch(/^250/);
    const [mail] = mails();
    const heldUntil = mail?.heldUntil ?? 0;
    expect(heldUntil).toBeGreaterThanOrEqual(before + 3_600_000);
    expect(heldUntil).toBeLessThanOrEqual(Date.now() + 3_600_000);
    expect(mail?.expiresAt).toBe(heldUntil + 2 * 86_400_000);
    const iso = new Date(heldUntil).toISOString();
    expect(logged.find(({ event }) => event === 'mail.accepted')?.fields).toMatchObject({ heldUntil: iso });
    expect(line.told.find(({ event }) => event === 'accepted')?.reason).toBe(`held until ${iso}`);
  });

  test('no hold for strangers, and none that is longer than the file allows', async () => {
    const stranger = await Talk.hello(await open());
    expect(await stranger.say('MAIL FROM:<zoe@elsewhere.example> HOLDFOR=60')).toMatch(/^555 5\.5\.4/);
    const gateways = [{ name: 'submission', kind: 'smtp' as const, listener: 'submission' as const, maxHold: '1h' }];
    const talk = await Talk.hello(await open({ kind: 'submission', account, settings: { gateways } }));
    await talk.say(login);
    expect(await talk.say('MAIL FROM:<ada@corp.example> HOLDFOR=3601')).toMatch(/^501 5\.5\.4/);
    expect(await talk.say('MAIL FROM:<ada@corp.example> HOLDFOR=3600')).toMatch(/^250/);
  });

  test('a priority: a stranger may lower it, and is told when his wish was', async () => {
    const talk = await Talk.hello(await open());
    expect(await talk.say('MAIL FROM:<zoe@elsewhere.example> MT-PRIORITY=5')).toBe('250 2.3.6 0 is the new priority of the message');
    await talk.say('RSET');
    expect(await talk.mail({ parameters: ' MT-PRIORITY=-3' })).toMatch(/^250/);
    expect(mails()[0]).toMatchObject({ priority: -3, lane: 'low' });
    const inside = await Talk.hello(await open({ kind: 'submission', account }));
    await inside.say(login);
    expect(await inside.mail({ from: 'ada@corp.example', parameters: ' MT-PRIORITY=9' })).toMatch(/^250/);
    expect(mails()[1]).toMatchObject({ priority: 9, lane: 'high' });
  });

  test('a time to be delivered by', async () => {
    const talk = await Talk.hello(await open());
    const before = Date.now();
    expect(await talk.mail({ parameters: ' BY=120;R' })).toMatch(/^250/);
    const [mail] = mails();
    expect(mail?.deliverBy).toMatchObject({ mode: 'return', trace: false });
    expect(mail?.deliverBy?.at).toBeGreaterThanOrEqual(before + 120_000);
    expect(mail?.expiresAt).toBe(mail?.deliverBy?.at);
  });

  test('REQUIRETLS inside TLS', async () => {
    const talk = await Talk.hello(await open({ tls }));
    expect(await talk.say('MAIL FROM:<zoe@elsewhere.example> REQUIRETLS')).toMatch(/^555 5\.5\.4/);
    await talk.say('STARTTLS');
    await talk.startTls();
    expect(await talk.say('EHLO client.example')).toContain('250 REQUIRETLS');
    expect(await talk.mail({ parameters: ' REQUIRETLS' })).toMatch(/^250/);
    expect(mails()[0]?.requireTls).toBe(true);
  });

  test('a binary message is stored octet by octet', async () => {
    const talk = await Talk.hello(await open());
    const content = Buffer.from('Content-Type: application/x\r\n\r\n\0\n\r.\r\n\xff', 'latin1');
    await talk.say('MAIL FROM:<zoe@elsewhere.example> BODY=BINARYMIME');
    await talk.say('RCPT TO:<ada@corp.example>');
    talk.send(Buffer.concat([Buffer.from(`BDAT ${content.length} LAST\r\n`), content]));
    expect(await talk.reply()).toMatch(/^250/);
    expect(mails()[0]?.content.body).toBe('binary');
    expect((await stored()).endsWith(`\r\n${content.toString('latin1')}`)).toBe(true);
  });

  test('a listener that withholds CHUNKING does not have BINARYMIME either', async () => {
    const gateways = [{ name: 'smtp', kind: 'smtp' as const, withhold: ['CHUNKING' as const] }];
    const talk = await Talk.hello(await open({ settings: { gateways } }));
    expect(await talk.say('MAIL FROM:<zoe@elsewhere.example> BODY=BINARYMIME')).toMatch(/^501/);
  });
});
