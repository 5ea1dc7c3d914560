import { describe, expect, test } from '@jest/globals';
import { DeliveryReport, type Envelope, LocalDelivery, type MailboxRecipient } from '@mailrail/contracts';
import { memoryLedger } from '@mailrail/ledger';
import { derivedId, newCopyId, recipientId } from '@mailrail/mail';
import { type MailboxOutcome, memoryMailboxStore } from '@mailrail/mailbox-store';
import type { Outcome } from '@mailrail/pipeline';
import { mailTo } from '@mailrail/testing';
import { type DeliverDeps, deliver } from '../src/deliver.ts';
import { copyName } from '../src/deliveries.ts';

const ada = 'ada@corp.example';
const ben = 'ben@corp.example';
const chloe = 'chloe@corp.example';
const full: MailboxOutcome & { kind: 'transient' } = { kind: 'transient', reason: 'mailbox folder: ENOSPC' };
const refused: MailboxOutcome & { kind: 'permanent' } = { kind: 'permanent', status: '5.2.1', reason: 'mailbox is disabled' };

/** `ada@corp.example`, `ada@corp.example+success`, or `a.lovelace@corp.example=ada@corp.example` for another address of hers. */
function recipient(rootId: string, text: string): MailboxRecipient {
  const [addressed = '', ...wishes] = text.split('+');
  const [original = '', mailbox = original] = addressed.split('=');
  const typed = `SMTP:${original}`;
  const notify = wishes.map((wish) => (wish === 'failure' ? ('failure' as const) : ('success' as const)));
  return {
    id: recipientId(rootId, typed),
    address: `SMTP:${mailbox}`,
    original: typed,
    ...(wishes.includes('never') ? { notify: 'never' as const } : notify.length === 0 ? {} : { notify }),
    mailbox: { id: `guid-of-${mailbox}`, address: mailbox },
  };
}

function mailFor(to: readonly string[], more: Partial<Envelope> = {}): LocalDelivery {
  const base = mailTo([ada], more);
  return { ...base, renderedAt: 1, submittedAt: 1, recipients: to.map((text) => recipient(base.rootId, text)) };
}

/** A line end with its mailboxes and its ledger. */
function site() {
  const mailboxes = memoryMailboxStore();
  const ledger = memoryLedger();
  let possible = 0;
  const run = (mail: LocalDelivery, more: Partial<DeliverDeps> = {}) =>
    Promise.resolve(
      deliver(LocalDelivery.schema.parse(mail), {
        mailboxes,
        ledger,
        redelivered: false,
        possibleDuplicates: (copies) => {
          possible += copies;
        },
        ...more,
      }),
    );
  return {
    mailboxes,
    ledger,
    run,
    possibleDuplicates: () => possible,
    copies: () => [ada, ben, chloe].map((one) => mailboxes.in(one).length),
  };
}

const local = (address: string) => address.replace(/^SMTP:/, '').replace(/@.*/, '');

/** One line for each thing that comes out. */
function summary(outcome: Outcome): string[] {
  if (outcome.kind === 'transient') return [`transient (${outcome.ladder}): ${outcome.reason}`];
  if (outcome.kind === 'poison') return [`poison: ${outcome.reason}`];
  if (outcome.kind === 'permanent') return [`permanent ${outcome.status}`];
  const emits = outcome.emits.map((emit) => {
    if (emit.kind === 'later')
      return `later (${emit.ladder}): ${emit.mail.recipients.map(({ original }) => local(original)).join()}: ${emit.reason}`;
    const report = DeliveryReport.schema.parse(emit.mail);
    return `${emit.station}: ${report.about.map(({ recipient: of, action, status }) => `${local(of.original)} ${action} ${status}`).join()}`;
  });
  return [...emits, ...(outcome.counted ?? []).map(({ event, recipients }) => `${event} ${recipients}`)];
}

interface Row {
  name: string;
  to?: string[];
  attempt?: number;
  bad?: Record<string, MailboxOutcome & { kind: 'transient' | 'permanent' }>;
  contentMissing?: boolean;
  expected: string[];
  copies: [number, number, number];
  counts?: object;
}

