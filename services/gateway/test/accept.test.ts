import { beforeEach, describe, expect, test } from '@jest/globals';
import { type MemoryContentStore, memoryContentStore } from '@mailrail/content-store';
import { contractOf } from '@mailrail/contracts';
import { memoryLedger } from '@mailrail/ledger';
import { derivedId, newRootId, recipientId } from '@mailrail/mail';
import { organizationOf } from '@mailrail/organization';
import { createMetrics, silentLog } from '@mailrail/telemetry';
import { waitFor } from '@mailrail/testing';
import {
  type Accepted,
  type Acceptor,
  type AcceptorOptions,
  type AcceptRequest,
  type Intake,
  openAcceptor,
  type Refused,
} from '../src/accept.ts';
import { type FakeLine, fakeLine } from './fake-line.ts';

let contents: MemoryContentStore;
let line: FakeLine;
let ledger: ReturnType<typeof memoryLedger>;
let metrics: ReturnType<typeof createMetrics>;

beforeEach(() => {
  contents = memoryContentStore();
  line = fakeLine();
  ledger = memoryLedger();
  metrics = createMetrics('gateway');
});

const at = Date.UTC(2026, 10, 2, 10, 0, 0);
const organization = organizationOf({ limits: { messageBytes: '2MB', headerBytes: '64KB' } });

function acceptor(more: Partial<AcceptorOptions> = {}): Acceptor {
  return openAcceptor({ contents, line, organization, ledger, log: silentLog, metrics, now: () => at, ...more });
}

function request(more: Partial<AcceptRequest> = {}): AcceptRequest {
  return {
    sender: 'SMTP:zoe@elsewhere.example',
    recipients: [{ address: 'SMTP:ada@corp.example' }],
    origin: { gateway: 'smtp', dialect: 'smtp', peer: '192.0.2.1', helo: 'client.example', at, authenticated: false, trust: 'outside' },
    received: { helo: 'client.example', address: '192.0.2.1', with: 'ESMTP' },
    client: '192.0.2.1',
    ...more,
  };
}

function begun(result: Intake | Refused): Intake {
  if (!result.ok) throw new Error(`refused: ${result.cause}`);
  return result;
}

async function take(one: Acceptor, what: AcceptRequest, ...chunks: (string | Buffer)[]): Promise<Accepted | Refused> {
  const intake = begun(one.begin(what));
  for (const chunk of chunks) await intake.write(Buffer.from(chunk));
  return intake.finish();
}

async function stored(ref: string): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of contents.read(ref)) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const message = 'From: zoe@elsewhere.example\r\nX-Mailrail-Trust: inside\r\nSubject: x\r\n\r\nHello.\r\n';

