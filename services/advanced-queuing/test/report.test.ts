import { describe, expect, test } from '@jest/globals';
import { type ContentStore, ContentStoreError, memoryContentStore } from '@mailrail/content-store';
import { DeliveryReport, OutboundMail, type Recipient, type RecipientStatus } from '@mailrail/contracts';
import { memoryLedger } from '@mailrail/ledger';
import { newRootId, recipientId, returnPathField } from '@mailrail/mail';
import { organizationOf } from '@mailrail/organization';
import { failureReport, type Outcome } from '@mailrail/pipeline';
import { mailTo, messageBytes, recipientOf } from '@mailrail/testing';
import { simpleParser } from 'mailparser';
import { type ReportDeps, report } from '../src/report.ts';

const now = Date.parse('2026-11-23T10:00:00Z');
const organization = organizationOf().current();
const expireAfterMs = 2 * 86_400_000;

/** The report stage with its stores, and what it has decided so far. */
function stage(more: Partial<ReportDeps> = {}) {
  const content = memoryContentStore();
  const ledger = memoryLedger();
  const causes: string[] = [];
  const deps: ReportDeps = {
    content,
    ledger,
    organization,
    now,
    fullBytes: 1_048_576,
    unaskedBytes: 65_536,
    possibleDuplicate: (cause) => causes.push(cause),
    ...more,
  };
  return { content, ledger, causes, run: (mail: DeliveryReport) => report(DeliveryReport.schema.parse(mail), deps) };
}

type Told = {
  address: string;
  notify?: Recipient['notify'];
  orcpt?: string;
  action?: RecipientStatus['action'];
  status?: string;
  remote?: RecipientStatus['remote'];
};

/** What a stage reports about some recipients of a mail from zoe@elsewhere.example. */
function reportOf(about: readonly Told[], more: Partial<DeliveryReport> = {}): DeliveryReport {
  const { reportTo, ...envelope } = more;
  const mail = mailTo(
    about.map(({ address }) => address),
    { trace: { parent: '00-1-1-01', hops: [{ stage: 'categorizer', at: now - 500 }] }, ...envelope },
  );
  const statuses = about.map(({ address, notify, orcpt, action = 'failed', status = '5.1.1', remote }): RecipientStatus => {
    const recipient = {
      ...recipientOf(mail.rootId, address),
      ...(notify === undefined ? {} : { notify }),
      ...(orcpt === undefined ? {} : { orcpt }),
    };
    return { recipient, action, status, reason: 'no entry has this address', ...(remote === undefined ? {} : { remote }) };
  });
  return failureReport(mail, statuses, 'categorizer', reportTo);
}

function mails(outcome: Outcome): OutboundMail[] {
  if (outcome.kind !== 'done') throw new Error(`${outcome.kind}: ${outcome.reason}`);
  return outcome.emits.map((emit) => {
    expect(emit).toMatchObject({ kind: 'mail', station: 'mts-out' });
    return OutboundMail.schema.parse(emit.mail);
  });
}

async function bytesOf(content: ContentStore, mail: OutboundMail): Promise<Buffer> {
  return content.head(mail.content.ref, mail.content.sizeBytes);
}

