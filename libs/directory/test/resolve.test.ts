import { describe, expect, test } from '@jest/globals';
import { organizationOf } from '@mailrail/organization';
import {
  type Directory,
  directoryDown,
  directoryOf,
  type EntryInput,
  membershipIn,
  type Resolution,
  resolveRecipients,
  type ResolveInput,
} from '../src/index.ts';

const org = organizationOf({
  servers: [
    { name: 'EX1', site: 'london' },
    { name: 'EX2', site: 'paris' },
    { name: 'EX3', site: 'london' },
  ],
  domains: [
    { name: 'corp.example', type: 'authoritative' },
    { name: 'shared.example', type: 'shared' },
    { name: 'relay.example', type: 'relay' },
  ],
}).current();

const dn = (name: string) => `CN=${name},OU=Corp`;
const at = (name: string) => (name.includes(':') ? name : name.includes('@') ? `SMTP:${name}` : `SMTP:${name}@corp.example`);

/** A mailbox `name@corp.example`, or what `more` makes of it. */
const box = (name: string, more: EntryInput = {}): EntryInput => ({ primary: at(name), dn: dn(name), ...more });
const group = (name: string, members: string[], more: EntryInput = {}): EntryInput =>
  box(name, { kind: 'group', members: members.map(dn), ...more });
const contact = (name: string, target: string | undefined): EntryInput =>
  box(name, { kind: 'contact', ...(target === undefined ? {} : { targetAddress: at(target) }) });
const forward = (name: string, to: string, keep = false): EntryInput => box(name, { altRecipient: dn(to), deliverAndRedirect: keep });
const only = (restrictions: EntryInput['restrictions']): EntryInput => ({ restrictions: restrictions ?? {} });

const short = (address: string) => address.replace(/^SMTP:/, '').replace(/@corp\.example$/, '');

/** What became of it, a line each, in a fixed order: `here: ada`, `on: x@y`, `to EX2: ben`, `5.1.1 nobody -> sender`, `large g: 101 ...`. */
function summary(resolution: Resolution<{ address: string }>): string[] {
  if (resolution.kind !== 'resolved')
    return [resolution.kind === 'refused' ? `refused ${resolution.status}` : `unavailable: ${resolution.reason}`];
  const copies = (way: { hidden?: string; reverse: { kind: string; address?: string } }) =>
    `${way.reverse.kind === 'sender' ? '' : ` (${way.reverse.kind === 'owner' ? `owner ${short(way.reverse.address ?? '')}` : 'nobody'})`}${way.hidden === undefined ? '' : ` (as ${short(way.hidden)})`}`;
  return [
    ...resolution.local.map(({ way, mailbox }) => `here: ${short(mailbox.address)}${copies(way)}`),
    ...resolution.hops.map(
      ({ way, address, server }) => `${server === undefined ? 'on' : `to ${server.name}/${server.site}`}: ${short(address)}${copies(way)}`,
    ),
    ...resolution.reports.map(({ way, recipient, status }) => `${status} ${short(recipient)}${copies(way)}`),
    ...resolution.large.map(({ way, members }) => `large: ${members.length}${copies(way)}`),
    ...(resolution.merged > 0 ? [`merged: ${resolution.merged}`] : []),
    ...(resolution.problems > 0 ? [`problems: ${resolution.problems}`] : []),
  ].sort();
}

interface Row {
  name: string;
  entries?: EntryInput[];
  directory?: Directory;
  to: string[];
  from?: string | null;
  more?: Partial<ResolveInput<{ address: string }>>;
  is: string[];
}

