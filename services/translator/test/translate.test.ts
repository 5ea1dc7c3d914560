import { readFileSync } from 'node:fs';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from '@jest/globals';
import { ContentStoreError, memoryContentStore } from '@mailrail/content-store';
import { type Hooks, type Envelope, SubmittedMail } from '@mailrail/contracts';
import { newRootId } from '@mailrail/mail';
import { organizationOf } from '@mailrail/organization';
import type { Outcome } from '@mailrail/pipeline';
import { mailTo, messageBytes } from '@mailrail/testing';
import { plainAddressMap } from '../src/address-map.ts';
import { type Dialect, dialectRegistry } from '../src/dialects/dialect.ts';
import { foreignDialects } from '../src/dialects/foreign.ts';
import { internet } from '../src/dialects/internet.ts';
import type { HeaderStore } from '../src/read-header.ts';
import { translate } from '../src/translate.ts';

const date = Date.parse('2026-11-02T10:00:00Z');
const organization = organizationOf().current();

/** A mail whose stored form is `bytes`, and the store that has it. */
async function stored(bytes: Buffer, more: Partial<Envelope> = {}) {
  const content = memoryContentStore();
  const mail = mailTo(['ada@corp.example'], { rootId: newRootId(), ...more });
  const { ref, sizeBytes, sha256 } = await content.put({ rootId: mail.rootId, form: 'message' }, [bytes]);
  return { content, mail: { ...mail, content: { ...mail.content, ref, sizeBytes, sha256 } } };
}

function deps(content: HeaderStore, dialects: readonly Dialect[] = [internet]) {
  return { dialects: dialectRegistry(dialects), content, addresses: plainAddressMap, organization };
}

/** One line for what a stage decided. */
function summary(outcome: Outcome): string {
  if (outcome.kind !== 'done') return `${outcome.kind}: ${outcome.reason}`;
  return outcome.emits.map((emit) => (emit.kind === 'mail' ? emit.station : 'later')).join();
}

function submitted(outcome: Outcome): SubmittedMail {
  if (outcome.kind !== 'done') throw new Error(summary(outcome));
  const [emit] = outcome.emits;
  if (emit === undefined) throw new Error('nothing was emitted');
  return SubmittedMail.schema.parse(emit.mail);
}

describe('Internet mail', () => {
  test('passes as it is, with what its header says', async () => {
    const bytes = messageBytes({ Received: 'from a by b; x', Importance: 'high', 'Message-ID': '<1@a.example>' });
    const { content, mail } = await stored(bytes);
    const headerBytes = bytes.indexOf('\r\n\r\n') + 4;
    const outcome = await translate(mail, deps(content));
    expect(summary(outcome)).toBe('mts-in');
    expect(submitted(outcome)).toEqual({
      ...mail,
      header: { messageId: '<1@a.example>', date, receivedCount: 1, headerBytes, autoSubmitted: false, priority: 'urgent' },
    });
  });

  test.each(['smtp', 'lmtp', 'http', 'eml', 'pickup', 'replay', 'internet'])('by %s', async (dialect) => {
    const { content, mail } = await stored(messageBytes());
    expect(summary(await translate({ ...mail, origin: { ...mail.origin, dialect } }, deps(content)))).toBe('mts-in');
  });

  test('with a winmail.dat is not taken apart: its bytes, which a signature may cover, stay', async () => {
    const tnef = readFileSync(path.join(import.meta.dirname, '..', '..', '..', 'libs', 'foreign', 'samples', 'tnef', 'silo.tnef'));
    const lines = tnef.toString('base64').replaceAll(/.{76}/g, '$&\r\n');
    const bytes = Buffer.from(
      `DKIM-Signature: v=1; b=x\r\nContent-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n${lines}\r\n--q--\r\n`,
    );
    const { content, mail } = await stored(bytes);
    // A translator that knows TNEF as a format of files.
    const dialects = [internet, ...foreignDialects(content)];
    const { content: after } = submitted(await translate(mail, deps(content, dialects)));
    expect(after).toEqual(mail.content);
    expect(await buffer(content.read(after.ref))).toEqual(bytes);
  });

  const odd: [string, Buffer, number][] = [
    ['an empty message', Buffer.alloc(0), 0],
    ['no header at all', Buffer.from('\r\nhello'), 2],
    ['no From', Buffer.from('Subject: x\r\n\r\n'), 14],
    ['a body where the header should be', Buffer.from('hello world\r\n\r\n'), 0],
    ['noise', Buffer.from('\x00\xff\xfe\r\r\n', 'latin1'), 0],
  ];
  test.each(odd)('%s passes, too', async (_name, bytes, headerBytes) => {
    const { content, mail } = await stored(bytes);
    expect(submitted(await translate(mail, deps(content))).header).toEqual({
      receivedCount: 0,
      headerBytes,
      autoSubmitted: false,
      priority: 'normal',
    });
  });

  test('a long header block is read to its end', async () => {
    const long = messageBytes({
      ...Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`X-Long-${i}`, 'x'.repeat(900)])),
      Received: 'last',
    });
    const { content, mail } = await stored(long);
    expect(submitted(await translate(mail, deps(content))).header).toMatchObject({
      receivedCount: 1,
      headerBytes: long.indexOf('\r\n\r\n') + 4,
    });
  });

  test('of one beyond the limit no more than the limit is read', async () => {
    const asked: number[] = [];
    const store: HeaderStore = {
      head: async (_ref, maxBytes) => {
        asked.push(maxBytes);
        return Buffer.alloc(maxBytes, 'X-A: b\r\n');
      },
    };
    const outcome = await translate(mailTo(['ada@corp.example']), deps(store));
    expect(asked).toEqual([16_384, 1_048_576 + 4_096]);
    expect(submitted(outcome).header.headerBytes).toBe(1_048_576 + 4_096);
  });
});