describe('yes', () => {
  test('the stored form, the envelope, and the counts', async () => {
    const result = await take(acceptor(), request(), message.slice(0, 40), message.slice(40));
    expect(result).toMatchObject({ ok: true, recipients: 1, mails: 1 });
    expect(line.accepted).toHaveLength(1);
    const [{ station, mail } = { station: '', mail: undefined }] = line.accepted;
    expect(station).toBe('gateway.in');
    expect(contractOf('gateway.in').schema.parse(mail)).toEqual(mail);
    const { rootId } = result as Accepted;
    expect(mail).toMatchObject({
      rootId,
      mailId: derivedId(rootId, 'gateway:1'),
      hop: 0,
      sender: 'SMTP:zoe@elsewhere.example',
      recipients: [
        { id: recipientId(rootId, 'SMTP:ada@corp.example'), address: 'SMTP:ada@corp.example', original: 'SMTP:ada@corp.example' },
      ],
      expiresAt: at + 2 * 86_400_000,
      attempt: 1,
      lane: 'normal',
      organizationVersion: 'test',
      content: { body: '7bit', smtputf8: false, relayOffset: 'Return-Path: <zoe@elsewhere.example>\r\n'.length },
      trace: { parent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/), hops: [{ stage: 'gateway', at }] },
    });
    const text = await stored(mail?.content.ref ?? '');
    expect(text.slice(mail?.content.relayOffset)).toBe(
      `Received: from client.example ([192.0.2.1])\r\n\tby ex1.corp.example\r\n\twith ESMTP id ${rootId}\r\n\tfor <ada@corp.example>;\r\n\tMon, 02 Nov 2026 10:00:00 +0000\r\n` +
        'From: zoe@elsewhere.example\r\nSubject: x\r\n\r\nHello.\r\n',
    );
    expect(mail?.content.sizeBytes).toBe(Buffer.byteLength(text));
    await waitFor(
      async () => {
        const counts = await ledger.counts();
        return counts !== 'silent' && counts.accepted === 1;
      },
      { what: 'the count' },
    );
    expect(line.told).toMatchObject([{ event: 'accepted', rootId, recipients: 1 }]);
  });

  test('more than 100 recipients make several mails of one message', async () => {
    const recipients = Array.from({ length: 250 }, (_, index) => ({ address: `SMTP:r${index}@corp.example` }));
    const result = (await take(acceptor(), request({ recipients }), message)) as Accepted;
    expect(result).toMatchObject({ recipients: 250, mails: 3 });
    const mails = line.accepted.map(({ mail }) => mail);
    expect(mails.map(({ part, recipients: some }) => [part, some.length])).toEqual([
      [{ k: 1, n: 3 }, 100],
      [{ k: 2, n: 3 }, 100],
      [{ k: 3, n: 3 }, 50],
    ]);
    expect(new Set(mails.map(({ rootId }) => rootId)).size).toBe(1);
    expect(mails.map(({ mailId }) => mailId)).toEqual([1, 2, 3].map((k) => derivedId(result.rootId, `gateway:${k}`)));
    expect(new Set(mails.map(({ content }) => content.ref)).size).toBe(1);
    expect(await stored(mails[0]?.content.ref ?? '')).not.toContain('for <');
  });

  test('the same address twice is one recipient', async () => {
    const recipients = [
      { address: 'SMTP:a@corp.example', notify: 'never' as const },
      { address: 'SMTP:b@corp.example' },
      { address: 'SMTP:a@corp.example' },
    ];
    expect(await take(acceptor(), request({ recipients }), message)).toMatchObject({ recipients: 2 });
    expect(line.accepted[0]?.mail.recipients.map(({ address, notify }) => [address, notify])).toEqual([
      ['SMTP:a@corp.example', 'never'],
      ['SMTP:b@corp.example', undefined],
    ]);
  });

  test('a given id makes the same mail again, and the first bytes stay', async () => {
    const rootId = newRootId();
    const one = acceptor();
    await take(one, request({ rootId }), message);
    await take(one, request({ rootId, received: { with: 'again' } }), message);
    const [first, second] = line.accepted.map(({ mail }) => mail);
    expect(second).toMatchObject({ rootId, mailId: first?.mailId, recipients: first?.recipients, content: first?.content });
    expect(second?.copyId).not.toBe(first?.copyId);
  });

  test('fields of the gateway go, those of others stay', async () => {
    await take(acceptor(), request({ removeFields: ['bcc'] }), 'Bcc: secret@corp.example\r\nTo: b\r\n\r\nBcc: in the body\r\n');
    expect(await stored(line.accepted[0]?.mail.content.ref ?? '')).toMatch(/\+0000\r\nTo: b\r\n\r\nBcc: in the body\r\n$/);
  });

  test('a message without an empty line, and an empty one', async () => {
    const one = acceptor();
    await take(one, request(), 'Subject: only a header\r\n');
    await take(one, request());
    const [first, second] = await Promise.all(line.accepted.map(({ mail }) => stored(mail.content.ref)));
    expect(first).toMatch(/\+0000\r\nSubject: only a header\r\n$/);
    expect(second).toMatch(/\+0000\r\n$/);
  });

  test.each([
    ['7bit', false, { chunks: ['Subject: x\r\n\r\nabc\r\n'], smtputf8: true }],
    ['8bit', false, { chunks: ['Subject: x\r\n\r\né\r\n'], smtputf8: true }],
    ['8bit', true, { chunks: ['Subject: é\r\n\r\nx\r\n'], smtputf8: true }],
    ['8bit', false, { chunks: ['Subject: é\r\n\r\nx\r\n'], smtputf8: false }],
    ['7bit', true, { chunks: ['Subject: x\r\n\r\nabc\r\n'], smtputf8: true, sender: 'SMTP:bé@elsewhere.example' }],
  ])('body %s, smtputf8 %s', async (body, smtputf8, { chunks, ...more }) => {
    await take(acceptor(), request(more), ...chunks);
    expect(line.accepted[0]?.mail.content).toMatchObject({ body, smtputf8 });
  });
});

