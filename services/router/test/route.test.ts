import { expect, test } from '@jest/globals';
import { type CategorizedMail, type Hooks, noHooks } from '@mailrail/contracts';
import { organizationOf } from '@mailrail/organization';
import type { Outcome } from '@mailrail/pipeline';
import { mailTo } from '@mailrail/testing';
import { route } from '../src/route.ts';

const organization = organizationOf({
  connectors: [
    { name: 'internet', kind: 'smtp', addressSpaces: [{ space: 'SMTP:*', cost: 1 }] },
    { name: 'partner', kind: 'smtp', addressSpaces: [{ space: 'SMTP:partner.example', cost: 1 }], smartHosts: ['mx.partner.example'] },
  ],
}).current();
const none = organizationOf({ connectors: [] }).current();
const categorized = (to: string[], more: Partial<CategorizedMail> = {}): CategorizedMail => ({
  ...mailTo(to),
  renderedAt: 1,
  submittedAt: 2,
  categorizedAt: 3,
  ...more,
});
const summary = (outcome: Outcome) =>
  outcome.kind === 'done'
    ? outcome.emits.map(
        (emit) =>
          `${emit.kind === 'mail' ? emit.station : 'later'}: ${emit.mail.recipients.map(({ address }) => address.slice(5)).join(' ')}`,
      )
    : [outcome.kind];

const scenarios = [
  {
    name: 'one next hop: the mail as it is',
    to: ['a@x.example', 'b@x.example'],
    organization,
    expected: ['connector.internet: a@x.example b@x.example'],
  },
  {
    name: 'different next hops are different mails',
    to: ['a@x.example', 'b@y.example', 'c@partner.example', 'd@x.example'],
    organization,
    expected: ['connector.internet: a@x.example d@x.example', 'connector.internet: b@y.example', 'connector.partner: c@partner.example'],
  },
  { name: 'no way: a report, for that recipient only', to: ['a@x.example'], organization: none, expected: ['aq.reports: a@x.example'] },
];
test.each(scenarios)('$name', async ({ to, organization: snapshot, expected }) => {
  expect(summary(await route(categorized(to), { organization: snapshot, hooks: noHooks }))).toEqual(expected);
});

test('a mail that is not split keeps its identity; parts have derived ones, the same for every repeat', async () => {
  const whole = categorized(['a@x.example']);
  const split = categorized(['a@x.example', 'b@y.example']);
  const ids = async (mail: CategorizedMail) => {
    const outcome = await route(mail, { organization, hooks: noHooks });
    return outcome.kind === 'done' ? outcome.emits.map((emit) => emit.mail.mailId) : [];
  };
  expect(await ids(whole)).toEqual([whole.mailId]);
  const once = await ids(split);
  expect(new Set([...once, split.mailId]).size).toBe(3);
  expect(await ids(split)).toEqual(once);
});

test('the decision is written into the mail', async () => {
  const outcome = await route(categorized(['c@partner.example']), { organization, hooks: noHooks });
  const emit = outcome.kind === 'done' ? outcome.emits[0] : undefined;
  expect(emit?.mail).toMatchObject({ connector: 'partner', destination: 'mx.partner.example', routedBy: 'SMTP:partner.example cost 1' });
});

test.each([
  [{ kind: 'reject', status: '5.7.1', reason: 'not today' }, 'permanent'],
  [{ kind: 'defer', delayMs: 5_000, reason: 'later' }, 'transient'],
] as const)('a hook may decide: %p', async (result, kind) => {
  const hooks: Hooks = { run: () => Promise.resolve(result) };
  expect((await route(categorized(['a@x.example']), { organization, hooks })).kind).toBe(kind);
});
