import { describe, expect, test } from '@jest/globals';
import { memoryContentStore } from '@mailrail/content-store';
import { AcceptedMail, CategorizedMail, type Envelope, noHooks } from '@mailrail/contracts';
import { directoryOf, type EntryInput, membershipIn } from '@mailrail/directory';
import { memoryLedger } from '@mailrail/ledger';
import { type OrganizationInput, organizationOf } from '@mailrail/organization';
import { mailTo } from '@mailrail/testing';
import { type CategorizeDeps, categorize } from '../src/categorize.ts';

const box = (name: string): EntryInput => ({ primary: `SMTP:${name}@corp.example`, dn: `CN=${name},OU=Corp` });
const group = (name: string, members: readonly string[], more: EntryInput): EntryInput => ({
  ...box(name),
  kind: 'group',
  members: members.map((member) => `CN=${member},OU=Corp`),
  reportToOriginator: true,
  ...more,
});
const chunked = Array.from({ length: 101 }, (_, at) => `m${at}`);
const contact = (name: string, more: EntryInput = {}): EntryInput => ({
  kind: 'contact',
  primary: `SMTP:${name}@corp.example`,
  dn: `CN=${name},OU=Corp`,
  targetAddress: `SMTP:${name}@far.example`,
  ...more,
});
const entries: EntryInput[] = [
  { primary: 'SMTP:ada@corp.example', dn: 'CN=ada,OU=Corp', richText: false, bodyFormat: 'plain' },
  contact('any'),
  contact('other'),
  contact('norich', { richText: false }),
  contact('plain', { bodyFormat: 'plain' }),
  contact('least', { richText: false, bodyFormat: 'plain' }),
  box('ben'),
  ...chunked.map((name) => box(name)),
  group('quiet', ['ada', 'any'], { suppressOof: true }),
  group('secret', ['ada'], { hideMembership: true }),
  group('large', [...chunked, 'norich'], {
    suppressOof: true,
    hideMembership: true,
    reportToOriginator: false,
    reportToOwner: true,
    managedBy: 'CN=ben,OU=Corp',
  }),
];

const part = (type: string, body: string) => `--b\r\nContent-Type: ${type}\r\n\r\n${body}\r\n`;
const end = '--b--\r\n';
const head = (type: string, more = '') => `${more}Content-Type: multipart/${type}; boundary=b\r\n\r\n`;
const text = part('text/plain', 'hello');
const html = part('text/html', '<p>hello');
const winmail = part('application/ms-tnef', 'AAAA');

const returnPath = 'Return-Path: <old>\r\n';

interface RunOptions {
  settings?: Partial<OrganizationInput> | undefined;
  eightBit?: boolean | undefined;
  more?: Partial<AcceptedMail>;
}