const rows: Row[] = [
  { name: 'one recipient', to: [ada], expected: ['delivered 1'], copies: [1, 0, 0], counts: { delivered: 1 } },
  { name: 'several', to: [ada, ben, chloe], expected: ['delivered 3'], copies: [1, 1, 1], counts: { delivered: 3 } },
  {
    name: 'a person under two addresses has one copy, both recipients are delivered',
    to: [ada, `a.lovelace@corp.example=${ada}`],
    expected: ['delivered 2'],
    copies: [1, 0, 0],
    counts: { delivered: 2 },
  },
  {
    name: 'a full mailbox waits alone',
    to: [ada, ben, chloe],
    bad: { [ben]: full },
    expected: ['later (internal): ben: mailbox folder: ENOSPC', 'delivered 2'],
    copies: [1, 0, 1],
    counts: { delivered: 2 },
  },
  {
    name: 'all mailboxes full: the mail waits',
    to: [ada, ben],
    bad: { [ada]: full, [ben]: full },
    expected: ['transient (internal): mailbox folder: ENOSPC'],
    copies: [0, 0, 0],
    counts: {},
  },
  {
    name: 'full for ever is for the expiry to end',
    to: [ada],
    attempt: 99,
    bad: { [ada]: full },
    expected: ['transient (internal): mailbox folder: ENOSPC'],
    copies: [0, 0, 0],
  },
  {
    name: 'a mailbox that refuses is reported; the report stage counts it',
    to: [ada, ben],
    bad: { [ben]: refused },
    expected: ['aq.reports: ben failed 5.2.1', 'delivered 1'],
    copies: [1, 0, 0],
    counts: { delivered: 1 },
  },
  {
    name: 'all refuse',
    to: [ada, ben],
    bad: { [ada]: refused, [ben]: refused },
    expected: ['aq.reports: ada failed 5.2.1,ben failed 5.2.1'],
    copies: [0, 0, 0],
    counts: {},
  },
  {
    name: 'one delivered, one later, one refused',
    to: [ada, ben, chloe],
    bad: { [ben]: full, [chloe]: refused },
    expected: ['later (internal): ben: mailbox folder: ENOSPC', 'aq.reports: chloe failed 5.2.1', 'delivered 1'],
    copies: [1, 0, 0],
  },
  {
    name: 'one later, one refused, none delivered',
    to: [ada, ben],
    bad: { [ada]: full, [ben]: refused },
    expected: ['later (internal): ada: mailbox folder: ENOSPC', 'aq.reports: ben failed 5.2.1'],
    copies: [0, 0, 0],
  },
  { name: 'NOTIFY=SUCCESS', to: [`${ada}+success`, ben], expected: ['aq.reports: ada delivered 2.0.0', 'delivered 2'], copies: [1, 1, 0] },
  {
    name: 'NOTIFY=SUCCESS,FAILURE',
    to: [`${ada}+success+failure`],
    expected: ['aq.reports: ada delivered 2.0.0', 'delivered 1'],
    copies: [1, 0, 0],
  },
  { name: 'NOTIFY=FAILURE', to: [`${ada}+failure`], expected: ['delivered 1'], copies: [1, 0, 0] },
  { name: 'NOTIFY=NEVER', to: [`${ada}+never`], expected: ['delivered 1'], copies: [1, 0, 0] },
  {
    name: 'NOTIFY=SUCCESS is told only of who is delivered',
    to: [`${ada}+success`, `${ben}+success`, `${chloe}+success`],
    bad: { [ben]: full, [chloe]: refused },
    expected: ['later (internal): ben: mailbox folder: ENOSPC', 'aq.reports: chloe failed 5.2.1,ada delivered 2.0.0', 'delivered 1'],
    copies: [1, 0, 0],
  },
  {
    name: 'content missing',
    to: [ada, ben],
    contentMissing: true,
    expected: ['transient (internal): content missing'],
    copies: [0, 0, 0],
    counts: {},
  },
  {
    name: 'content missing at the 8th attempt',
    to: [ada],
    attempt: 8,
    contentMissing: true,
    expected: ['transient (internal): content missing'],
    copies: [0, 0, 0],
  },
  {
    name: 'content missing at the 9th attempt',
    to: [ada],
    attempt: 9,
    contentMissing: true,
    expected: ['poison: content missing, 9 times'],
    copies: [0, 0, 0],
  },
  {
    name: 'content missing, and a mailbox that cannot even be asked',
    to: [ada, ben],
    attempt: 9,
    contentMissing: true,
    bad: { [ada]: full },
    expected: ['poison: content missing, 9 times'],
    copies: [0, 0, 0],
  },
];