const rows: Record<string, Row[]> = {
  addresses: [
    { name: 'a mailbox here', entries: [box('ada')], to: ['ada'], is: ['here: ada'] },
    { name: 'a mailbox of another site', entries: [box('ben', { homeServer: 'ex2' })], to: ['ben'], is: ['to EX2/paris: ben'] },
    {
      name: 'a mailbox of another server of this site',
      entries: [box('eve', { homeServer: 'EX3' })],
      to: ['eve'],
      is: ['to EX3/london: eve'],
    },
    { name: 'a server nobody knows', entries: [box('ada', { homeServer: 'EX9' })], to: ['ada'], is: ['5.1.6 ada'] },
    { name: 'a server that was removed', entries: [box('ada', { homeMta: 'CN=MTA\\0ADEL:1,CN=x' })], to: ['ada'], is: ['5.1.6 ada'] },
    { name: 'a mailbox without a mail address', entries: [{ dn: dn('ada'), addresses: ['FAX:1'] }], to: ['FAX:1'], is: ['5.1.0 FAX:1'] },
    {
      name: 'another address of a mailbox becomes the primary one',
      entries: [box('ada', { addresses: [at('ada'), at('al')] })],
      to: ['AL'],
      is: ['here: ada'],
    },
    { name: 'unknown in a domain of ours', to: ['nobody'], is: ['5.1.1 nobody'] },
    { name: 'unknown in a shared domain goes on', to: ['x@shared.example'], is: ['on: x@shared.example'] },
    {
      name: 'known in a shared domain is here',
      entries: [box('ada', { addresses: [at('ada'), 'SMTP:ada@shared.example'] })],
      to: ['ada@shared.example'],
      is: ['here: ada'],
    },
    { name: 'a relayed domain goes on', to: ['x@relay.example'], is: ['on: x@relay.example'] },
    { name: 'a foreign domain goes on', to: ['x@else.test'], is: ['on: x@else.test'] },
    { name: 'no domain at all', to: ['SMTP:ada'], is: ['5.1.3 ada'] },
    { name: 'postmaster without a domain', entries: [box('postmaster')], to: ['SMTP:PostMaster'], is: ['here: postmaster'] },
    {
      name: 'postmaster at another domain of ours',
      entries: [box('postmaster')],
      to: ['postmaster@corp.example', 'postmaster@shared.example'],
      is: ['here: postmaster', 'merged: 1'],
    },
    {
      name: 'postmaster of a shared domain is found',
      entries: [box('postmaster')],
      to: ['Postmaster@shared.example'],
      is: ['here: postmaster'],
    },
    {
      name: 'a shared domain with a postmaster of its own',
      entries: [box('postmaster'), box('pat', { addresses: [at('pat'), 'SMTP:postmaster@shared.example'] })],
      to: ['postmaster@shared.example'],
      is: ['here: pat'],
    },
    {
      name: 'postmaster of a domain that is only relayed is there',
      entries: [box('postmaster')],
      to: ['postmaster@relay.example'],
      is: ['on: postmaster@relay.example'],
    },
    { name: 'nobody is postmaster', to: ['SMTP:postmaster'], is: ['5.1.1 postmaster'] },
    {
      name: 'two owners of one address',
      entries: [box('ada', { addresses: [at('ada'), at('x')] }), box('ben', { addresses: [at('ben'), at('x')] })],
      to: ['x', 'ada'],
      is: ['5.1.4 x', 'here: ada'],
    },
    { name: 'no mail at all', entries: [{ dn: dn('x'), kind: 'other', addresses: [at('x')] }], to: ['x'], is: ['5.1.1 x'] },
    { name: 'a foreign type nobody has goes on', to: ['X400:c=us;a= ;s=X;'], is: ['on: X400:c=us;a= ;s=X;'] },
    { name: 'an old legacy name nobody has', to: ['EX:/o=corp/cn=gone'], is: ['5.1.1 EX:/o=corp/cn=gone'] },
    {
      name: 'encapsulated and ours',
      entries: [box('ada', { legacyDn: '/o=Corp/cn=ada' })],
      to: ['IMCEAEX-_o=Corp_cn=ada'],
      is: ['here: ada'],
    },
    { name: 'encapsulated and foreign, from inside', to: ['IMCEAFAX-+2B49'], is: ['on: FAX:+49'] },
    {
      name: 'encapsulated and foreign, from outside, is no way round the relay rule',
      to: ['IMCEAFAX-+2B49', 'IMCEASMTP-x+40else+2Etest'],
      more: { trusted: false },
      is: ['5.1.1 IMCEAFAX-+2B49', '5.1.1 IMCEASMTP-x+40else+2Etest'],
    },
    {
      name: 'the same person twice',
      entries: [box('ada', { addresses: [at('ada'), at('al')] })],
      to: ['ada', 'al'],
      is: ['here: ada', 'merged: 1'],
    },
    { name: 'the same foreign address twice', to: ['x@else.test', 'X@ELSE.test'], is: ['merged: 1', 'on: x@else.test'] },
    {
      name: 'one unknown holds nobody back',
      entries: [box('ada')],
      to: ['nobody', 'ada', 'x@else.test'],
      is: ['5.1.1 nobody', 'here: ada', 'on: x@else.test'],
    },
    { name: 'directory down: nobody is unknown', directory: directoryDown, to: ['ada'], is: ['unavailable: does not answer'] },
    {
      name: 'directory down: not even a foreign address is decided',
      directory: directoryDown,
      to: ['x@else.test'],
      is: ['unavailable: does not answer'],
    },
  ],
  forwarding: [
    { name: 'a contact', entries: [contact('c', 'x@else.test')], to: ['c'], is: ['on: x@else.test'] },
    { name: 'a contact for somebody here', entries: [contact('c', 'ada'), box('ada')], to: ['c', 'ada'], is: ['here: ada', 'merged: 1'] },
    { name: 'a contact for nobody here', entries: [contact('c', 'gone')], to: ['c'], is: ['5.1.1 c'] },
    { name: 'a contact without a target', entries: [contact('c', undefined)], to: ['c'], is: ['5.1.3 c'] },
    { name: 'a contact with a target that is no address', entries: [contact('c', 'SMTP:x')], to: ['c'], is: ['5.1.3 c'] },
    { name: 'a contact whose target is its own', entries: [contact('c', 'c')], to: ['c'], is: ['5.4.6 c'] },
    {
      name: 'a contact whose foreign target is its own proxy',
      entries: [{ ...contact('c', 'c@else.test'), addresses: [at('c'), 'SMTP:c@else.test'] }],
      to: ['c', 'c@else.test'],
      is: ['merged: 1', 'on: c@else.test'],
    },
    {
      name: 'a contact of a shared domain',
      entries: [{ ...contact('c', 'c@shared.example'), addresses: [at('c'), 'SMTP:c@shared.example'] }],
      to: ['c'],
      is: ['on: c@shared.example'],
    },
    {
      name: 'a mailbox with a target: everything goes there',
      entries: [box('ada', { targetAddress: at('x@else.test') })],
      to: ['ada'],
      is: ['on: x@else.test'],
    },
    { name: 'forwarding', entries: [forward('a', 'b'), forward('b', 'c'), box('c')], to: ['a'], is: ['here: c'] },
    { name: 'forwarding and keeping', entries: [forward('a', 'b', true), box('b')], to: ['a'], is: ['here: a', 'here: b'] },
    { name: 'forwarding to an object that is gone', entries: [forward('a', 'gone')], to: ['a'], is: ['5.1.1 a'] },
    {
      name: 'forwarding to an object that is gone, and keeping',
      entries: [forward('a', 'gone', true)],
      to: ['a'],
      is: ['here: a', 'problems: 1'],
    },
    {
      name: 'two forward to one',
      entries: [forward('a', 'c'), forward('b', 'c'), box('c')],
      to: ['a', 'b'],
      is: ['here: c', 'merged: 1'],
    },
    { name: 'a circle', entries: [forward('a', 'b'), forward('b', 'a')], to: ['a', 'b'], is: ['5.4.6 a', '5.4.6 b'] },
    { name: 'a circle where one keeps', entries: [forward('a', 'b'), forward('b', 'a', true)], to: ['a'], is: ['here: b', 'merged: 1'] },
    {
      name: 'a circle behind somebody who keeps',
      entries: [forward('k', 'a', true), forward('a', 'b'), forward('b', 'a')],
      to: ['k'],
      is: ['5.4.6 a', 'here: k'],
    },
    {
      name: 'a very long way',
      entries: [...Array.from({ length: 40 }, (_, i) => forward(`f${i}`, `f${i + 1}`)), box('f40')],
      to: ['f0'],
      is: ['5.4.6 f0'],
    },
    {
      name: 'forwarding to a group',
      entries: [forward('a', 'g'), group('g', ['b', 'c']), box('b'), box('c')],
      to: ['a'],
      is: ['here: b', 'here: c'],
    },
    {
      name: 'forwarding to a group one is in: others got it',
      entries: [forward('a', 'g'), group('g', ['a', 'b']), box('b')],
      to: ['a'],
      is: ['here: b', 'merged: 1'],
    },
    { name: 'forwarding to a group one is alone in', entries: [forward('a', 'g'), group('g', ['a'])], to: ['a'], is: ['5.4.6 a'] },
    { name: 'the same by the group', entries: [forward('a', 'g'), group('g', ['a'])], to: ['g'], is: ['5.4.6 a'] },
    {
      name: 'two who forward to each other’s groups',
      entries: [forward('a', 'gb'), forward('b', 'ga'), group('ga', ['a']), group('gb', ['b'])],
      to: ['a', 'b'],
      is: ['5.4.6 a', '5.4.6 b'],
    },
    {
      name: 'forwarding to an empty group loses nothing',
      entries: [forward('a', 'g'), group('g', [])],
      to: ['a', 'g'],
      is: ['merged: 1'],
    },
  ],
  groups: [
    {
      name: 'members, each once',
      entries: [group('g', ['a', 'h']), group('h', ['a', 'b']), box('a'), box('b')],
      to: ['g', 'a'],
      is: ['here: a', 'here: b', 'merged: 2'],
    },
    { name: 'a group in itself', entries: [group('g', ['g', 'a']), box('a')], to: ['g'], is: ['here: a', 'merged: 1'] },
    {
      name: 'two groups in each other',
      entries: [group('g', ['h', 'a']), group('h', ['g', 'b']), box('a'), box('b')],
      to: ['g', 'h'],
      is: ['here: a', 'here: b', 'merged: 2'],
    },
    { name: 'two empty groups in each other', entries: [group('g', ['h']), group('h', ['g'])], to: ['g'], is: ['merged: 1'] },
    { name: 'an empty group', entries: [group('g', [])], to: ['g'], is: [] },
    {
      name: 'members that are gone or have no mail',
      entries: [group('g', ['gone', 'dumb', 'a']), { dn: dn('dumb'), kind: 'other' }, box('a')],
      to: ['g'],
      is: ['here: a', 'problems: 1'],
    },
    {
      name: 'a failing member fails alone',
      entries: [group('g', ['a', 'c']), box('a'), contact('c', undefined)],
      to: ['g'],
      is: ['5.1.3 c', 'here: a'],
    },
    { name: 'expanded by another server', entries: [group('g', ['a'], { expansionServer: 'EX2' })], to: ['g'], is: ['to EX2/paris: g'] },
    {
      name: 'a member group expanded by another server',
      entries: [group('o', ['g', 'a']), group('g', ['b'], { expansionServer: 'EX2' }), box('a'), box('b')],
      to: ['o'],
      is: ['here: a', 'to EX2/paris: g'],
    },
    { name: 'expanded by this server', entries: [group('g', ['a'], { expansionServer: 'ex1' }), box('a')], to: ['g'], is: ['here: a'] },
    {
      name: 'expanded by a server that is gone',
      entries: [group('g', ['a'], { expansionServer: 'EX9' }), box('a')],
      to: ['g'],
      is: ['5.2.4 g'],
    },
    {
      name: 'nested too deep',
      entries: [...Array.from({ length: 40 }, (_, i) => group(`g${i}`, [`g${i + 1}`])), box('g40')],
      to: ['g0'],
      is: ['5.2.4 g32'],
    },
    {
      name: 'a query',
      entries: [
        group('q', [], { kind: 'query-group', filter: '(mailNickname=a*)', filterBase: 'OU=Corp' }),
        box('a1'),
        box('a2'),
        box('b'),
      ],
      to: ['q'],
      is: ['here: a1', 'here: a2'],
    },
    {
      name: 'a query that does not parse fails alone',
      entries: [group('o', ['q', 'b']), group('q', [], { kind: 'query-group', filter: '(a', filterBase: 'OU=Corp' }), box('b')],
      to: ['o'],
      is: ['5.2.4 q', 'here: b'],
    },
    { name: 'a query without a filter', entries: [group('q', [], { kind: 'query-group' })], to: ['q'], is: ['5.2.4 q'] },
    {
      name: 'hidden members are named by the group',
      entries: [
        group('g', ['a', 'c', 'h'], { hideMembership: true }),
        group('h', ['d'], { hideMembership: true }),
        box('a'),
        contact('c', undefined),
        contact('d', undefined),
      ],
      to: ['g'],
      is: ['5.1.3 g (as g)', '5.1.3 g (as g)', 'here: a (as g)'],
    },
    {
      name: 'a hidden group in an open one',
      entries: [group('g', ['h', 'a']), group('h', ['b'], { hideMembership: true }), box('a'), box('b')],
      to: ['g'],
      is: ['here: a', 'here: b (as h)'],
    },
    {
      name: 'reports to the owner',
      entries: [
        group('g', ['a', 'c'], { reportToOriginator: false, reportToOwner: true, managedBy: dn('boss') }),
        box('a'),
        contact('c', undefined),
        box('boss'),
      ],
      to: ['g'],
      is: ['5.1.3 c (owner boss)', 'here: a (owner boss)'],
    },
    {
      name: 'reports to both: the sender',
      entries: [group('g', ['a'], { reportToOwner: true, managedBy: dn('boss') }), box('a'), box('boss')],
      to: ['g'],
      is: ['here: a'],
    },
    {
      name: 'reports to nobody',
      entries: [group('g', ['a'], { reportToOriginator: false }), box('a')],
      to: ['g'],
      is: ['here: a (nobody)'],
    },
    {
      name: 'an owner who is gone',
      entries: [group('g', ['a'], { reportToOriginator: false, reportToOwner: true, managedBy: dn('gone') }), box('a')],
      to: ['g'],
      is: ['here: a (nobody)'],
    },
    {
      name: 'an inner group leaves the outer’s choice',
      entries: [
        group('o', ['i'], { reportToOriginator: false, reportToOwner: true, managedBy: dn('boss') }),
        group('i', ['a']),
        box('a'),
        box('boss'),
      ],
      to: ['o'],
      is: ['here: a (owner boss)'],
    },
    {
      name: 'who is addressed himself is not a member',
      entries: [group('g', ['a'], { reportToOriginator: false }), box('a')],
      to: ['g', 'a'],
      is: ['here: a', 'merged: 1'],
    },
    {
      name: '100 members are resolved here',
      entries: [
        group(
          'g',
          Array.from({ length: 100 }, (_, i) => `m${i}`),
        ),
        ...Array.from({ length: 100 }, (_, i) => box(`m${i}`)),
      ],
      to: ['g'],
      is: Array.from({ length: 100 }, (_, i) => `here: m${i}`).sort(),
    },
    {
      name: '101 become mails of their own, each once',
      entries: [
        group('g', [...Array.from({ length: 101 }, (_, i) => `m${i}`), 'h']),
        group('h', ['m3', 'm4']),
        ...Array.from({ length: 101 }, (_, i) => box(`m${i}`)),
      ],
      to: ['g'],
      is: ['large: 101', 'merged: 2'],
    },
    {
      name: 'a large group with a hidden part is two sets',
      entries: [
        group('g', [...Array.from({ length: 80 }, (_, i) => `m${i}`), 'h']),
        group(
          'h',
          Array.from({ length: 30 }, (_, i) => `h${i}`),
          { hideMembership: true },
        ),
        ...Array.from({ length: 80 }, (_, i) => box(`m${i}`)),
        ...Array.from({ length: 30 }, (_, i) => box(`h${i}`)),
      ],
      to: ['g'],
      is: ['large: 30 (as h)', 'large: 80'],
    },
  ],
  restrictions: [
    {
      name: 'only certain senders: one of them',
      entries: [box('a', only({ acceptFrom: [dn('boss')] })), box('boss')],
      to: ['a'],
      from: 'boss',
      is: ['here: a'],
    },
    {
      name: 'only certain senders: another',
      entries: [box('a', only({ acceptFrom: [dn('boss')] })), box('clerk')],
      to: ['a'],
      from: 'clerk',
      is: ['5.7.1 a'],
    },
    {
      name: 'only certain senders: somebody who says so (S7)',
      entries: [box('a', only({ acceptFrom: [dn('boss')] })), box('boss')],
      to: ['a'],
      from: 'boss',
      more: { trusted: false },
      is: ['5.7.1 a'],
    },
    {
      name: 'only certain senders: the null sender from outside (S7)',
      entries: [box('a', only({ acceptFrom: [dn('boss')] }))],
      to: ['a'],
      from: null,
      more: { trusted: false },
      is: ['5.7.1 a'],
    },
    {
      name: 'a report of ours passes (E3)',
      entries: [box('a', only({ acceptFrom: [dn('boss')], requireAuthentication: true }))],
      to: ['a'],
      from: null,
      more: { report: true },
      is: ['here: a'],
    },
    {
      name: 'not from him, even if he only says so',
      entries: [box('a', only({ rejectFrom: [dn('pest')] })), box('pest')],
      to: ['a'],
      from: 'pest',
      more: { trusted: false },
      is: ['5.7.1 a'],
    },
    {
      name: 'refusing goes before allowing',
      entries: [box('a', only({ acceptFrom: [dn('boss')], rejectMembersOf: [dn('g')] })), group('g', ['boss']), box('boss')],
      to: ['a'],
      from: 'boss',
      is: ['5.7.1 a'],
    },
    {
      name: 'members of a nested group',
      entries: [box('a', only({ acceptMembersOf: [dn('g')] })), group('g', ['h']), group('h', ['clerk']), box('clerk')],
      to: ['a'],
      from: 'clerk',
      is: ['here: a'],
    },
    {
      name: 'members of a security group without mail',
      entries: [box('a', only({ acceptMembersOf: [dn('g')] })), { dn: dn('g'), kind: 'other', members: [dn('clerk')] }, box('clerk')],
      to: ['a'],
      from: 'clerk',
      is: ['here: a'],
    },
    {
      name: 'members of a query-based group',
      entries: [
        box('a', only({ acceptMembersOf: [dn('q')] })),
        group('q', [], { kind: 'query-group', filter: '(mailNickname=cl*)', filterBase: 'OU=Corp' }),
        box('clerk'),
      ],
      to: ['a'],
      from: 'clerk',
      is: ['here: a'],
    },
    {
      name: 'members of a group that is gone',
      entries: [box('a', only({ acceptMembersOf: [dn('gone')] })), box('clerk')],
      to: ['a'],
      from: 'clerk',
      is: ['5.7.1 a'],
    },
    {
      name: 'authenticated senders only',
      entries: [box('a', only({ requireAuthentication: true })), box('clerk')],
      to: ['a'],
      from: 'clerk',
      is: ['here: a'],
    },
    {
      name: 'authenticated senders only: from outside',
      entries: [box('a', only({ requireAuthentication: true })), box('clerk')],
      to: ['a'],
      from: 'clerk',
      more: { trusted: false },
      is: ['5.7.1 a'],
    },
    {
      name: 'authenticated senders only: nobody of ours',
      entries: [box('a', only({ requireAuthentication: true }))],
      to: ['a'],
      from: 'x@else.test',
      is: ['5.7.1 a'],
    },
    {
      name: 'too large for the recipient',
      entries: [box('a', only({ maxReceiveKb: 3 })), box('b')],
      to: ['a', 'b'],
      is: ['5.2.3 a', 'here: b'],
    },
    {
      name: 'too large for the sender',
      entries: [box('a'), box('clerk', only({ maxSendKb: 3 }))],
      to: ['a'],
      from: 'clerk',
      is: ['refused 5.2.3'],
    },
    {
      name: 'more recipients than the sender may have',
      entries: [group('g', ['a', 'b']), box('a'), box('b'), box('c'), box('clerk', only({ maxRecipients: 2 }))],
      to: ['g', 'c'],
      from: 'clerk',
      is: ['refused 5.5.3'],
    },
    {
      name: 'as many as the sender may have, once each',
      entries: [group('g', ['a', 'b']), box('a'), box('b'), box('clerk', only({ maxRecipients: 2 }))],
      to: ['g', 'a'],
      from: 'clerk',
      is: ['here: a', 'here: b', 'merged: 1'],
    },
    {
      name: 'a refusal within a group is its part’s only',
      entries: [
        group('o', ['r', 'a']),
        group('r', ['b'], only({ acceptFrom: [dn('boss')] })),
        box('a'),
        box('b'),
        box('boss'),
        box('clerk'),
      ],
      to: ['o'],
      from: 'clerk',
      is: ['5.7.1 r', 'here: a'],
    },
    {
      name: 'members have restrictions of their own',
      entries: [group('o', ['b', 'a']), box('a'), box('b', only({ acceptFrom: [dn('boss')] })), box('boss'), box('clerk')],
      to: ['o'],
      from: 'clerk',
      is: ['5.7.1 b', 'here: a'],
    },
    {
      name: 'who came through a group was asked there',
      entries: [box('b', only({ acceptFrom: [dn('boss')], requireAuthentication: true })), box('boss')],
      to: ['b'],
      from: 'x@else.test',
      more: { expandedVia: ['SMTP:g@corp.example'] },
      is: ['here: b'],
    },
    {
      name: 'forwarding back to the group the mail came through',
      entries: [group('g', ['a']), forward('a', 'g')],
      to: ['a'],
      more: { expandedVia: ['SMTP:g@corp.example'] },
      is: ['merged: 1'],
    },
    {
      name: 'a group of a restriction cannot be asked',
      directory: halfDown([box('a', only({ acceptMembersOf: [dn('g')] })), box('clerk')]),
      to: ['a'],
      from: 'clerk',
      is: ['unavailable: does not answer'],
    },
  ],
};