/** Categorizes a mail with these bytes; a copy is shown as `recipients: form of its content`. */
async function run(to: string[], body: string, { settings = {}, eightBit = false, more = {} }: RunOptions = {}) {
  const directory = directoryOf(entries);
  const store = memoryContentStore();
  const parsed = AcceptedMail.schema.parse({ ...mailTo(to.map((one) => `SMTP:${one}`)), renderedAt: 1, submittedAt: 2 });
  const { ref, sizeBytes, sha256 } = await store.put({ rootId: parsed.rootId, form: 'in' }, [Buffer.from(returnPath + body)]);
  const content = { ...parsed.content, ref, sizeBytes, sha256, relayOffset: returnPath.length };
  const given: AcceptedMail = { ...parsed, content: { ...content, body: eightBit ? '8bit' : '7bit' }, ...more };
  let reads = 0;
  const deps: CategorizeDeps = {
    directory,
    membership: membershipIn(directory),
    organization: organizationOf(settings).current(),
    ledger: memoryLedger(),
    content: {
      writer: (key) => store.writer(key),
      read: (one, range) => {
        reads += 1;
        return store.read(one, range);
      },
    },
    hooks: noHooks,
    now: 1,
    possibleDuplicate: () => {},
  };
  const work = async (mail: AcceptedMail): Promise<Copied[]> => {
    const outcome = await categorize(mail, deps);
    if (outcome.kind !== 'done') throw new Error(outcome.kind);
    return outcome.emits.flatMap((emit) => (emit.kind === 'mail' && emit.station !== 'aq.reports' ? [emit] : []));
  };
  const emits = await work(given);
  const formOf = ({ mail }: Copied) => mail.content.ref.slice(given.rootId.length + 1);
  const copies = emits.map((copy) => {
    const { contentForm } = copy.station === 'aq.post-categorization' ? CategorizedMail.schema.parse(copy.mail) : {};
    const names = copy.mail.recipients.map(({ address }) => address.replace(/^SMTP:|@.*/g, ''));
    const who = names.length > 10 ? String(names.length) : names.join(' ');
    return `${who}: ${formOf(copy)}${contentForm?.transfer === undefined ? '' : `, ${contentForm.transfer}`}`;
  });
  return {
    copies: copies.toSorted(),
    emits,
    ids: emits.map(({ mail: { mailId } }) => mailId),
    again: async () => (await work(given)).map(({ mail: { mailId } }) => mailId),
    work,
    formOf,
    reads: () => reads,
    text: async ({ mail }: Copied) => String(await store.head(mail.content.ref, 100_000)),
  };
}
type Copied = { station: string; mail: Envelope };

const everybody = ['any', 'other', 'norich', 'plain', 'least', 'ada'].map((name) => `${name}@corp.example`);

describe('what recipients outside can read', () => {
  const rows: { name: string; to?: string[]; body: string; settings?: Partial<OrganizationInput>; eightBit?: boolean; is: string[] }[] = [
    {
      name: 'all that differs makes a copy of its own; a mailbox here gets everything',
      body: head('mixed') + text + winmail + end,
      is: ['ada: in', 'any other plain: in', 'norich least: without.tnef'],
    },
    {
      name: 'what the message does not have makes none',
      body: head('alternative') + text + html + end,
      is: ['ada: in', 'any other norich: in', 'plain least: without.html'],
    },
    {
      name: 'a plain text is for everybody',
      body: 'Subject: x\r\n\r\nhello',
      is: ['ada: in', 'any other norich plain least: in'],
    },
    {
      name: 'a signed message stays whole',
      body: head('mixed', 'DKIM-Signature: v=1\r\n') + text + winmail + end,
      is: ['ada: in', 'any other norich plain least: in'],
    },
    {
      name: 'a domain that reads no rich text',
      to: ['any@corp.example', 'x@far.example', 'y@else.example'],
      body: head('mixed') + text + winmail + end,
      settings: { messageFormats: [{ domain: '*.example', richText: 'never' }, { domain: 'else.example' }] },
      is: ['any x: without.tnef', 'y: in'],
    },
    {
      name: 'a domain whose recipients all read it, whatever their entries say',
      to: ['norich@corp.example', 'any@corp.example'],
      body: head('mixed') + text + winmail + end,
      settings: { messageFormats: [{ domain: '*', richText: 'always' }] },
      is: ['norich any: in'],
    },
    {
      name: 'a domain behind an old relay',
      to: ['x@far.example', 'y@else.example'],
      body: 'Subject: x\r\n\r\nhällo',
      settings: { messageFormats: [{ domain: 'far.example', transfer: '7bit' }] },
      eightBit: true,
      is: ['x: in, 7bit', 'y: in'],
    },
    {
      name: 'which makes no difference to 7-bit mail',
      to: ['x@far.example', 'y@else.example'],
      body: 'Subject: x\r\n\r\nhello',
      settings: { messageFormats: [{ domain: 'far.example', transfer: '7bit' }] },
      is: ['x y: in'],
    },
  ];
  test.each(rows)('$name', async ({ to = everybody, body, settings, eightBit, is }) => {
    const { copies, ids, again } = await run(to, body, { settings, eightBit });
    expect(copies).toEqual(is);
    expect(await again()).toEqual(ids); // R1: a repeat makes the same mails
  });

  test('the form is the message without that part, its first line included (E1)', async () => {
    const { emits, text: read } = await run(['norich@corp.example', 'least@corp.example'], head('mixed') + text + winmail + end);
    expect(await Promise.all(emits.map(read))).toEqual([returnPath + head('mixed') + text + end]);
    expect(emits[0]?.mail.content).toMatchObject({ relayOffset: returnPath.length });
  });

  test('nobody who minds: the message is not read', async () => {
    const { reads } = await run(['any@corp.example', 'x@else.example', 'ada@corp.example'], head('mixed') + text + winmail + end);
    expect(reads()).toBe(0);
  });
});