interface Row {
  name: string;
  about: readonly Told[];
  more?: Partial<DeliveryReport>;
  /** `to: action of recipients` of each report. */
  reports: string[];
  counts: Record<string, number>;
}
const ada = 'ada@corp.example';
const ben = 'ben@corp.example';
const zoe = 'SMTP:zoe@elsewhere.example';
const rows: Row[] = [
  { name: 'failed: told by default', about: [{ address: ada }], reports: [`${zoe}: failed ada`], counts: { failed: 1, reports: 1 } },
  {
    name: 'failed, wished',
    about: [{ address: ada, notify: ['failure'] }],
    reports: [`${zoe}: failed ada`],
    counts: { failed: 1, reports: 1 },
  },
  { name: 'failed, never', about: [{ address: ada, notify: 'never' }], reports: [], counts: { failed: 1 } },
  { name: 'failed, only successes wished', about: [{ address: ada, notify: ['success', 'delay'] }], reports: [], counts: { failed: 1 } },
  {
    name: 'two failed, one report',
    about: [{ address: ada }, { address: ben }],
    reports: [`${zoe}: failed ada, ben`],
    counts: { failed: 2, reports: 1 },
  },
  {
    name: 'one wants to know, one does not',
    about: [{ address: ada }, { address: ben, notify: 'never' }],
    reports: [`${zoe}: failed ada`],
    counts: { failed: 2, reports: 1 },
  },
  {
    name: 'delayed: told by default',
    about: [{ address: ada, action: 'delayed', status: '4.4.1' }],
    reports: [`${zoe}: delayed ada`],
    counts: { reports: 1 },
  },
  {
    name: 'delayed, wished',
    about: [{ address: ada, action: 'delayed', status: '4.4.1', notify: ['delay'] }],
    reports: [`${zoe}: delayed ada`],
    counts: { reports: 1 },
  },
  {
    name: 'delayed, only failures wished',
    about: [{ address: ada, action: 'delayed', status: '4.4.1', notify: ['failure'] }],
    reports: [],
    counts: {},
  },
  { name: 'delivered: not by default', about: [{ address: ada, action: 'delivered', status: '2.0.0' }], reports: [], counts: {} },
  {
    name: 'delivered, wished',
    about: [{ address: ada, action: 'delivered', status: '2.0.0', notify: ['success'] }],
    reports: [`${zoe}: delivered ada`],
    counts: { reports: 1 },
  },
  {
    name: 'relayed, wished',
    about: [{ address: ada, action: 'relayed', status: '2.0.0', notify: ['success'] }],
    reports: [`${zoe}: relayed ada`],
    counts: { reports: 1 },
  },
  {
    name: 'expanded, wished',
    about: [{ address: ada, action: 'expanded', status: '2.0.0', notify: ['success'] }],
    reports: [`${zoe}: expanded ada`],
    counts: { reports: 1 },
  },
  {
    name: 'different outcomes, a report each',
    about: [{ address: ada }, { address: ben, action: 'delayed', status: '4.4.1' }],
    reports: [`${zoe}: failed ada`, `${zoe}: delayed ben`],
    counts: { failed: 1, reports: 2 },
  },
  { name: 'a report that failed: suppressed', about: [{ address: ada }], more: { sender: null }, reports: [], counts: { suppressed: 1 } },
  {
    name: 'a report that is delayed: nothing',
    about: [{ address: ada, action: 'delayed', status: '4.4.1' }],
    more: { sender: null },
    reports: [],
    counts: {},
  },
  {
    name: 'a report that failed, with an owner: nothing all the same',
    about: [{ address: ada }],
    more: { sender: null, reportTo: 'SMTP:owner@corp.example' },
    reports: [],
    counts: { suppressed: 1 },
  },
  {
    name: 'the owner of a group instead of the sender',
    about: [{ address: ada, notify: 'never' }],
    more: { reportTo: 'SMTP:owner@corp.example' },
    reports: ['SMTP:owner@corp.example: failed ada'],
    counts: { failed: 1, reports: 1 },
  },
  { name: 'nobody instead of the sender', about: [{ address: ada }], more: { reportTo: null }, reports: [], counts: { failed: 1 } },
  {
    name: 'a recipient named twice',
    about: [{ address: ada }, { address: ada }],
    reports: [`${zoe}: failed ada`],
    counts: { failed: 1, reports: 1 },
  },
  {
    name: 'a sender in another system',
    about: [{ address: ada }],
    more: { sender: 'FAX:+49 30' },
    reports: ['FAX:+49 30: failed ada'],
    counts: { failed: 1, reports: 1 },
  },
];

test.each(rows)('$name', async ({ about, more, reports, counts }) => {
  const { content, ledger, run } = stage();
  const mail = reportOf(about, more);
  const outcome = await run(mail);
  const told = await Promise.all(
    mails(outcome).map(async (one) => {
      const text = (await bytesOf(content, one)).toString();
      const recipients = [...text.matchAll(/^Final-Recipient: rfc822;(\w+)@/gm)].map((found) => found[1]).join(', ');
      return `${one.recipients[0]?.address}: ${/^Action: (\w+)/m.exec(text)?.[1]} ${recipients}`;
    }),
  );
  expect(told).toEqual(reports);
  expect(await ledger.counts()).toEqual(counts);
  const counted = outcome.kind === 'done' ? (outcome.counted ?? []) : [];
  expect(Object.fromEntries(counted.map(({ event, recipients }) => [event, recipients]))).toEqual(counts);
});