describe('a large message', () => {
  const chunk = Buffer.from(`${'x'.repeat(1_022)}\r\n`);

  test('streams into the store, and waits when the store does', async () => {
    let open: (() => void) | undefined;
    let writes = 0;
    const slow = {
      put: contents.put.bind(contents),
      read: contents.read.bind(contents),
      writer: (key: { rootId: string; form: string }) => {
        const writer = contents.writer(key);
        return {
          ...writer,
          write(bytes: Uint8Array) {
            void writer.write(bytes);
            writes++;
            return writes === 300 ? new Promise<void>((resolve) => (open = resolve)) : undefined;
          },
        };
      },
    };
    const intake = begun(acceptor({ contents: slow }).begin(request()));
    expect(intake.write(Buffer.from('Subject: x\r\n\r\n'))).toBeUndefined();
    let waits: Promise<void> | undefined;
    for (let count = 0; count < 400 && waits === undefined; count++) waits = intake.write(chunk);
    expect(waits).toBeInstanceOf(Promise);
    open?.();
    await waits;
    expect(await intake.finish()).toMatchObject({ ok: true });
    expect(writes).toBe(300);
    expect((await stored(line.accepted[0]?.mail.content.ref ?? '')).length).toBe(line.accepted[0]?.mail.content.sizeBytes);
  });

  test('over the limit is refused and not kept', async () => {
    const intake = begun(acceptor().begin(request()));
    await intake.write(Buffer.from('Subject: x\r\n\r\n'));
    for (let count = 0; count < 2_100; count++) await intake.write(chunk);
    expect(await intake.finish()).toMatchObject({ ok: false, cause: 'too-large', reply: { code: 552, enhanced: '5.3.4' } });
    expect(line.accepted).toEqual([]);
  });

  test('a header block over its limit', async () => {
    const intake = begun(acceptor().begin(request()));
    for (let count = 0; count < 100; count++) await intake.write(Buffer.from(`X-A: ${'y'.repeat(1_000)}\r\n`));
    expect(await intake.finish()).toMatchObject({ ok: false, cause: 'header-too-large', reply: { code: 552, enhanced: '5.3.4' } });
  });
});