describe('what groups wish', () => {
  const quiet = 'X-Auto-Response-Suppress: OOF, AutoReply\r\nPrecedence: list\r\n';
  const asking = 'Subject: x\r\nDisposition-Notification-To: zoe@elsewhere.example\r\nTo: quiet\r\n\r\nhello';
  const facts = { receivedCount: 1, headerBytes: 100, priority: 'normal' as const };

  test('no automatic replies: fields that keep programs from answering, for those who were reached so', async () => {
    const { copies, emits, text: read } = await run(['ben@corp.example', 'quiet@corp.example'], asking);
    expect(copies).toEqual(['ada: quiet', 'any: quiet', 'ben: in']);
    const here = emits.find(({ station, mail }) => station === 'store.local-delivery' && 'suppressAutoReplies' in mail);
    expect(here && (await read(here))).toBe(returnPath + quiet + asking);
    expect(here?.mail.content.relayOffset).toBe(returnPath.length); // other systems are to read them, too
  });

  test('nobody answers to what is automatic, so that needs no copy of its own', async () => {
    const { copies } = await run(['ben@corp.example', 'quiet@corp.example'], asking, {
      more: { header: { ...facts, autoSubmitted: true } },
    });
    expect(copies).toEqual(['any: in', 'ben ada: in']);
  });

  test('hidden members: no receipt tells who they are', async () => {
    const { copies, emits, text: read } = await run(['ben@corp.example', 'secret@corp.example'], asking);
    expect(copies).toEqual(['ada: no-receipts', 'ben: in']);
    const hidden = emits.find((copy) => copy.mail.recipients.length === 1 && copy.mail.content.ref.endsWith('no-receipts'));
    expect(hidden && (await read(hidden))).toBe(`${returnPath}Subject: x\r\nTo: quiet\r\n\r\nhello`);
  });

  test('nobody asks for receipts: the stored bytes stay shared', async () => {
    expect((await run(['ben@corp.example', 'secret@corp.example'], 'Subject: x\r\n\r\nhello')).copies).toEqual(['ada: in', 'ben: in']);
  });

  test('all at once, and through the chunks of a large group only once', async () => {
    const {
      emits,
      work,
      formOf,
      text: read,
    } = await run(['large@corp.example'], head('mixed', 'Return-Receipt-To: zoe\r\n') + text + winmail + end);
    const chunk = emits.find(({ mail }) => mail.recipients.some(({ address }) => address === 'SMTP:norich@corp.example'));
    if (chunk === undefined) throw new Error('no chunk has norich');
    const owner = 'Return-Path: <ben@corp.example>\r\n';
    expect(emits.map(formOf)).toEqual(emits.map(() => expect.stringMatching(/^reverse-path\.[0-9a-f]{16}\.quiet\.no-receipts$/)));
    expect(await read(chunk)).toBe(owner + quiet + head('mixed') + text + winmail + end);
    const members = await work(AcceptedMail.schema.parse(chunk.mail));
    const outside = members.find(({ mail }) => mail.recipients[0]?.address === 'SMTP:norich@far.example');
    expect(outside && formOf(outside)).toMatch(/^without\.tnef\.of\.[0-9a-f]{12}$/);
    expect(outside && (await read(outside))).toBe(owner + quiet + head('mixed') + text + end);
    expect(members.filter((copy) => copy !== outside).map(({ mail }) => mail.content)).toEqual([chunk.mail.content]);
  });
});