describe('the report as a mail', () => {
  test('envelope', async () => {
    const { run } = stage();
    const mail = reportOf([{ address: ada }], { envid: 'W7', hop: 3, lane: 'high' });
    const [made] = mails(await run(mail));
    if (made === undefined) throw new Error('no report was made');
    expect(made).toEqual({
      rootId: expect.not.stringMatching(mail.rootId),
      mailId: expect.not.stringMatching(mail.mailId),
      copyId: expect.any(String),
      parentId: mail.mailId,
      hop: 0,
      content: { ...made.content, body: '7bit', smtputf8: false, relayOffset: 'Return-Path: <>\r\n'.length },
      sender: null,
      recipients: [{ id: recipientId(made.rootId, zoe), address: zoe, original: zoe, notify: 'never' }],
      origin: { gateway: 'aq', dialect: 'report', at: now - 500, authenticated: true, trust: 'inside' },
      lane: 'normal',
      attempt: 1,
      expiresAt: now + expireAfterMs,
      delayReported: true,
      expandedVia: [],
      trace: { parent: '00-1-1-01', hops: [] },
      organizationVersion: 'test',
      header: {
        messageId: `<${made.rootId}@ex1.corp.example>`,
        date: now - 1_000, // whole seconds
        receivedCount: 0,
        headerBytes: expect.any(Number),
        autoSubmitted: true,
        priority: 'normal',
      },
      renderedAt: now,
    });
  });

  test('content: what the original said, the answer of the remote, its header enclosed', async () => {
    const { content, run } = stage();
    const rootId = newRootId();
    const firstLines = `${returnPathField(zoe)}Received: from a by b; x\r\n`;
    const original = messageBytes({ Subject: 'Silo 7' });
    const stored = await content.put({ rootId, form: 'message' }, [Buffer.from(firstLines), original]);
    const remote = { mta: 'mx.remote.example:25', reply: '550 5.1.1 no such user' };
    const mail = reportOf([{ address: 'partner@corp.example', orcpt: 'rfc822;Partner@old.example', remote }], {
      rootId,
      envid: 'W7',
      ret: 'hdrs',
    });
    const relayOffset = returnPathField(zoe).length;
    const [made] = mails(await run({ ...mail, content: { ...mail.content, ref: stored.ref, sizeBytes: stored.sizeBytes, relayOffset } }));
    if (made === undefined) throw new Error('no report was made');
    const bytes = await bytesOf(content, made);
    expect(bytes.subarray(0, made.content.relayOffset).toString()).toBe('Return-Path: <>\r\n');
    expect(await content.verify(made.content.ref)).toEqual({ sizeBytes: made.content.sizeBytes, sha256: made.content.sha256 });
    expect(made.header?.headerBytes).toBe(bytes.indexOf('\r\n\r\n') + 4);

    const parsed = await simpleParser(bytes.subarray(made.content.relayOffset), { keepDeliveryStatus: true });
    expect(parsed.subject).toBe('Undeliverable: Silo 7');
    expect(parsed.from?.value[0]?.address).toBe('postmaster@corp.example');
    expect(parsed.text).toContain('mx.remote.example:25 answered: 550 5.1.1 no such user');
    const [status, header] = parsed.attachments;
    expect(status?.contentType).toBe('message/delivery-status');
    const statusText = status?.content.toString() ?? '';
    expect(statusText).toContain('Original-Envelope-Id: W7\r\nReporting-MTA: dns; ex1.corp.example\r\n');
    expect(statusText).toContain('Original-Recipient: rfc822;Partner@old.example\r\nFinal-Recipient: rfc822;partner@corp.example\r\n');
    expect(statusText).toContain('Remote-MTA: dns; mx.remote.example\r\nDiagnostic-Code: smtp; 550 5.1.1 no such user\r\n');
    expect(header?.contentType).toBe('text/rfc822-headers');
    const shown = header?.content.toString() ?? '';
    expect(shown).toContain('Received: from a by b; x\r\nFrom: Zoe');
    expect(shown).not.toContain('Return-Path');
  });
});