/** Knows addresses, but no DNs. */
function halfDown(entries: EntryInput[]): Directory {
  return { ...directoryOf(entries), byDn: (dns) => directoryDown.byDn(dns) };
}

describe.each(Object.entries(rows))('%s', (_what, table) => {
  test.each(table)('$name', async ({ entries = [], directory = directoryOf(entries), to, from = 'zoe@else.test', more = {}, is }) => {
    const resolution = await resolveRecipients(
      {
        sender: from === null ? null : at(from),
        recipients: to.map((address) => ({ address: at(address) })),
        sizeBytes: 4_096,
        trusted: true,
        report: false,
        expandedVia: [],
        ...more,
      },
      { directory, organization: org },
    );
    expect(summary(resolution)).toEqual([...is].sort());
  });
});

test('recipients are asked for in one question, sender included', async () => {
  const asked: string[][] = [];
  const inner = directoryOf([box('ada'), box('ben'), box('zoe')]);
  const directory: Directory = { ...inner, byAddress: (addresses) => (asked.push([...addresses]), inner.byAddress(addresses)) };
  await resolveRecipients(
    {
      sender: at('zoe'),
      recipients: ['ada', 'ben', 'x@else.test'].map((name) => ({ address: at(name) })),
      sizeBytes: 1,
      trusted: true,
      report: false,
      expandedVia: [],
    },
    { directory, organization: org },
  );
  expect(asked).toEqual([['zoe', 'ada', 'ben', 'x@else.test'].map(at)]);
});

test('a restriction by group walks it once, not for each mail', async () => {
  let walks = 0;
  const inner = directoryOf([box('a', only({ acceptMembersOf: [dn('g')] })), group('g', ['clerk']), box('clerk')]);
  const directory: Directory = { ...inner, byDn: (dns) => ((walks += 1), inner.byDn(dns)) };
  let now = 0;
  const membership = membershipIn(directory, { now: () => now });
  const send = () =>
    resolveRecipients(
      { sender: at('clerk'), recipients: [{ address: at('a') }], sizeBytes: 1, trusted: true, report: false, expandedVia: [] },
      { directory, organization: org, membership },
    );
  for (let i = 0; i < 5; i += 1) expect(summary(await send())).toEqual(['here: a']);
  expect(walks).toBe(2); // the group, then its members
  now = 31_000;
  await send();
  expect(walks).toBe(4);
});