describe('addresses', () => {
  test.each([
    ['SMTP:Ada.B@Corp.EXAMPLE', 'SMTP:Ada.B@corp.example'],
    ['smtp:ada@corp.example', 'SMTP:ada@corp.example'],
    ['x400:c=US;a= ;p=Corp;s=Doe', 'X400:c=US;a= ;p=Corp;s=Doe'],
    ['FAX:+49 30 5550100', 'FAX:+49 30 5550100'],
    ['SMTP:postmaster', 'SMTP:postmaster'],
  ])('%s becomes %s', async (foreign, ours) => {
    const { content, mail } = await stored(messageBytes());
    const [recipient] = mail.recipients;
    if (recipient === undefined) throw new Error('no recipient');
    const outcome = await translate(
      { ...mail, sender: foreign, recipients: [{ ...recipient, address: foreign, original: foreign }] },
      deps(content),
    );
    expect(submitted(outcome)).toMatchObject({ sender: ours, recipients: [{ id: recipient.id, address: ours, original: foreign }] });
  });
  test('the null sender stays null', async () => {
    const { content, mail } = await stored(messageBytes(), { sender: null });
    expect(submitted(await translate(mail, deps(content))).sender).toBeNull();
  });
});

describe('what cannot be translated now', () => {
  const noBody: HeaderStore = { head: () => Promise.reject(new ContentStoreError('missing', 'no such body')) };
  const noStore: HeaderStore = { head: () => Promise.reject(new ContentStoreError('unavailable', 'disk gone')) };
  const bad: Dialect = { names: ['odd'], translate: async () => ({ kind: 'unreadable', reason: 'no signature' }) };
  const rows: { name: string; store: HeaderStore; dialect: string; attempt: number; expected: string }[] = [
    { name: 'body missing', store: noBody, dialect: 'smtp', attempt: 1, expected: 'transient: content: no such body' },
    { name: 'body missing again', store: noBody, dialect: 'smtp', attempt: 7, expected: 'transient: content: no such body' },
    { name: 'body missing for good', store: noBody, dialect: 'smtp', attempt: 8, expected: 'poison: content: no such body, 8 times' },
    { name: 'store away', store: noStore, dialect: 'smtp', attempt: 1, expected: 'transient: content store: disk gone' },
    { name: 'store away for long', store: noStore, dialect: 'smtp', attempt: 50, expected: 'transient: content store: disk gone' },
    { name: 'dialect of a newer gateway', store: noBody, dialect: 'telex', attempt: 1, expected: 'transient: no dialect telex' },
    { name: 'dialect nobody knows', store: noBody, dialect: 'telex', attempt: 8, expected: 'poison: no dialect telex, 8 times' },
    { name: 'not of its dialect', store: noBody, dialect: 'odd', attempt: 1, expected: 'poison: odd: no signature' },
  ];
  test.each(rows)('$name', async ({ store, dialect, attempt, expected }) => {
    const mail = mailTo(['ada@corp.example'], { attempt });
    const outcome = await translate({ ...mail, origin: { ...mail.origin, dialect } }, deps(store, [internet, bad]));
    expect(summary(outcome)).toBe(expected);
    if (outcome.kind === 'transient') expect(outcome.ladder).toBe('internal');
  });
  test('a mistake of ours is thrown, not taken for an outcome', async () => {
    const store: HeaderStore = { head: () => Promise.reject(new TypeError('bug')) };
    await expect(translate(mailTo(['ada@corp.example']), deps(store))).rejects.toThrow(TypeError);
  });
});

test('two dialects of one name do not start', () => {
  expect(() => dialectRegistry([internet, { ...internet, names: ['smtp'] }])).toThrow('two dialects are called smtp');
});

test.each([
  [{ kind: 'continue' as const }, 'done'],
  [{ kind: 'reject' as const, status: '5.7.1', reason: 'not this one' }, 'permanent'],
  [{ kind: 'defer' as const, delayMs: 5_000, reason: 'later' }, 'transient'],
])('hook translate sees the Internet message: %j', async (result, kind) => {
  const { content, mail } = await stored(messageBytes());
  const seen: string[] = [];
  const hooks: Hooks = {
    run: async (point, of) => {
      seen.push(`${point} ${'header' in of}`);
      return result;
    },
  };
  expect((await translate(mail, { ...deps(content), hooks })).kind).toBe(kind);
  expect(seen).toEqual(['translate true']);
});
