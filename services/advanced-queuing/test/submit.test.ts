import { describe, expect, test } from '@jest/globals';
import { ContentStoreError, memoryContentStore } from '@mailrail/content-store';
import { AcceptedMail, type HookResult, type Hooks, noHooks, type OutboundMail } from '@mailrail/contracts';
import { type HeaderFacts, newRootId, noHeader } from '@mailrail/mail';
import { organizationOf } from '@mailrail/organization';
import type { Outcome } from '@mailrail/pipeline';
import { mailTo, messageBytes } from '@mailrail/testing';
import { type SubmitDeps, submit } from '../src/submit.ts';

const now = Date.parse('2026-11-23T10:00:00Z');

function mail(header: Partial<HeaderFacts> | undefined, more: Partial<OutboundMail> = {}): OutboundMail {
  return {
    ...mailTo(['ada@corp.example', 'ben@corp.example']),
    renderedAt: now,
    ...(header === undefined ? {} : { header: { ...noHeader, ...header } }),
    ...more,
  };
}

function deps(more: Partial<SubmitDeps> = {}): SubmitDeps {
  return { content: memoryContentStore(), organization: organizationOf().current(), hooks: noHooks, now, ...more };
}

function summary(outcome: Outcome): string {
  if (outcome.kind === 'permanent') return `permanent ${outcome.status}: ${outcome.reason}`;
  if (outcome.kind !== 'done') return `${outcome.kind}: ${outcome.reason}`;
  return outcome.emits.map((emit) => (emit.kind === 'mail' ? emit.station : 'later')).join();
}

function accepted(outcome: Outcome): AcceptedMail {
  if (outcome.kind !== 'done' || outcome.emits[0] === undefined) throw new Error(summary(outcome));
  return AcceptedMail.schema.parse(outcome.emits[0].mail);
}

const missing = { head: () => Promise.reject(new ContentStoreError('missing', 'no such body')) };
const away = { head: () => Promise.reject(new ContentStoreError('unavailable', 'disk gone')) };
const answering = (result: HookResult<unknown>): Hooks => ({
  run: <Value>() => Promise.resolve(result as HookResult<Value>), // the test knows what it replaces
});

const rows: { name: string; mail: OutboundMail; deps?: Partial<SubmitDeps>; expected: string }[] = [
  { name: 'passes', mail: mail({}), expected: 'aq.pre-categorization' },
  { name: '30 Received on arrival, and ours', mail: mail({ receivedCount: 31 }), expected: 'aq.pre-categorization' },
  {
    name: '31 Received on arrival, and ours: a loop',
    mail: mail({ receivedCount: 32 }),
    expected: 'permanent 5.4.6: 31 Received fields, the limit is 30',
  },
  { name: 'too many sites: a loop', mail: mail({}, { hop: 31 }), expected: 'permanent 5.4.6: passed 31 sites, the limit is 30' },
  { name: 'body missing', mail: mail(undefined), deps: { content: missing }, expected: 'transient: content: no such body' },
  {
    name: 'body missing for good',
    mail: mail(undefined, { attempt: 8 }),
    deps: { content: missing },
    expected: 'poison: content: no such body, 8 times',
  },
  {
    name: 'store away, however long',
    mail: mail(undefined, { attempt: 99 }),
    deps: { content: away },
    expected: 'transient: content store: disk gone',
  },
  { name: 'store away, but nothing is to be read', mail: mail({}), deps: { content: away }, expected: 'aq.pre-categorization' },
  { name: 'a hook lets it pass', mail: mail({}), deps: { hooks: answering({ kind: 'continue' }) }, expected: 'aq.pre-categorization' },
  {
    name: 'a hook rejects',
    mail: mail({}),
    deps: { hooks: answering({ kind: 'reject', status: '5.7.1', reason: 'virus' }) },
    expected: 'permanent 5.7.1: virus',
  },
  {
    name: 'a hook defers',
    mail: mail({}),
    deps: { hooks: answering({ kind: 'defer', delayMs: 5_000, reason: 'scanner busy' }) },
    expected: 'transient: scanner busy',
  },
];
test.each(rows)('$name', async ({ mail: of, deps: more, expected }) => {
  expect(summary(await submit(of, deps(more)))).toBe(expected);
});

test('a hook may replace the mail', async () => {
  const replaced = { ...mail({}), header: noHeader, submittedAt: now, lane: 'low' as const };
  const outcome = await submit(mail({}), deps({ hooks: answering({ kind: 'replace', value: replaced }) }));
  expect(accepted(outcome).lane).toBe('low');
});

describe('mail that entered at MTS-OUT', () => {
  const looping = (n: number) => Buffer.concat([Buffer.from('Received: x\r\n'.repeat(n)), messageBytes()]);
  test.each([
    [1, 'aq.pre-categorization'],
    [31, 'aq.pre-categorization'],
    [32, 'permanent 5.4.6: 31 Received fields, the limit is 30'],
  ])('%i Received in the stored form', async (n, expected) => {
    const content = memoryContentStore();
    const of = mail(undefined, { rootId: newRootId() });
    const { ref } = await content.put({ rootId: of.rootId, form: 'site' }, [looping(n)]);
    const outcome = await submit({ ...of, content: { ...of.content, ref } }, deps({ content }));
    expect(summary(outcome)).toBe(expected);
    if (outcome.kind === 'done') expect(accepted(outcome).header?.receivedCount).toBe(n);
  });
});

describe('what is added', () => {
  test('time, header and wishes in one form', async () => {
    const of = mail({ messageId: '<1@a>' }, { envid: 'W7', ret: 'hdrs' });
    const [ada, ben] = of.recipients;
    if (ada === undefined || ben === undefined) throw new Error('two recipients are needed');
    const recipients = [
      { ...ada, notify: ['delay' as const, 'success' as const, 'delay' as const], orcpt: 'rfc822;ada@corp.example' },
      ben,
    ];
    expect(accepted(await submit({ ...of, recipients }, deps()))).toEqual({
      ...of,
      recipients: [{ ...recipients[0], notify: ['success', 'delay'] }, ben],
      submittedAt: now,
    });
  });
  test('a mail its sender wants held waits in front of the categorizer, and says why', async () => {
    const heldUntil = now + 3_600_000;
    const result = accepted(await submit(mail({}, { heldUntil }), deps()));
    expect(result).toMatchObject({ dueAt: heldUntil, lastReason: 'held until 2026-11-23T11:00:00.000Z, as its sender wished' });
    const outcome = await submit(mail({}, { heldUntil }), deps());
    expect(outcome).toMatchObject({ facts: { heldUntil: '2026-11-23T11:00:00.000Z' } });
  });
  test('a hold that is over holds nothing', async () => {
    const result = accepted(await submit(mail({}, { heldUntil: now }), deps()));
    expect(result).not.toHaveProperty('dueAt');
    expect(result).not.toHaveProperty('lastReason');
  });
  test('a report carries no wishes', async () => {
    const result = accepted(await submit(mail({}, { sender: null, envid: 'W7', ret: 'full' }), deps()));
    expect(result.recipients.map(({ notify }) => notify)).toEqual(['never', 'never']);
    expect(result).not.toHaveProperty('envid');
    expect(result).not.toHaveProperty('ret');
  });
});