test.each(rows)('$name', async ({ to = [ada], attempt = 1, bad = {}, contentMissing = false, expected, copies, counts }) => {
  const { mailboxes, ledger, run, copies: found } = site();
  const mail = mailFor(to, { attempt });
  for (const [mailbox, outcome] of Object.entries(bad)) mailboxes.failing.set(mailbox, outcome);
  if (contentMissing) mailboxes.missing.add(mail.content.ref);
  expect(summary(await run(mail))).toEqual(expected);
  expect(found()).toEqual(copies);
  if (counts !== undefined) expect(await ledger.counts()).toEqual(counts);
});

describe('a repeat', () => {
  test('of a mail that was delivered and noted does nothing, and reports again: the first report may not have got out', async () => {
    const { ledger, run, copies } = site();
    const mail = mailFor([ada, `${ben}+success`]);
    const first = await run(mail);
    const second = await run({ ...mail, copyId: newCopyId() }, { redelivered: true });
    expect(summary(second)).toEqual(['aq.reports: ben delivered 2.0.0']);
    expect(copies()).toEqual([1, 1, 0]);
    expect(await ledger.counts()).toEqual({ delivered: 2 });
    const ids = [first, second].map((outcome) => (outcome.kind === 'done' ? outcome.emits[0]?.mail.mailId : undefined));
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).not.toBe(mail.mailId);
  });

  test('after a crash between the link and the note: one copy, counted once', async () => {
    const { ledger, run, copies } = site();
    const mail = mailFor([ada]);
    const died = { ...ledger, complete: () => Promise.reject(new Error('the process died')) };
    await expect(run(mail, { ledger: died })).rejects.toThrow('the process died');
    expect(copies()).toEqual([1, 0, 0]);
    expect(summary(await run(mail, { redelivered: true }))).toEqual(['delivered 1']);
    expect(copies()).toEqual([1, 0, 0]);
    expect(await ledger.counts()).toEqual({ delivered: 1 });
  });

  test('after the same crash, when the owner has read the mail meanwhile', async () => {
    const { ledger, mailboxes, run, copies } = site();
    const mail = mailFor([ada]);
    const died = { ...ledger, complete: () => Promise.reject(new Error('the process died')) };
    await expect(run(mail, { ledger: died })).rejects.toThrow('the process died');
    mailboxes.see(ada, copyName(mail));
    await run(mail, { redelivered: true });
    expect(copies()).toEqual([1, 0, 0]);
  });

  test('from the ladder, when a copy was linked but not known to be safe, and the owner has read it meanwhile', async () => {
    const { mailboxes, run, copies } = site();
    const mail = mailFor([ada]);
    const unsure = {
      deliver: async (...given: Parameters<typeof mailboxes.deliver>): Promise<MailboxOutcome[]> => {
        await mailboxes.deliver(...given);
        return [{ kind: 'transient', reason: 'mailbox folder: EIO' }];
      },
    };
    expect(summary(await run(mail, { mailboxes: unsure }))).toEqual(['transient (internal): mailbox folder: EIO']);
    mailboxes.see(ada, copyName(mail));
    expect(summary(await run({ ...mail, attempt: 2 }))).toEqual(['delivered 1']);
    expect(copies()).toEqual([1, 0, 0]);
  });

  test('of a part that waited goes to that part alone', async () => {
    const { ledger, mailboxes, run, copies } = site();
    mailboxes.failing.set(ben, full);
    const first = await run(mailFor([ada, ben]));
    mailboxes.failing.delete(ben);
    const part = first.kind === 'done' ? first.emits.find(({ kind }) => kind === 'later')?.mail : undefined;
    const again = LocalDelivery.schema.parse({ ...part, attempt: 2 });
    expect(summary(await run(again))).toEqual(['delivered 1']);
    expect(copies()).toEqual([1, 1, 0]);
    expect(await ledger.counts()).toEqual({ delivered: 2 });
  });

  test('a part that waited while a repeat of the whole delivered it is no merger', async () => {
    const { ledger, mailboxes, run, copies } = site();
    const mail = mailFor([ada, ben]);
    mailboxes.failing.set(ben, full);
    const first = await run(mail);
    mailboxes.failing.delete(ben);
    await run(mail, { redelivered: true }); // its bag was not acknowledged
    const part = first.kind === 'done' ? first.emits.find(({ kind }) => kind === 'later')?.mail : undefined;
    const again = LocalDelivery.schema.parse({ ...part, attempt: 2, mailId: derivedId(mail.mailId, 'later') });
    expect(summary(await run(again))).toEqual([]);
    expect(copies()).toEqual([1, 1, 0]);
    expect(await ledger.counts()).toEqual({ delivered: 2 });
  });
});

