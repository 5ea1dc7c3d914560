import { Readable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { ContentStoreError } from '@mailrail/content-store';
import { AcceptedMail, CategorizedMail, contractOf, type Hooks, LocalDelivery, noHooks } from '@mailrail/contracts';
import { type Directory, directoryDown, directoryOf, type EntryInput, membershipIn } from '@mailrail/directory';
import { memoryLedger } from '@mailrail/ledger';
import { derivedId, recipientId } from '@mailrail/mail';
import { organizationOf } from '@mailrail/organization';
import type { Outcome } from '@mailrail/pipeline';
import { mailTo } from '@mailrail/testing';
import { type CategorizeDeps, categorize } from '../src/categorize.ts';

const organization = organizationOf({
  servers: [
    { name: 'EX1', site: 'london' },
    { name: 'EX2', site: 'paris' },
  ],
}).current();
const dn = (name: string) => `CN=${name},OU=Corp`;
const at = (name: string) => (name.includes('@') ? `SMTP:${name}` : `SMTP:${name}@corp.example`);
const box = (name: string, more: EntryInput = {}): EntryInput => ({ primary: at(name), dn: dn(name), ...more });
const group = (name: string, members: string[], more: EntryInput = {}): EntryInput =>
  box(name, { kind: 'group', members: members.map(dn), ...more });
const people = (count: number) => Array.from({ length: count }, (_, n) => `m${String(n).padStart(3, '0')}`);
const short = (address: string | null) => (address === null ? '<>' : address.replace('SMTP:', '').replace('@corp.example', ''));

function accepted(to: string[], more: Partial<AcceptedMail> = {}): AcceptedMail {
  const parsed = AcceptedMail.schema.parse({ ...mailTo(to.map(at)), renderedAt: 1, submittedAt: 2, ...more });
  return parsed;
}

/** A content store of one body. */
function contentOf(body: string) {
  const written: string[] = [];
  const content: CategorizeDeps['content'] = {
    read: (_ref, range = {}) => Readable.from([Buffer.from(body).subarray(range.start ?? 0)]),
    writer: ({ rootId, form }) => {
      const chunks: Uint8Array[] = [];
      return {
        write: (chunk) => void chunks.push(chunk),
        commit: async () => {
          const bytes = Buffer.concat(chunks);
          written.push(bytes.toString());
          return { ref: `${rootId}.${form}`, sizeBytes: bytes.length, sha256: 'a'.repeat(64), existed: false };
        },
        abort: async () => {},
      };
    },
  };
  return { content, written };
}

function depsOf(directory: Directory, more: Partial<CategorizeDeps> = {}) {
  const ledger = memoryLedger();
  const { content, written } = contentOf('Return-Path: <old>\r\nSubject: x\r\n\r\nbody');
  const duplicates: string[] = [];
  const deps: CategorizeDeps = {
    directory,
    membership: membershipIn(directory),
    organization,
    ledger,
    content,
    hooks: noHooks,
    now: 1_000,
    possibleDuplicate: (cause) => duplicates.push(cause),
    ...more,
  };
  return { deps, ledger, written, duplicates };
}

/** Emitted mails as `station[to site]: recipients (reverse-path)`, reports as `report[to whom]: recipient status`; checked by their contracts. */
function summary(outcome: Outcome, mail: AcceptedMail): string[] {
  if (outcome.kind !== 'done') return [`${outcome.kind}: ${'status' in outcome ? `${outcome.status} ` : ''}${outcome.reason}`];
  return outcome.emits
    .map((emit) => {
      if (emit.kind !== 'mail') throw new Error('nothing is put off in part here');
      contractOf(emit.station).schema.parse(emit.mail);
      const names = emit.mail.recipients.map(({ address }) => short(address));
      const shown = names.length > 5 ? `${names.length} recipients` : names.join(' ');
      if (emit.station === 'aq.reports') {
        const { about, reportTo } = contractOf('aq.reports').schema.parse(emit.mail) as {
          about: { recipient: { original: string }; action: string; status: string }[];
          reportTo?: string | null;
        };
        const to = reportTo === undefined ? '' : ` to ${short(reportTo)}`;
        return `report${to}: ${about.map((one) => `${short(one.recipient.original)} ${one.action} ${one.status}`).join(', ')}`;
      }
      const { targetSite, targetServer } = emit.station === 'aq.post-categorization' ? CategorizedMail.schema.parse(emit.mail) : {};
      const where =
        emit.station === 'store.local-delivery'
          ? 'here'
          : emit.station === 'aq.post-categorization'
            ? `on${targetSite === undefined ? '' : ` to ${targetServer} in ${targetSite}`}`
            : 'again';
      return `${where}: ${shown}${emit.mail.sender === mail.sender ? '' : ` (from ${short(emit.mail.sender)})`}`;
    })
    .sort();
}

const scenarios: {
  name: string;
  entries?: EntryInput[];
  directory?: Directory;
  to: string[];
  more?: Partial<AcceptedMail>;
  is: string[];
  counts?: Record<string, number>;
}[] = [
  {
    name: 'everybody where he is',
    entries: [box('ada'), box('ben', { homeServer: 'EX2' })],
    to: ['ada', 'ben', 'x@else.test', 'nobody'],
    is: ['here: ada', 'on to EX2 in paris: ben', 'on: x@else.test', 'report: nobody failed 5.1.1'],
  },
  {
    name: 'directory down: nobody is refused',
    directory: directoryDown,
    to: ['ada', 'nobody'],
    is: ['transient: directory: does not answer'],
  },
  {
    name: 'the same person twice',
    entries: [box('ada', { addresses: [at('ada'), at('al')] })],
    to: ['ada', 'al'],
    is: ['here: ada'],
    counts: { merged: 1 },
  },
  {
    name: 'a small group and somebody in it',
    entries: [group('team', ['ada', 'crew']), group('crew', ['ben', 'chloe']), box('ada'), box('ben'), box('chloe')],
    to: ['ada', 'team'],
    is: ['here: ada ben chloe'],
    counts: { expanded: 2, members: 4, merged: 1 },
  },
  { name: 'an empty group', entries: [group('g', [])], to: ['g'], is: [], counts: { expanded: 1 } },
  {
    name: 'two ways of reporting are two mails',
    entries: [
      group('g', ['ada', 'gone'], { reportToOriginator: false, reportToOwner: true, managedBy: dn('boss') }),
      box('ada'),
      box('ben'),
      box('boss'),
      { ...box('gone'), homeServer: 'EX9' },
    ],
    to: ['g', 'ben'],
    is: ['here: ada (from boss)', 'here: ben', 'report to boss: gone failed 5.1.6'],
    counts: { expanded: 1, members: 2 },
  },
  {
    name: 'a member that does not exist: the owner hears of it, the others get the mail',
    entries: [group('g', ['ada', 'ghost', 'spirit'], { managedBy: dn('boss') }), box('ada'), box('boss')],
    to: ['g'],
    is: ['here: ada', 'report to boss: g failed 5.2.4'],
    counts: { expanded: 1, members: 2 },
  },
  {
    name: 'a member without any address, in a group in the group',
    entries: [
      group('g', ['h', 'ada'], { managedBy: dn('boss') }),
      group('h', ['mute'], { managedBy: dn('ben') }),
      { dn: dn('mute'), kind: 'mailbox', addresses: [] },
      box('ada'),
      box('ben'),
      box('boss'),
    ],
    to: ['g'],
    is: ['here: ada', 'report to ben: h failed 5.2.4'],
    counts: { expanded: 2, members: 3 },
  },
  {
    name: 'a query that does not parse: the sender and the owner hear of it, the others get the mail',
    entries: [
      group('g', ['q', 'ada']),
      box('q', { kind: 'query-group', filter: '(|(a=1)(b=2)', filterBase: 'OU=Corp', managedBy: dn('boss') }),
      box('ada'),
      box('boss'),
    ],
    to: ['g'],
    is: ['here: ada', 'report to boss: q failed 5.2.4', 'report: q failed 5.2.4'],
    counts: { expanded: 1, members: 3 },
  },
  {
    name: 'nobody owns the group: an operator is to look',
    entries: [group('g', ['ada', 'ghost'], { managedBy: dn('left') }), box('ada')],
    to: ['g'],
    is: ['here: ada', 'report to <>: g failed 5.2.4'],
    counts: { expanded: 1, members: 2 },
  },
  {
    name: 'a report to a group that is wrong leads to no report',
    entries: [group('g', ['ada', 'ghost'], { managedBy: dn('boss') }), box('ada'), box('boss')],
    to: ['g'],
    more: { sender: null },
    is: ['here: ada'],
  },
  {
    name: 'reports to nobody',
    entries: [group('g', ['ada', 'gone'], { reportToOriginator: false }), box('ada'), { ...box('gone'), homeServer: 'EX9' }],
    to: ['g'],
    is: ['here: ada (from <>)', 'report to <>: gone failed 5.1.6'],
  },
  {
    name: 'a report to a group stays one',
    entries: [group('g', ['ada'], { reportToOriginator: false, reportToOwner: true, managedBy: dn('boss') }), box('ada'), box('boss')],
    to: ['g'],
    more: { sender: null },
    is: ['here: ada'],
  },
  {
    name: 'hidden members are a mail of their own, and named by the group',
    entries: [group('g', ['ada', 'gone'], { hideMembership: true }), box('ada'), box('ben'), { ...box('gone'), homeServer: 'EX9' }],
    to: ['g', 'ben'],
    is: ['here: ada', 'here: ben', 'report: g failed 5.1.6'],
  },
  {
    name: 'too large for its sender',
    entries: [box('ada'), box('zoe', { restrictions: { maxSendKb: 1 } })],
    to: ['ada'],
    more: { sender: at('zoe') },
    is: ['permanent: 5.2.3 the sender may send messages of at most 1 KB'],
  },
  {
    name: 'a big group: chunks of 100',
    entries: [group('g', people(250)), ...people(250).map((name) => box(name)), box('ada')],
    to: ['g', 'ada'],
    is: ['again: 100 recipients', 'again: 100 recipients', 'again: 50 recipients', 'here: ada'],
    counts: { expanded: 1, members: 250 },
  },
];

describe('categorize', () => {
  test.each(scenarios)('$name', async ({ entries = [], directory = directoryOf(entries), to, more = {}, is, counts }) => {
    const { deps, ledger } = depsOf(directory);
    const mail = accepted(to, more);
    expect(summary(await categorize(mail, deps), mail)).toEqual([...is].sort());
    if (counts !== undefined) expect(await ledger.counts()).toEqual(counts);
  });
});

const emitted = (outcome: Outcome) =>
  outcome.kind === 'done' ? outcome.emits.flatMap((emit) => (emit.kind === 'mail' ? [emit] : [])) : [];
const chunksOf = (outcome: Outcome) =>
  emitted(outcome)
    .filter(({ station }) => station === 'aq.pre-categorization')
    .map(({ mail }) => mail);

describe('identity (R1)', () => {
  test('a mail that stays whole keeps its identity', async () => {
    const mail = accepted(['ada', 'nobody'], { parentId: mailTo([]).rootId });
    const [local, report] = emitted(await categorize(mail, depsOf(directoryOf([box('ada')])).deps));
    expect(local?.mail).toMatchObject({ mailId: mail.mailId, parentId: mail.parentId, rootId: mail.rootId });
    expect(report?.mail.parentId).toBe(mail.mailId);
  });

  test('a repeat makes the same mails, whatever copy it is', async () => {
    const directory = directoryOf([
      box('ada'),
      box('ben', { homeServer: 'EX2' }),
      group('g', people(150)),
      ...people(150).map((name) => box(name)),
    ]);
    const mail = accepted(['ada', 'ben', 'g', 'nobody']);
    const first = emitted(await categorize(mail, depsOf(directory).deps)).map((one) => one.mail);
    const again = emitted(await categorize({ ...mail, copyId: mailTo([]).copyId }, depsOf(directory).deps)).map((one) => one.mail);
    expect(again.map(({ mailId }) => mailId)).toEqual(first.map(({ mailId }) => mailId));
    expect(new Set(first.map(({ mailId }) => mailId)).size).toBe(first.length);
    expect(first.every(({ parentId }) => parentId === mail.mailId)).toBe(true);
  });

  test('whom the sender addressed keeps his identity; a member has his own', async () => {
    const mail = accepted(['al', 'g']);
    const directory = directoryOf([box('ada', { addresses: [at('ada'), at('al')] }), box('ben'), group('g', ['ben'])]);
    const [local] = emitted(await categorize(mail, depsOf(directory).deps));
    const parsed = LocalDelivery.schema.parse(local?.mail);
    expect(parsed.recipients).toMatchObject([
      { id: mail.recipients[0]?.id, address: at('ada'), original: at('al'), mailbox: { address: 'ada@corp.example' } },
      { id: recipientId(mail.rootId, at('ben')), address: at('ben'), original: at('ben'), mailbox: { address: 'ben@corp.example' } },
    ]);
    expect(parsed.expandedVia).toEqual([at('g')]);
    expect(parsed.organizationVersion).toBe(organization.version);
  });
});

describe('large groups (R14)', () => {
  const entries = [group('g', people(250).toReversed()), ...people(250).map((name) => box(name))];

  test('each member once, in the order of ids, with the way he came', async () => {
    const mail = accepted(['g']);
    const chunks = chunksOf(await categorize(mail, depsOf(directoryOf(entries)).deps));
    expect(chunks.map(({ recipients }) => recipients.length)).toEqual([100, 100, 50]);
    const all = chunks.flatMap(({ recipients }) => recipients);
    expect(new Set(all.map(({ address }) => address)).size).toBe(250);
    expect(all[0]).toEqual({ id: recipientId(mail.rootId, all[0]?.address ?? ''), address: all[0]?.address, original: all[0]?.address });
    for (const chunk of chunks) expect(chunk).toMatchObject({ expandedVia: [at('g')], sender: mail.sender, parentId: mail.mailId });
  });

  test('a chunk is delivered like any mail, without asking the group’s restrictions again', async () => {
    const restricted = entries.map((entry) => ({ ...entry, restrictions: { acceptFrom: [dn('boss')] } }));
    const directory = directoryOf([
      ...restricted.map((entry) => (entry.kind === 'group' ? { ...entry, restrictions: {} } : entry)),
      box('boss'),
    ]);
    const fromBoss = accepted(['g'], { sender: at('boss'), origin: { ...mailTo([]).origin, authenticated: true } });
    const [chunk] = chunksOf(await categorize(fromBoss, depsOf(directory).deps));
    const next = AcceptedMail.schema.parse({ ...chunk, sender: null });
    const [local] = emitted(await categorize(next, depsOf(directory).deps));
    expect(local).toMatchObject({ station: 'store.local-delivery', mail: { mailId: next.mailId } });
    expect(local?.mail.recipients).toHaveLength(100);

    const refused = await categorize(accepted(['g']), depsOf(directory).deps);
    expect(chunksOf(refused)).toEqual([]);
    expect(emitted(refused).flatMap((one) => one.mail.recipients)).toHaveLength(250);
  });

  test('hidden members stay hidden in what comes of their chunk', async () => {
    const hidden = entries.map((entry) => (entry.kind === 'group' ? { ...entry, hideMembership: true } : { ...entry, homeServer: 'EX9' }));
    const { deps } = depsOf(directoryOf(hidden));
    const [chunk] = chunksOf(await categorize(accepted(['g']), deps));
    const [report] = emitted(await categorize(AcceptedMail.schema.parse(chunk), deps));
    expect(report?.station).toBe('aq.reports');
    expect(new Set(report?.mail.recipients.map(({ original }) => original))).toEqual(new Set([at('g')]));
    expect(new Set(report?.mail.recipients.map(({ id }) => id)).size).toBe(100);
  });

  test('the copy that comes second does nothing; what is delivered again, or comes back from the ladder, goes on', async () => {
    const { deps, ledger } = depsOf(directoryOf(entries));
    const mail = accepted(['g']);
    expect(chunksOf(await categorize(mail, deps))).toHaveLength(3);
    expect(emitted(await categorize({ ...mail, copyId: mailTo([]).copyId }, deps))).toEqual([]);
    expect(chunksOf(await categorize(mail, deps))).toHaveLength(3);
    expect(chunksOf(await categorize({ ...mail, copyId: mailTo([]).copyId, attempt: 2 }, deps))).toHaveLength(3);
    expect(await ledger.counts()).toEqual({ expanded: 1, members: 250 });
  });

  test('a silent ledger stops nobody, and is counted', async () => {
    const { deps, ledger, duplicates } = depsOf(directoryOf(entries));
    ledger.silent = true;
    expect(chunksOf(await categorize(accepted(['g']), deps))).toHaveLength(3);
    expect(duplicates).toEqual(['ledger silent']);
  });
});

describe('reports', () => {
  test('a group is expanded once for who asked for success; its members keep ORCPT and lose the wish (E3)', async () => {
    const directory = directoryOf([group('g', ['ada', 'h']), group('h', ['ben']), box('ada'), box('ben')]);
    const plain = accepted(['g']);
    const mail = {
      ...plain,
      recipients: plain.recipients.map((one) => ({
        ...one,
        notify: ['success', 'failure'] as ('success' | 'failure')[],
        orcpt: 'rfc822;g@corp.example',
      })),
    };
    const outcome = await categorize(mail, depsOf(directory).deps);
    expect(summary(outcome, mail)).toEqual(['here: ada ben', 'report: g expanded 2.0.0']);
    for (const recipient of emitted(outcome)[0]?.mail.recipients ?? [])
      expect(recipient).toMatchObject({ notify: ['failure'], orcpt: 'rfc822;g@corp.example' });
  });

  test('a wish for success alone leaves members with none', async () => {
    const plain = accepted(['g']);
    const mail = { ...plain, recipients: plain.recipients.map((one) => ({ ...one, notify: ['success'] as 'success'[] })) };
    const [local] = emitted(await categorize(mail, depsOf(directoryOf([group('g', ['ada']), box('ada')])).deps));
    expect(local?.mail.recipients).toMatchObject([{ notify: 'never' }]);
  });

  test('of a group that is wrong its owner hears once in a while, not with each mail; a repeat tells the same', async () => {
    const { deps, ledger } = depsOf(directoryOf([group('g', ['ada', 'ghost'], { managedBy: dn('boss') }), box('ada'), box('boss')]));
    const mail = accepted(['g']);
    const [, first] = emitted(await categorize(mail, deps));
    expect(first?.mail).toMatchObject({
      ret: 'hdrs',
      reportTo: at('boss'),
      about: [{ status: '5.2.4', reason: 'the group has a member that does not exist: CN=ghost,OU=Corp' }],
    });
    const again = emitted(await categorize({ ...mail, copyId: mailTo([]).copyId }, deps)).find(({ station }) => station === 'aq.reports');
    expect(again?.mail.mailId).toBe(first?.mail.mailId);
    const other = accepted(['g']);
    expect(summary(await categorize(other, deps), other)).toEqual(['here: ada']);
    expect(await ledger.counts()).toEqual({ expanded: 2, members: 3 });
  });

  test('an empty reverse-path from outside is no report of ours (S7, E3)', async () => {
    const directory = directoryOf([box('boss', { restrictions: { requireAuthentication: true } })]);
    const origin = mailTo([]).origin;
    const outside = accepted(['boss'], { sender: null });
    expect(summary(await categorize(outside, depsOf(directory).deps), outside)).toEqual(['report: boss failed 5.7.1']);
    const report = accepted(['boss'], { sender: null, origin: { ...origin, dialect: 'report' } });
    expect(summary(await categorize(report, depsOf(directory).deps), report)).toEqual(['here: boss']);
  });
});

describe('automatic replies', () => {
  const wishes = ({ station, mail }: ReturnType<typeof emitted>[number]) => {
    const { suppressAutoReplies } = AcceptedMail.schema.parse(mail);
    return `${station} ${mail.recipients.length > 3 ? mail.recipients.length : mail.recipients.map(({ address }) => short(address)).join(' ')}: ${String(suppressAutoReplies)}`;
  };
  test('members of a group that wishes none are a mail of their own', async () => {
    const directory = directoryOf([
      group('g', ['ada', 'h'], { suppressOof: true }),
      group('h', ['far']),
      box('ada'),
      box('ben'),
      box('far', { homeServer: 'EX2' }),
    ]);
    const mails = emitted(await categorize(accepted(['ben', 'g']), depsOf(directory).deps));
    expect(mails.map(wishes).sort()).toEqual([
      'aq.post-categorization far: true',
      'store.local-delivery ada: true',
      'store.local-delivery ben: undefined',
    ]);
  });
  test('the wish goes with the chunks of a large group', async () => {
    const directory = directoryOf([group('g', people(101), { suppressOof: true }), ...people(101).map((name) => box(name))]);
    const [chunk, rest] = emitted(await categorize(accepted(['g']), depsOf(directory).deps));
    expect([chunk, rest].map((one) => one && wishes(one))).toEqual([
      'aq.pre-categorization 100: true',
      `aq.pre-categorization ${short(rest?.mail.recipients[0]?.address ?? null)}: true`,
    ]);
    const [delivery] = emitted(await categorize(AcceptedMail.schema.parse(chunk?.mail), depsOf(directory).deps));
    expect(delivery && wishes(delivery)).toBe('store.local-delivery 100: true');
  });
});

describe('content', () => {
  const owned = { reportToOriginator: false, reportToOwner: true, managedBy: dn('boss') };

  test('another reverse-path is another form, made once, without touching the message (E1)', async () => {
    const { deps, written } = depsOf(directoryOf([group('g', people(150), owned), ...people(150).map((name) => box(name)), box('boss')]));
    const mail = accepted(['g']);
    const whole = { ...mail, content: { ...mail.content, relayOffset: 'Return-Path: <old>\r\n'.length } };
    const chunks = chunksOf(await categorize(whole, deps));
    expect(written).toEqual(['Return-Path: <boss@corp.example>\r\nSubject: x\r\n\r\nbody']);
    for (const { content, sender } of chunks) {
      expect(sender).toBe(at('boss'));
      expect(content).toMatchObject({
        ref: expect.stringContaining('reverse-path.'),
        relayOffset: 'Return-Path: <boss@corp.example>\r\n'.length,
      });
    }
  });

  test.each([
    ['unavailable', 1, 'transient'],
    ['missing', 1, 'transient'],
    ['missing', 9, 'poison'],
    ['invalid', 1, 'poison'],
  ] as const)('a store that says %s at attempt %i is %s', async (code, attempt, kind) => {
    const failing: CategorizeDeps['content'] = {
      ...contentOf('').content,
      read: () =>
        new Readable({
          read() {
            this.destroy(new ContentStoreError(code, 'no'));
          },
        }),
    };
    const { deps } = depsOf(directoryOf([group('g', ['ada'], owned), box('ada'), box('boss')]), { content: failing });
    expect((await categorize(accepted(['g'], { attempt }), deps)).kind).toBe(kind);
  });
});

describe('hooks', () => {
  const directory = directoryOf([group('g', ['ada']), box('ada'), box('ben')]);
  const hooksOf = (answers: Record<string, unknown>): Hooks => ({
    run: async (point) => (answers[point] ?? { kind: 'continue' }) as never,
  });

  test.each<[string, unknown, string[]]>([
    ['resolve', { kind: 'replace', value: [at('ben')] }, ['here: ben']],
    ['resolve', { kind: 'reject', status: '5.7.0', reason: 'policy' }, ['permanent: 5.7.0 policy']],
    ['expand', { kind: 'defer', delayMs: 1_000, reason: 'later' }, ['transient: later']],
    ['categorized', { kind: 'reject', status: '5.7.0', reason: 'policy' }, ['permanent: 5.7.0 policy']],
    ['other', { kind: 'reject', status: '5.7.0', reason: 'policy' }, ['here: ada']],
  ])('%s', async (point, answer, is) => {
    const mail = accepted(['g']);
    expect(summary(await categorize(mail, depsOf(directory, { hooks: hooksOf({ [point]: answer }) }).deps), mail)).toEqual(is);
  });
});

test('a derived identity says what was split off', async () => {
  const mail = accepted(['ada', 'x@else.test']);
  const [local] = emitted(await categorize(mail, depsOf(directoryOf([box('ada')])).deps));
  expect(local?.mail.mailId).toBe(derivedId(mail.mailId, `categorizer:local:["","${String(mail.sender)}",null]:0`));
});