describe('the original', () => {
  const small = messageBytes();
  const large = Buffer.concat([messageBytes(), Buffer.alloc(200_000, 'text and no end\r\n'), Buffer.from('END')]);
  const returned: {
    name: string;
    bytes: Buffer;
    told: Told;
    ret?: 'full' | 'hdrs';
    enclosed: 'whole' | 'header';
    body?: '8bit' | 'binary';
  }[] = [
    { name: 'small, nothing asked', bytes: small, told: { address: ada }, enclosed: 'whole' },
    { name: 'small, RET=HDRS', bytes: small, told: { address: ada }, ret: 'hdrs', enclosed: 'header' },
    { name: 'small, RET=FULL', bytes: small, told: { address: ada }, ret: 'full', enclosed: 'whole' },
    { name: 'large, nothing asked', bytes: large, told: { address: ada }, enclosed: 'header' },
    { name: 'large, RET=FULL: streamed', bytes: large, told: { address: ada }, ret: 'full', enclosed: 'whole' },
    { name: '8-bit', bytes: small, told: { address: ada }, enclosed: 'whole', body: '8bit' },
    { name: 'binary', bytes: small, told: { address: ada }, enclosed: 'header', body: 'binary' },
    {
      name: 'no failure, RET=FULL',
      bytes: small,
      told: { address: ada, action: 'delayed', status: '4.4.1' },
      ret: 'full',
      enclosed: 'header',
    },
  ];
  test.each(returned)('$name: $enclosed', async ({ bytes, told, ret, enclosed, body }) => {
    const { content, run } = stage();
    const rootId = newRootId();
    const { ref, sizeBytes } = await content.put({ rootId, form: 'message' }, [Buffer.from('Return-Path: <x>\r\n'), bytes]);
    const mail = reportOf([told], { rootId, ...(ret === undefined ? {} : { ret }) });
    const [made] = mails(await run({ ...mail, content: { ...mail.content, ref, sizeBytes, body: body ?? '7bit', relayOffset: 18 } }));
    if (made === undefined) throw new Error('no report was made');
    const report = await bytesOf(content, made);
    expect(made.content.sizeBytes).toBe(report.length);
    expect(made.content.body).toBe(enclosed === 'whole' ? (body ?? '7bit') : '7bit');
    const at = report.indexOf('Content-Type: message/rfc822\r\n');
    if (enclosed === 'header') {
      expect(at).toBe(-1);
      expect(report.indexOf('Content-Type: text/rfc822-headers')).toBeGreaterThan(0);
    } else {
      const from = report.indexOf('\r\n\r\n', at) + 4;
      expect(report.subarray(from, from + bytes.length).equals(bytes)).toBe(true);
    }
  });

  test('gone: the report is made without it', async () => {
    const { content, run } = stage();
    const [made] = mails(await run(reportOf([{ address: ada }])));
    if (made === undefined) throw new Error('no report was made');
    expect((await bytesOf(content, made)).toString()).toContain('The message itself is no longer here.');
  });

  test('gone while it is being copied: its header is enclosed', async () => {
    const { content } = stage();
    const rootId = newRootId();
    const { ref, sizeBytes } = await content.put({ rootId, form: 'message' }, [large]);
    const losing: ReportDeps['content'] = {
      ...content,
      read: (name, range) => {
        content.lose(name);
        return content.read(name, range);
      },
    };
    const mail = reportOf([{ address: ada }], { rootId, ret: 'full' });
    const [made] = mails(await stage({ content: losing }).run({ ...mail, content: { ...mail.content, ref, sizeBytes } }));
    if (made === undefined) throw new Error('no report was made');
    expect((await bytesOf(content, made)).toString()).toContain('Content-Type: text/rfc822-headers');
  });
});

describe('the store', () => {
  test('away while reading: later, and nothing is counted', async () => {
    const { content, ledger, run } = stage();
    content.outage = 'disk gone';
    expect(await run(reportOf([{ address: ada }]))).toMatchObject({
      kind: 'transient',
      reason: 'content store: disk gone',
      ladder: 'internal',
    });
    expect(await ledger.counts()).toEqual({});
  });
  test('away while writing: later', async () => {
    const { content } = stage();
    const { ledger, run } = stage({
      content: { ...content, put: () => Promise.reject(new ContentStoreError('unavailable', 'disk full')) },
    });
    expect(await run(reportOf([{ address: ada }]))).toMatchObject({ kind: 'transient', reason: 'content store: disk full' });
    expect(await ledger.counts()).toEqual({});
  });
  test('away, but nobody is to be told: it is not needed', async () => {
    const { content, ledger, run } = stage();
    content.outage = 'disk gone';
    expect(mails(await run(reportOf([{ address: ada, notify: 'never' }])))).toEqual([]);
    expect(await ledger.counts()).toEqual({ failed: 1 });
  });
});