describe('no', () => {
  test.each([
    ['put', 'Subject: x\r\n\r\n'],
    ['commit', `Subject: x\r\n\r\n${'x'.repeat(300_000)}`],
  ])('the store fails at %s: 451 4.3.0', async (_, text) => {
    const intake = begun(acceptor().begin(request()));
    await intake.write(Buffer.from(text));
    contents.outage = 'disk full';
    expect(await intake.finish()).toMatchObject({ ok: false, cause: 'storage', reply: { code: 451, enhanced: '4.3.0' } });
    expect(line.accepted).toEqual([]);
  });

  test('what comes byte by byte is stored as it came, in few pieces', async () => {
    const pieces: number[] = [];
    const counting = {
      put: contents.put.bind(contents),
      read: contents.read.bind(contents),
      writer: (key: { rootId: string; form: string }) => {
        const writer = contents.writer(key);
        return { ...writer, write: (bytes: Uint8Array) => (pieces.push(bytes.length), writer.write(bytes)) };
      },
    };
    const intake = begun(acceptor({ contents: counting, collectBytes: 2_000 }).begin(request()));
    const message = `Subject: x\r\n\r\n${'0123456789\r\n'.repeat(1_000)}`;
    for (const byte of Buffer.from(message)) void intake.write(Buffer.of(byte));
    expect(await intake.finish()).toMatchObject({ ok: true });
    expect((await stored(line.accepted[0]?.mail.content.ref ?? '')).endsWith(message)).toBe(true);
    expect(pieces.length).toBeLessThan(120);
  });

  test('the store fails in the middle: the rest is dropped', async () => {
    let aborted = 0;
    const failing = {
      put: contents.put.bind(contents),
      read: contents.read.bind(contents),
      writer: () => ({
        write: () => Promise.reject(new Error('EIO')),
        commit: () => Promise.reject(new Error('no commit after a failure')),
        abort: async () => void aborted++,
      }),
    };
    const intake = begun(acceptor({ contents: failing }).begin(request()));
    await intake.write(Buffer.from('Subject: x\r\n\r\n'));
    for (let count = 0; count < 10; count++) await intake.write(Buffer.alloc(100_000, 'x'));
    expect(await intake.finish()).toMatchObject({ ok: false, cause: 'storage' });
    expect(aborted).toBe(1);
  });

  test('the store fails behind the last byte: nothing is committed', async () => {
    const { promise, reject } = Promise.withResolvers<void>();
    let committed = 0;
    const failing = {
      put: contents.put.bind(contents),
      read: contents.read.bind(contents),
      writer: (key: { rootId: string; form: string }) => ({
        ...contents.writer(key),
        write: () => promise,
        commit: () => {
          committed++;
          return contents.put(key, []);
        },
      }),
    };
    const intake = begun(acceptor({ contents: failing }).begin(request()));
    void intake.write(Buffer.from(`Subject: x\r\n\r\n${'x'.repeat(300_000)}`));
    const finished = intake.finish();
    reject(new Error('EIO'));
    expect(await finished).toMatchObject({ ok: false, cause: 'storage' });
    expect(committed).toBe(0);
  });

  test.each([
    ['unconfirmed', 451, '4.3.0', 'unconfirmed'],
    ['blocked', 452, '4.3.1', 'full'],
    ['full', 452, '4.3.1', 'full'],
    ['down', 421, '4.3.2', 'down'],
  ] as const)('the line answers %s: %i %s', async (code, reply, enhanced, cause) => {
    line.verdict = () => code;
    expect(await take(acceptor(), request(), message)).toMatchObject({ ok: false, cause, reply: { code: reply, enhanced } });
    expect(await ledger.counts()).toEqual({});
  });

  test('one part that is not confirmed refuses all; those that were are possible duplicates', async () => {
    line.verdict = (_, index) => (index === 1 ? 'unconfirmed' : undefined);
    const recipients = Array.from({ length: 250 }, (_, index) => ({ address: `SMTP:r${index}@corp.example` }));
    expect(await take(acceptor(), request({ recipients }), message)).toMatchObject({ ok: false, cause: 'unconfirmed' });
    expect((await metrics.possibleDuplicates.get()).values).toMatchObject([{ value: 150, labels: { cause: 'part-unconfirmed' } }]);
  });

  test('nothing is begun while the line is away', () => {
    const one = acceptor();
    for (const [state, code] of [
      ['down', 421],
      ['blocked', 452],
      ['full', 452],
    ] as const) {
      line.now = state;
      expect(one.obstacle()).toMatchObject({ reply: { code } });
      expect(one.begin(request())).toMatchObject({ ok: false, reply: { code } });
    }
    line.now = 'up';
    expect(one.obstacle()).toBeUndefined();
  });

  test('yes comes only after the confirm', async () => {
    const { promise: confirmed, resolve: confirm } = Promise.withResolvers<void>();
    const { promise: published, resolve: publishing } = Promise.withResolvers<void>();
    line.gate = confirmed;
    line.verdict = () => {
      publishing();
      return undefined;
    };
    let answered = false;
    const answer = take(acceptor(), request(), message).finally(() => {
      answered = true;
    });
    await published;
    expect(answered).toBe(false);
    confirm();
    expect(await answer).toMatchObject({ ok: true });
  });

  test('a client has only so many messages in hand (B7)', async () => {
    const one = acceptor({ maxInHandPerClient: 2 });
    const [first, second] = [begun(one.begin(request())), begun(one.begin(request()))];
    expect(one.begin(request())).toMatchObject({ ok: false, cause: 'in-hand', reply: { code: 451, enhanced: '4.3.2' } });
    expect(one.begin(request({ client: 'another' }))).toMatchObject({ ok: true });
    expect(one.inHand).toBe(3);
    await first.abort();
    await first.abort();
    expect(await second.finish()).toMatchObject({ ok: true });
    expect(one.inHand).toBe(1);
    begun(one.begin(request()));
    begun(one.begin(request()));
    expect(one.begin(request())).toMatchObject({ ok: false });
  });

  test('what was aborted is not finished', async () => {
    const intake = begun(acceptor().begin(request()));
    await intake.write(Buffer.from(message));
    await intake.abort();
    expect(await intake.finish()).toMatchObject({ ok: false, cause: 'aborted' });
    expect(line.accepted).toEqual([]);
  });
});