describe('the same person by another way', () => {
  const rootId = '01a0b0c0-0000-7000-8000-000000000001';
  const ways: { name: string; first: Partial<Envelope>; second: Partial<Envelope> }[] = [
    { name: 'directly and in a group', first: {}, second: { expandedVia: ['CN=Team'] } },
    { name: 'in two groups', first: { expandedVia: ['CN=Team'] }, second: { expandedVia: ['CN=Crew'] } },
    { name: 'in two parts of a large envelope', first: { part: { k: 1, n: 2 } }, second: { part: { k: 2, n: 2 } } },
  ];
  test.each(ways)('$name: one copy, counted as merged, once', async ({ first, second }) => {
    const { ledger, run, copies } = site();
    await run(mailFor([ada], { rootId, ...first }));
    const other = mailFor([ada, ben], { rootId, ...second, mailId: derivedId(rootId, 'chunk') });
    expect(summary(await run(other))).toEqual(['delivered 1', 'merged 1']);
    await run(other, { redelivered: true });
    expect(copies()).toEqual([1, 1, 0]);
    expect(await ledger.counts()).toEqual({ delivered: 2, merged: 1 });
  });

  test('who wanted to be told of success is told', async () => {
    const { run } = site();
    await run(mailFor([ada], { rootId }));
    const alias = mailFor([`a.lovelace@corp.example=${ada}+success`], { rootId, mailId: derivedId(rootId, 'chunk') });
    expect(summary(await run(alias))).toEqual(['aq.reports: a.lovelace delivered 2.0.0', 'merged 1']);
  });

  test('another mail is another copy', async () => {
    const { run, copies } = site();
    await run(mailFor([ada]));
    await run(mailFor([ada]));
    expect(copies()).toEqual([2, 0, 0]);
  });
});

describe('a ledger that is silent', () => {
  test('delivery goes on, and each copy is a possible duplicate', async () => {
    const { ledger, run, copies, possibleDuplicates } = site();
    ledger.silent = true;
    expect(summary(await run(mailFor([ada, ben])))).toEqual(['delivered 2']);
    expect([copies(), possibleDuplicates()]).toEqual([[1, 1, 0], 2]);
  });

  test('the name keeps a repeat from a second copy, read or not', async () => {
    const { ledger, mailboxes, run, copies } = site();
    ledger.silent = true;
    const mail = mailFor([ada, ben]);
    await run(mail);
    mailboxes.see(ben, copyName(mail));
    await run(mail);
    expect(copies()).toEqual([1, 1, 0]);
  });

  test('a note that cannot be made is a possible duplicate, too', async () => {
    const { ledger, run, possibleDuplicates } = site();
    expect(summary(await run(mailFor([ada]), { ledger: { ...ledger, complete: async () => false } }))).toEqual(['delivered 1']);
    expect(possibleDuplicates()).toBe(1);
  });

  test('an answering ledger leaves no doubt', async () => {
    const { run, possibleDuplicates } = site();
    const mail = mailFor([ada]);
    await run(mail);
    await run(mail, { redelivered: true });
    expect(possibleDuplicates()).toBe(0);
  });
});

describe('the name of a copy', () => {
  const at = Date.parse('2026-11-23T10:00:00.789Z');
  test('begins with the second the root was made', () => {
    const rootId = `${at
      .toString(16)
      .padStart(12, '0')
      .replace(/^(.{8})/, '$1-')}-7000-8000-000000000001`;
    expect(copyName(mailFor([ada], { rootId }))).toBe(`${Math.floor(at / 1_000)}.${rootId}`);
  });
  test('or, for a report, with the second of its origin', () => {
    const rootId = derivedId(newCopyId(), 'report');
    const { origin } = mailFor([ada]);
    expect(copyName({ rootId, origin: { ...origin, at } })).toBe(`${Math.floor(at / 1_000)}.${rootId}`);
  });
});