describe('a repeat', () => {
  test('makes the same report: its identity lets submission drop it; nothing is counted twice', async () => {
    const { ledger, run } = stage();
    const mail = reportOf([{ address: ada }, { address: ben }]);
    const [first] = mails(await run(mail));
    const again = await run({ ...mail, trace: { ...mail.trace, hops: [{ stage: 'categorizer', at: now + 9_000 }] } });
    const [second] = mails(again);
    expect(second?.rootId).toBe(first?.rootId);
    expect(second?.mailId).toBe(first?.mailId);
    expect(second?.content).toEqual(first?.content);
    expect(await ledger.counts()).toEqual({ failed: 2, reports: 1 });
    expect(again).toMatchObject({ kind: 'done', counted: [] });
  });

  test('by another split of recipients: who was told is not told again', async () => {
    const { ledger, run } = stage();
    const mail = reportOf([{ address: ada }, { address: ben }]);
    const adaAlone = { ...mail, recipients: mail.recipients.slice(0, 1), about: mail.about.slice(0, 1) };
    const [first] = mails(await run(adaAlone));
    const later = mails(await run(mail));
    expect(later.map(({ rootId }) => rootId)).toHaveLength(2);
    expect(later[1]?.rootId).toBe(first?.rootId); // the same again, dropped at submission; the other is about ben alone
    expect(await ledger.counts()).toEqual({ failed: 2, reports: 2 });
    expect(mails(await run(adaAlone)).map(({ rootId }) => rootId)).toEqual([first?.rootId]);
  });

  test('of a part of what one report told: nothing new', async () => {
    const { ledger, run } = stage();
    const mail = reportOf([{ address: ada }, { address: ben }]);
    mails(await run(mail));
    expect(mails(await run({ ...mail, recipients: mail.recipients.slice(0, 1), about: mail.about.slice(0, 1) }))).toEqual([]);
    expect(await ledger.counts()).toEqual({ failed: 2, reports: 1 });
  });

  test('a delay and later a failure are two things', async () => {
    const { ledger, run } = stage();
    const rootId = newRootId();
    const [delay] = mails(await run(reportOf([{ address: ada, action: 'delayed', status: '4.4.1' }], { rootId })));
    const [failure] = mails(await run(reportOf([{ address: ada, status: '4.4.7' }], { rootId })));
    expect(failure?.rootId).not.toBe(delay?.rootId);
    expect(await ledger.counts()).toEqual({ failed: 1, reports: 2 });
  });

  test('with a silent ledger: the report is made, the same each time, and a duplicate counted as possible', async () => {
    const { ledger, causes, run } = stage();
    ledger.silent = true;
    const mail = reportOf([{ address: ada }]);
    const [first] = mails(await run(mail));
    const [second] = mails(await run(mail));
    expect(second?.mailId).toBe(first?.mailId);
    expect(causes).toEqual(['ledger silent', 'ledger silent']);
  });
});

test('what only somebody who does not exist could mend is badmail, and counts there', async () => {
  const { run, ledger } = stage();
  const outcome = await run({ ...reportOf([{ address: ada, status: '5.2.4' }]), reportTo: null, nobodyToTell: true });
  expect(outcome).toEqual({ kind: 'poison', reason: 'nobody to tell: no entry has this address' });
  expect(await ledger.counts()).toEqual({});
});

describe('wishes of the mail it is about', () => {
  /** The report of a mail that is small enough to come back whole, and its text. */
  async function reported(more: Partial<DeliveryReport>) {
    const { content, run } = stage();
    const rootId = newRootId();
    const stored = await content.put({ rootId, form: 'message' }, [Buffer.from(returnPathField(zoe)), messageBytes()]);
    const mail = reportOf([{ address: ada }], { rootId, ...more });
    const relayOffset = returnPathField(zoe).length;
    const [made] = mails(await run({ ...mail, content: { ...mail.content, ref: stored.ref, sizeBytes: stored.sizeBytes, relayOffset } }));
    if (made === undefined) throw new Error('no report was made');
    return { made, text: (await bytesOf(content, made)).toString() };
  }

  test('with trace a hand-over is told to who asked for nothing, and never to who wants nothing (RFC 2852)', async () => {
    const deliverBy = { at: now + 60_000, mode: 'notify' as const, trace: true };
    const relayed = { address: ada, action: 'relayed' as const, status: '2.0.0' };
    expect(mails(await stage().run(reportOf([relayed], { deliverBy })))).toHaveLength(1);
    expect(mails(await stage().run(reportOf([{ ...relayed, notify: 'never' }], { deliverBy })))).toHaveLength(0);
    expect(mails(await stage().run(reportOf([relayed])))).toHaveLength(0);
  });
  test('a report of an urgent mail is as urgent (RFC 6710)', async () => {
    expect((await reported({ priority: 5, lane: 'high' })).made).toMatchObject({ priority: 5, lane: 'high' });
  });
  test('what required TLS comes back as its header alone, whatever RET says, and the report requires it, too (RFC 8689 §5)', async () => {
    const safe = await reported({ requireTls: true, ret: 'full' });
    expect(safe.made.requireTls).toBe(true);
    expect(safe.text).toContain('The header of your message is enclosed.');
    const usual = await reported({ ret: 'full' });
    expect(usual.made).not.toHaveProperty('requireTls');
    expect(usual.text).toContain('Your message is enclosed.');
  });
});