describe('a peer site', () => {
  const site = {
    peer: 'paris',
    rootId: newRootId(),
    mailId: newRootId(),
    hop: 2,
    traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
  };

  test('mail enters behind the translator, with the peer’s hop and trace', async () => {
    await take(acceptor(), request({ site }), message);
    const [{ station, mail } = { station: '', mail: undefined }] = line.accepted;
    expect(station).toBe('mts-out');
    expect(contractOf('mts-out').schema.parse(mail)).toEqual(mail);
    expect(mail).toMatchObject({ hop: 2, trace: { parent: site.traceparent }, rootId: derivedId(site.rootId, 'site:paris') });
  });

  test('its identities never meet ours, nor those of another peer', async () => {
    const one = acceptor();
    await take(one, request({ site }), message);
    await take(one, request({ site: { ...site, peer: 'rome' } }), message);
    await take(one, request({ rootId: site.rootId }), message);
    expect(new Set(line.accepted.map(({ mail }) => mail.rootId)).size).toBe(3);
    expect(new Set(line.accepted.flatMap(({ mail }) => mail.recipients.map(({ id }) => id))).size).toBe(3);
  });

  test('the same hand-over again is the same mail; the rest of the recipients, or another sender, is another', async () => {
    const one = acceptor();
    const recipients = [{ address: 'SMTP:a@corp.example' }, { address: 'SMTP:b@corp.example' }];
    await take(one, request({ site, recipients }), message);
    await take(one, request({ site, recipients: recipients.toReversed() }), message);
    await take(one, request({ site, recipients: recipients.slice(1) }), message);
    await take(one, request({ site, recipients, sender: null }), message);
    const mails = line.accepted.map(({ mail }) => mail);
    expect(new Set(mails.map(({ rootId }) => rootId)).size).toBe(1);
    const [first, again, rest, other] = mails.map(({ mailId }) => mailId);
    expect(again).toBe(first);
    expect(new Set([first, rest, other]).size).toBe(3);
    // Another sender is another first line: never the bytes of the first.
    expect(await stored(mails[3]?.content.ref ?? '')).toMatch(/^Return-Path: <>\r\n/);
  });

  test('a peer that says nothing of the mail', async () => {
    await take(acceptor(), request({ site: { peer: 'paris' } }), message);
    expect(line.accepted[0]).toMatchObject({ station: 'mts-out', mail: { hop: 1 } });
  });

  test('a loop of sites ends', () => {
    expect(acceptor().begin(request({ site: { ...site, hop: 256 } }))).toMatchObject({
      ok: false,
      cause: 'too-many-hops',
      reply: { code: 554 },
    });
  });
});
