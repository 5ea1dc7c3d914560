import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { AcceptedMail, CategorizedMail, noHooks } from '@mailrail/contracts';
import { directoryOf, type EntryInput, membershipIn } from '@mailrail/directory';
import { memoryLedger } from '@mailrail/ledger';
import { type OrganizationInput, organizationOf } from '@mailrail/organization';
import { mailTo } from '@mailrail/testing';
import { type CategorizeDeps, categorize } from '../src/categorize.ts';

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
];

const part = (type: string, body: string) => `--b\r\nContent-Type: ${type}\r\n\r\n${body}\r\n`;
const end = '--b--\r\n';
const head = (type: string, more = '') => `Return-Path: <old>\r\n${more}Content-Type: multipart/${type}; boundary=b\r\n\r\n`;
const text = part('text/plain', 'hello');
const html = part('text/html', '<p>hello');
const winmail = part('application/ms-tnef', 'AAAA');

/** A store of one body that says what was read and written. */
function storeOf(body: string) {
  const written = new Map<string, string>();
  let reads = 0;
  const content: CategorizeDeps['content'] = {
    read: (_ref, range = {}) => {
      reads += 1;
      return Readable.from([Buffer.from(body).subarray(range.start ?? 0)]);
    },
    writer: ({ form }) => {
      const chunks: Buffer[] = [];
      return {
        write: (chunk) => void chunks.push(Buffer.from(chunk)),
        commit: async () => {
          const bytes = Buffer.concat(chunks);
          written.set(form, bytes.toString());
          return { ref: form, sizeBytes: bytes.length, sha256: 'b'.repeat(64), existed: false };
        },
        abort: async () => {},
      };
    },
  };
  return { content, written, reads: () => reads };
}

async function run(to: string[], body: string, settings: Partial<OrganizationInput> = {}, eightBit = false) {
  const directory = directoryOf(entries);
  const store = storeOf(body);
  const mail = AcceptedMail.schema.parse({ ...mailTo(to.map((one) => `SMTP:${one}`)), renderedAt: 1, submittedAt: 2 });
  const given: AcceptedMail = { ...mail, content: { ...mail.content, ref: 'as-it-came', body: eightBit ? '8bit' : '7bit' } };
  const deps: CategorizeDeps = {
    directory,
    membership: membershipIn(directory),
    organization: organizationOf(settings).current(),
    ledger: memoryLedger(),
    content: store.content,
    hooks: noHooks,
    now: 1,
    possibleDuplicate: () => {},
  };
  const work = async () => {
    const outcome = await categorize(given, deps);
    if (outcome.kind !== 'done') throw new Error(outcome.kind);
    return outcome.emits.flatMap((emit) => (emit.kind === 'mail' ? [emit] : []));
  };
  const emits = await work();
  const copies = emits.map(({ station, mail: copy }) => {
    const { contentForm } = station === 'aq.post-categorization' ? CategorizedMail.schema.parse(copy) : {};
    const names = copy.recipients.map(({ address }) => address.replace(/^SMTP:|@.*/g, '')).join(' ');
    return `${names}: ${copy.content.ref}${contentForm?.transfer === undefined ? '' : `, ${contentForm.transfer}`}`;
  });
  const ids = emits.map(({ mail: { mailId } }) => mailId);
  return { copies: copies.toSorted(), ids, again: async () => (await work()).map(({ mail: { mailId } }) => mailId), ...store };
}

const everybody = ['any', 'other', 'norich', 'plain', 'least', 'ada'].map((name) => `${name}@corp.example`);

describe('what recipients outside can read', () => {
  const rows: { name: string; to?: string[]; body: string; settings?: Partial<OrganizationInput>; eightBit?: boolean; is: string[] }[] = [
    {
      name: 'all that differs makes a copy of its own; a mailbox here gets everything',
      body: head('mixed') + text + winmail + end,
      is: ['ada: as-it-came', 'any other plain: as-it-came', 'norich least: without.tnef'],
    },
    {
      name: 'what the message does not have makes none',
      body: head('alternative') + text + html + end,
      is: ['ada: as-it-came', 'any other norich: as-it-came', 'plain least: without.html'],
    },
    {
      name: 'a plain text is for everybody',
      body: 'Subject: x\r\n\r\nhello',
      is: ['ada: as-it-came', 'any other norich plain least: as-it-came'],
    },
    {
      name: 'a signed message stays whole',
      body: head('mixed', 'DKIM-Signature: v=1\r\n') + text + winmail + end,
      is: ['ada: as-it-came', 'any other norich plain least: as-it-came'],
    },
    {
      name: 'a domain that reads no rich text',
      to: ['any@corp.example', 'x@far.example', 'y@else.example'],
      body: head('mixed') + text + winmail + end,
      settings: { messageFormats: [{ domain: '*.example', richText: 'never' }, { domain: 'else.example' }] },
      is: ['any x: without.tnef', 'y: as-it-came'],
    },
    {
      name: 'a domain whose recipients all read it, whatever their entries say',
      to: ['norich@corp.example', 'any@corp.example'],
      body: head('mixed') + text + winmail + end,
      settings: { messageFormats: [{ domain: '*', richText: 'always' }] },
      is: ['norich any: as-it-came'],
    },
    {
      name: 'a domain behind an old relay',
      to: ['x@far.example', 'y@else.example'],
      body: 'Subject: x\r\n\r\nhällo',
      settings: { messageFormats: [{ domain: 'far.example', transfer: '7bit' }] },
      eightBit: true,
      is: ['x: as-it-came, 7bit', 'y: as-it-came'],
    },
    {
      name: 'which makes no difference to 7-bit mail',
      to: ['x@far.example', 'y@else.example'],
      body: 'Subject: x\r\n\r\nhello',
      settings: { messageFormats: [{ domain: 'far.example', transfer: '7bit' }] },
      is: ['x y: as-it-came'],
    },
  ];
  test.each(rows)('$name', async ({ to = everybody, body, settings, eightBit, is }) => {
    const { copies, ids, again } = await run(to, body, settings, eightBit);
    expect(copies).toEqual(is);
    expect(await again()).toEqual(ids); // R1: a repeat makes the same mails
  });

  test('the form is the message without that part, its first line included (E1), written once', async () => {
    const { written } = await run(['norich@corp.example', 'least@corp.example'], head('mixed') + text + winmail + end);
    expect([...written]).toEqual([['without.tnef', head('mixed') + text + end]]);
  });

  test('nobody who minds: the message is not read', async () => {
    const { reads } = await run(['any@corp.example', 'x@else.example', 'ada@corp.example'], head('mixed') + text + winmail + end);
    expect(reads()).toBe(0);
  });
});
