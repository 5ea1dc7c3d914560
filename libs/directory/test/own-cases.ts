import { describe, expect, test } from '@jest/globals';
import { organizationOf } from '@mailrail/organization';
import { type Directory, explainResolution } from '../src/index.ts';
import {
  base,
  box,
  contact,
  type Dialect,
  dn,
  group,
  ldifOf,
  other,
  plainUser,
  query,
  root,
  securityGroup,
  serverName,
} from './own-organization.ts';

interface Row {
  name: string;
  from?: string; // default `ann`
  anonymous?: true;
  sizeKb?: number;
  to: string | string[];
  /** `here: ada`, `EX2: ben` (goes on to a server), `on: SMTP:x@far.example`, `5.1.1 nobody`, and whom that is told when it is not the sender. */
  is: string[];
  only?: Dialect;
  because?: string; // is said in the explanation
}
const rows: Row[] = [];
const row = (name: string, to: string | string[], is: string[], more: Omit<Row, 'name' | 'to' | 'is'> = {}) =>
  rows.push({ name, to, is, ...more });

for (const name of ['ann', 'bob', 'cat', 'dan', 'eve']) box(name);

// Who sends.
box('chief', { also: ['smtp:the.chief@corp.example', 'X500:/o=Old/cn=chief'] });
group('chief-only', ['bob'], { authOrig: dn('chief') });
row('a sender by his secondary address', 'chief-only', ['here: bob'], { from: 'the.chief' });
row('a sender in another letter case', 'chief-only', ['here: bob'], { from: 'The.CHIEF@Corp.Example' });
row('a sender by an earlier name', 'chief-only', ['here: bob'], { from: 'X500:/O=old/CN=Chief' });
row('a sender who only says that he is the one (S7)', 'chief-only', ['5.7.1 chief-only'], { from: 'chief', anonymous: true });
row('a sender without an object', 'chief-only', ['5.7.1 chief-only'], { from: 'guest@elsewhere.test' });
row('a sender without an object, to somebody who takes everything', 'bob', ['here: bob'], { from: 'guest@elsewhere.test' });
box('twin-a', { also: ['smtp:twin@corp.example'] });
box('twin-b', { also: ['smtp:twin@corp.example'] });
group('twin-only', ['bob'], { authOrig: [dn('twin-a'), dn('twin-b')] });
row('a sender whose address two have is nobody', 'twin-only', ['5.7.1 twin-only'], {
  from: 'twin',
  because: 'sender twin@corp.example: one of 2 entries with this address, so nobody of the directory, authenticated or from inside',
});
group('login', ['bob'], { msExchRequireAuthToSendTo: 'TRUE' });
row('authentication wanted, and there', 'login', ['here: bob']);
row('authentication wanted, and not there', 'login', ['5.7.1 login'], { anonymous: true });
row('authenticated, but nobody of the directory', 'login', ['5.7.1 login'], { from: 'guest@elsewhere.test' });
row('the null sender is not authenticated', 'login', ['5.7.1 login, told to nobody'], { from: '<>', anonymous: true });
contact('partner', 'SMTP:pia@far.example', { also: ['smtp:pia@far.example'] });
group('no-partner', ['bob'], { unauthOrig: dn('partner') });
row('a contact is refused by his address outside', 'no-partner', ['5.7.1 no-partner'], { from: 'pia@far.example', anonymous: true });

// Restrictions.
securityGroup('guild-inner', ['cat']);
securityGroup('guild', ['guild-inner', 'dan']);
group('guild-only', ['bob'], { dLMemSubmitPerms: dn('guild') });
row('in a security group in a security group', 'guild-only', ['here: bob'], { from: 'cat' });
row('in no such group', 'guild-only', ['5.7.1 guild-only'], { from: 'eve' });
group('round-a', ['round-b', 'dan']);
group('round-b', ['round-a', 'cat']);
group('round-only', ['bob'], { dLMemSubmitPerms: dn('round-a') });
row('groups of a restriction that contain each other', 'round-only', ['here: bob'], { from: 'cat' });
row('and whoever is in none of them', 'round-only', ['5.7.1 round-only'], { from: 'eve' });
group('no-guild-but-cat', ['bob'], { authOrig: dn('cat'), dLMemRejectPerms: dn('guild') });
row('refusing goes before allowing', 'no-guild-but-cat', ['5.7.1 no-guild-but-cat'], {
  from: 'cat',
  because:
    'no-guild-but-cat@corp.example: takes mail only from 1 sender (authOrig), never from members of 1 group (dLMemRejectPerms); not this one',
});
group('eve-or-guild', ['bob'], { authOrig: dn('eve'), dLMemSubmitPerms: dn('guild') });
row('one of two lists is enough: the persons', 'eve-or-guild', ['here: bob'], { from: 'eve' });
row('one of two lists is enough: the groups', 'eve-or-guild', ['here: bob'], { from: 'cat' });
group('names-a-group', ['bob'], { authOrig: dn('guild') });
row('a group among the persons means its members', 'names-a-group', ['5.7.1 names-a-group'], { from: 'cat' });
box('shy', { authOrig: dn('eve') });
box('to-shy', { altRecipient: dn('shy') });
row('whoever is forwarded to decides for himself', 'to-shy', ['5.7.1 to-shy']);
group('shy-inside', ['bob', 'shy']);
row('a member decides for himself, and alone', 'shy-inside', ['5.7.1 shy', 'here: bob']);
group('self-only', ['bob'], { dLMemSubmitPerms: dn('self-only') });
row('only members may write: a member', 'self-only', ['here: bob'], { from: 'bob' });
row('only members may write: nobody else', 'self-only', ['5.7.1 self-only'], { from: 'eve' });

// Sizes and numbers.
box('nothing', { delivContLength: '0' });
row('a size of 0 KB takes nothing', 'nothing', ['5.2.3 nothing'], { sizeKb: 1 });
box('hundred', { delivContLength: '100' });
row('as large as may be', 'hundred', ['here: hundred'], { sizeKb: 100 });
row('a little larger', 'hundred', ['5.2.3 hundred'], { sizeKb: 100.01 });
box('mute', { submissionContLength: '0' });
row('who may send 0 KB sends nothing', ['bob', 'cat'], ['5.2.3 bob', '5.2.3 cat'], { from: 'mute', sizeKb: 1 });
box('two-only', { msExchRecipLimit: '2' });
group('pair', ['bob', 'cat']);
box('keeper', { altRecipient: dn('dan'), deliverAndRedirect: 'TRUE' });
group('keeper-and-bob', ['keeper', 'bob']);
row('two after expansion, each person once', ['pair', 'bob', 'cat'], ['here: bob', 'here: cat'], { from: 'two-only' });
row('the copy of a forwarding counts', 'keeper-and-bob', ['5.5.3 keeper-and-bob'], { from: 'two-only' });
row('who fails counts', ['pair', 'nobody-here'], ['5.5.3 nobody-here', '5.5.3 pair'], { from: 'two-only' });
group('small-group', ['bob'], { delivContLength: '10' });
row('a group has a size, too', 'small-group', ['5.2.3 small-group'], { sizeKb: 11 });

// Forwarding.
box('walker', { altRecipient: dn('walkers') });
group('walkers', ['walker', 'bob']);
row('forwarding to one’s own group: the others have it', 'walker', ['here: bob']);
row('the same by the group', 'walkers', ['here: bob']);
box('hop-1', { altRecipient: dn('hop-2') });
box('hop-2', { altRecipient: dn('hop-3'), deliverAndRedirect: 'TRUE' });
box('hop-3', { altRecipient: dn('hop-4') });
contact('hop-4', 'smtp:hop-5@corp.example');
box('hop-5');
row('a chain through a mailbox that keeps and a contact that points home', 'hop-1', ['here: hop-2', 'here: hop-5']);
box('ring-1', { altRecipient: dn('ring-2') });
contact('ring-2', 'SMTP:ring-3@corp.example');
box('ring-3', { altRecipient: dn('ring-1') });
row('a circle of mailboxes and a contact', 'ring-2', ['5.4.6 ring-2']);
contact('mirror-a', 'SMTP:mirror-b@corp.example');
contact('mirror-b', 'SMTP:mirror-a@corp.example');
row('two contacts that stand for each other', ['mirror-a', 'bob'], ['5.4.6 mirror-a', 'here: bob']);
box('moved', { altRecipient: dn('bob'), targetAddress: 'SMTP:moved@far.example' });
row('a target goes before forwarding', 'moved', ['on: SMTP:moved@far.example']);
box('both-ways', { altRecipient: dn('pair'), deliverAndRedirect: 'TRUE' });
row('a copy here, and one for each of a group', ['both-ways', 'bob'], ['here: both-ways', 'here: bob', 'here: cat']);
box('to-hidden', { altRecipient: dn('veiled') });
box('lost', { altRecipient: dn('gone'), only: 'slapd' });
row('forwarding to an entry that is gone', 'lost', ['5.1.1 lost'], { only: 'slapd' });
box('to-other-site', { altRecipient: dn('paris') });
box('paris', { server: 'EX2' });
row('forwarding to a mailbox of another site', 'to-other-site', ['EX2: paris'], {
  because: 'to-other-site@corp.example: forwarded to mailbox CN=paris,OU=Own,DC=corp,DC=example',
});

// Addresses of contacts.
const targets: [name: string, target: string, is: string][] = [
  ['lower', 'smtp:low@far.example', 'on: SMTP:low@far.example'],
  ['untyped', 'bare@far.example', 'on: SMTP:bare@far.example'],
  ['fax', 'FAX:Jo@+49 30 1', 'on: FAX:Jo@+49 30 1'],
  ['gw', 'GWISE:DOM.PO.JO', 'on: GWISE:DOM.PO.JO'],
  ['ms', 'MS:NET/PO/JO', 'on: MS:NET/PO/JO'],
  ['ccmail', 'CCMAIL:Doe, Jo at PO1', 'on: CCMAIL:Doe, Jo at PO1'],
  ['x400', 'x400:c=us;a= ;p=Far;s=Doe;', 'on: X400:c=us;a= ;p=Far;s=Doe;'],
  ['relayed', 'SMTP:x@relay.example', 'on: SMTP:x@relay.example'],
  ['quoted', 'SMTP:"a b"@far.example', 'on: SMTP:"a b"@far.example'],
  ['home-unknown', 'SMTP:no.such.one@corp.example', '5.1.1 home-unknown'],
  ['home-group', 'SMTP:pair@corp.example', 'here: bob|here: cat'],
  ['shared-unknown', 'SMTP:x@shared.example', 'on: SMTP:x@shared.example'],
  ['no-value', 'SMTP:', '5.1.3 no-value'],
  ['no-domain', 'SMTP:jo', '5.1.3 no-domain'],
];
for (const [name, target, is] of targets) {
  contact(name, target);
  row(`a contact for ${target}`, name, is.split('|'));
}
box('legacy', { legacyExchangeDN: '/o=Corp/ou=First/cn=Recipients/cn=legacy' });
contact('by-legacy', 'EX:/o=Corp/ou=First/cn=Recipients/cn=LEGACY');
row('a contact for a legacy name', 'by-legacy', ['here: legacy']);
contact('external-primary', 'SMTP:xavier@far.example', {
  proxyAddresses: ['SMTP:xavier@far.example', 'smtp:external-primary@corp.example'],
});
row('a contact whose primary address is the one outside', ['external-primary', 'xavier@far.example'], ['on: SMTP:xavier@far.example']);

// Who an address is.
box('same-twice', { also: ['smtp:Same-Twice@corp.example', 'smtp:other-name@corp.example'] });
row('the same address twice in one entry is one owner', 'same-twice', ['here: same-twice']);
contact('dup-contact', 'SMTP:d@far.example', { also: ['smtp:doubled@corp.example'] });
group('dup-group', ['bob'], { also: ['smtp:DOUBLED@corp.example'] });
row('a contact and a group with one address', 'doubled', ['5.1.4 doubled'], {
  because: 'doubled@corp.example: is an address of CN=dup-contact,OU=Own,DC=corp,DC=example and of CN=dup-group,OU=Own,DC=corp,DC=example',
});
row('the sender has two such addresses, the others get it', ['doubled', 'bob'], ['5.1.4 doubled', 'here: bob']);
box('listed', { msExchHideFromAddressLists: 'TRUE' });
row('hidden from address lists is no reason not to deliver', 'listed', ['here: listed']);
box('tagged');
row('a plus and a tag is another address', 'tagged+x', ['5.1.1 tagged+x']);
box('émile');
row('an accent in a capital letter', 'ÉMILE', ['here: émile']);
row('an accent in two characters', 'e\u0301mile', ['here: émile']);
row('without its accent it is another address', 'emile', ['5.1.1 emile']);
box('straße');
row('ss is no ß', 'strasse', ['5.1.1 strasse']);
box('наталья');
row('Cyrillic, in capitals', 'НАТАЛЬЯ', ['here: наталья']);
plainUser('mail-only', { mail: 'ann@corp.example' });
row('an account with somebody’s address in `mail` alone owns nothing', 'ann', ['here: ann'], { from: 'bob' });
plainUser('mail-only-too', { mail: 'only.in.mail@corp.example' });
plainUser('mail-only-three', { mail: 'only.in.mail@corp.example' });
row('and two such accounts are no two owners', 'only.in.mail', ['5.1.1 only.in.mail']);
plainUser('nick-only', { mailNickname: 'nick-only' });
row('a nickname is no address', 'nick-only', ['5.1.1 nick-only']);
box('nowhere', { server: 'EX9' });
row('a mailbox of a server that is not in the organization', 'nowhere', ['5.1.6 nowhere'], {
  because: 'nowhere@corp.example: its server is EX9, and `servers` of the organization has no such row',
});

// Names that must be escaped.
for (const cn of [
  'Comma, Person',
  'Plus+Person',
  'Quote"Person',
  'Hash',
  '#Hash',
  'Semi;Person',
  'Less<Person>',
  'Back\\slash',
  'Equals=Person',
  'Åse Ærlig',
  'Star*(Person)',
]) {
  const local = `odd${cn.replaceAll(/[^A-Za-z]/g, '').toLowerCase()}${cn.startsWith('#') ? '2' : ''}`;
  box(local, { cn });
}
const odd = [
  'oddcommaperson',
  'oddplusperson',
  'oddquoteperson',
  'oddhash',
  'oddhash2',
  'oddsemiperson',
  'oddlessperson',
  'oddbackslash',
  'oddequalsperson',
  'oddserlig',
  'oddstarperson',
];
group('odd-names', [
  'Comma, Person',
  'Plus+Person',
  'Quote"Person',
  'Hash',
  '#Hash',
  'Semi;Person',
  'Less<Person>',
  'Back\\slash',
  'Equals=Person',
  'Åse Ærlig',
  'Star*(Person)',
]);
row(
  'members with names that must be escaped',
  'odd-names',
  odd.map((name) => `here: ${name}`),
);
group('odd-hex', ['CN=Comma\\2C Person,OU=Own,DC=corp,DC=example', 'cn=hash,ou=OWN,dc=Corp,dc=Example'], { only: 'slapd' });
row('DNs written otherwise', 'odd-hex', ['here: oddcommaperson', 'here: oddhash'], { only: 'slapd' });
group('Odd, Group', ['bob'], { cn: 'Odd, Group (all) *' });
group('holds-odd', [dn('Odd, Group (all) *')]);
row('a group with such a name', 'holds-odd', ['here: bob']);
box('only-odd', { authOrig: dn('Comma, Person') });
row('and such a sender', 'only-odd', ['here: only-odd'], { from: 'oddcommaperson' });

// Groups.
group('veiled', ['bob', 'ring-1'], { hideDLMembership: 'TRUE' });
row('who is hidden goes by the group’s name', 'veiled', ['5.4.6 veiled', 'here: bob']);
row('also when he is reached by forwarding', 'to-hidden', ['5.4.6 veiled', 'here: bob']);
group('around-veiled', ['veiled', 'cat']);
row('and in a group around it', 'around-veiled', ['5.4.6 veiled', 'here: bob', 'here: cat']);
group('ownerless', ['ring-1', 'bob'], { reportToOriginator: 'FALSE', reportToOwner: 'TRUE' });
row('reports to an owner who is not named', 'ownerless', ['5.4.6 ring-1, told to nobody', 'here: bob']);
group('owner-no-mail', ['ring-1'], { reportToOriginator: 'FALSE', reportToOwner: 'TRUE', managedBy: dn('mail-less') });
plainUser('mail-less', {});
row('reports to an owner without mail', 'owner-no-mail', ['5.4.6 ring-1, told to nobody']);
group('owner-is-group', ['ring-1'], { reportToOriginator: 'FALSE', reportToOwner: 'TRUE', managedBy: dn('pair') });
row('reports to a group', 'owner-is-group', ['5.4.6 ring-1, told to pair@corp.example'], {
  because: 'owner-is-group@corp.example: a group of 1 member, expanded; failures are told to its owner pair@corp.example',
});
group('tell-both', ['ring-1'], { reportToOwner: 'TRUE', managedBy: dn('eve') });
row('reports to both: the sender', 'tell-both', ['5.4.6 ring-1']);
group('quiet-outer', ['tell-both', 'bob'], { reportToOriginator: 'FALSE' });
row('an inner group that reports to the sender, in one that reports to nobody', 'quiet-outer', [
  '5.4.6 ring-1, told to nobody',
  'here: bob',
]);
group('by-paris', ['bob'], { msExchExpansionServerName: serverName('ex2') });
group('around-paris', ['by-paris', 'cat']);
row('a member group that another site expands', 'around-paris', ['EX2: by-paris', 'here: cat']);
group('by-same-site', ['bob'], { msExchExpansionServerName: serverName('EX3') });
row('a group that another server of this site expands', 'by-same-site', ['EX3: by-same-site']);
group('by-nobody', ['bob'], { msExchExpansionServerName: serverName('EX8') });
row('a group that a server expands which is gone', ['by-nobody', 'cat'], ['5.2.4 by-nobody', 'here: cat'], {
  because: 'by-nobody@corp.example: only EX8 expands it, and `servers` of the organization has no such row',
});
group('paris-walks', ['paris-walker'], { msExchExpansionServerName: serverName('EX2') });
box('paris-walker', { altRecipient: dn('paris-walks') });
row('forwarding to a group that another site expands ends here', 'paris-walker', ['EX2: paris-walks']);
group('everything', ['pair', 'bob', 'hop-1', 'partner', 'mail-less', 'guild', 'by-paris', 'veiled', 'paris', 'ann']);
row(
  'all kinds of members, and the sender, each once',
  ['everything', 'bob', 'the.chief'],
  [
    '5.4.6 veiled',
    'EX2: by-paris',
    'EX2: paris',
    'here: ann',
    'here: bob',
    'here: cat',
    'here: chief',
    'here: hop-2',
    'here: hop-5',
    'on: SMTP:pia@far.example',
  ],
);
row('a security group without mail has no address', 'guild', ['5.1.1 guild']);
securityGroup('guild-mail', ['bob'], {
  mailNickname: 'guild-mail',
  proxyAddresses: 'SMTP:guild-mail@corp.example',
  reportToOriginator: 'TRUE',
});
row('a security group with mail is a group', 'guild-mail', ['here: bob']);
group('ghosts', ['ghost', 'bob'], { only: 'slapd' });
row('a member that does not exist stops nobody', 'ghosts', ['here: bob'], { only: 'slapd' });
group('chain-1', ['chain-2', 'bob']);
group('chain-2', ['chain-3']);
group('chain-3', ['chain-1', 'chain-2', 'cat', 'walker']);
row('groups in circles, with somebody who forwards', 'chain-1', ['here: bob', 'here: cat']);

// Query-based groups.
box('l-one', { l: 'Bergen', department: 'Own, Ltd (x)' });
box('l-two', { l: 'Bergen', department: 'Own * Ltd', server: 'EX2' });
box('l-out', { l: 'Bergen', ou: other });
query('q-bergen', '(&(l=Bergen)(mailNickname=*))');
row('who is below the base', 'q-bergen', ['EX2: l-two', 'here: l-one'], { because: 'q-bergen@corp.example: the query finds 2' });
query('q-outside', '(&(l=Bergen)(mailNickname=*))', { baseDn: other });
row('a base beside it', 'q-outside', ['here: l-out']);
query('q-everywhere', '(&(l=Bergen)(mailNickname=*))', { baseDn: base });
row('a base above it', 'q-everywhere', ['EX2: l-two', 'here: l-one', 'here: l-out']);
query('q-escaped', '(department=Own\\2c Ltd \\28x\\29)');
row('a filter with escaped characters', 'q-escaped', ['here: l-one']);
query('q-star', '(department=Own \\2a Ltd)');
row('a star that is one', 'q-star', ['EX2: l-two']);
query('q-not', '(&(l=Bergen)(!(department=Own*Ltd)))');
row('a filter with not', 'q-not', ['here: l-one']);
query('q-self', '(mailNickname=q-self)');
row('a query that finds itself', 'q-self', []);
query('q-groups', '(|(mailNickname=pair)(mailNickname=q-groups-2))');
query('q-groups-2', '(mailNickname=q-groups)');
row('queries that find groups, and each other', 'q-groups', ['here: bob', 'here: cat']);
query('q-no-mail', '(|(cn=mail-less)(cn=guild)(cn=ann))');
row('what has no mail is passed over', 'q-no-mail', ['here: ann']);
query('q-none', undefined);
row('a query that says nothing', ['q-none', 'bob'], ['5.2.4 q-none', 'here: bob']);
query('q-open', '(&(l=Bergen)(mailNickname=*)');
group('holds-open', ['q-open', 'bob']);
row('a broken query in a group', 'holds-open', ['5.2.4 q-open', 'here: bob'], {
  because: 'q-open@corp.example: cannot be expanded: the members cannot be queried: ',
});
query('q-gone', '(mailNickname=*)', { baseDn: `OU=Gone,${root}`, only: 'slapd' });
row('a base that is gone', ['q-gone', 'bob'], ['5.2.4 q-gone', 'here: bob'], { only: 'slapd' });
query('q-restricted', '(mailNickname=bob)', { authOrig: dn('eve') });
row('a query-based group with a restriction', 'q-restricted', ['5.7.1 q-restricted']);
query('q-hidden', '(|(mailNickname=bob)(mailNickname=ring-1))', { hideDLMembership: 'TRUE' });
row('and one that hides whom it finds', 'q-hidden', ['5.4.6 q-hidden', 'here: bob']);

// Odd addresses.
row('no domain of ours, in another letter case', 'BOB@CORP.EXAMPLE', ['here: bob']);
row('a quoted local part that needs no quotes', '"bob"@corp.example', ['here: bob']);
row('angle brackets', '<bob@corp.example>', ['here: bob']);
row('a relayed domain', 'x@relay.example', ['on: SMTP:x@relay.example']);
row('nobody of a shared domain', 'x@shared.example', ['on: SMTP:x@shared.example']);
row('a filter for an address', '*)(objectClass=*@corp.example', ['5.1.1 *)(objectClass=*@corp.example']);
row('an empty local part', '@corp.example', ['5.1.1 @corp.example']);
row(
  'the same person by five ways',
  ['bob', 'pair', 'BOB@corp.example', 'to-shy', 'home-group'],
  ['5.7.1 to-shy', 'here: bob', 'here: cat'],
);

export const ownRows: readonly Row[] = rows;
export const ownLdif = ldifOf;

const organization = organizationOf({
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
});
const full = (name: string) => (/[@:<]/.test(name) ? name : `${name}@corp.example`);
const short = (name: string) =>
  name.endsWith('@corp.example') && name.lastIndexOf('@') > 0 && !/[*)]/.test(name) ? name.slice(0, -'@corp.example'.length) : name;

/** What would happen, in the words of the rows, and why. */
export async function resolved(
  { from = 'ann', anonymous, sizeKb = 4, to }: Row,
  directory: Directory,
): Promise<{ is: string[]; steps: string[] }> {
  const sender = full(from);
  const explained = await explainResolution({
    organization,
    directory,
    from: sender,
    authenticated: anonymous !== true,
    sizeKb,
    addresses: [to].flat().map(full),
  });
  const { local, hops, servers, reports, steps } = explained;
  const told = (who: string | null) => (who === null ? ', told to nobody' : who === sender ? '' : `, told to ${who}`);
  const is = [
    ...local.map((address) => `here: ${short(address)}`),
    ...hops.map((hop) => {
      const bare = hop.replace(/^SMTP:/, '');
      const server = servers[bare.toLowerCase()];
      return server === undefined ? `on: ${hop}` : `${server}: ${short(bare)}`;
    }),
    ...reports.map(({ recipient, status, to: who }) => `${status} ${short(recipient)}${told(who)}`),
  ];
  return { is: is.toSorted(), steps };
}

/** The rows that hold in a directory of this kind. */
export function ownCases(dialect: Dialect, directory: () => Directory): void {
  const here = rows.filter(({ only }) => only === undefined || only === dialect);
  describe('cases of our own', () => {
    test('they are many', () => expect(here.length).toBeGreaterThan(100));
    test.each(here)('$name', async (one) => {
      const { is, steps } = await resolved(one, directory());
      expect(is).toEqual(one.is.toSorted());
      // Servers write names of attributes in their own letter case.
      expect(steps.map((step) => step.toLowerCase())).toEqual(
        expect.arrayContaining([expect.stringMatching(/^sender /), expect.stringContaining((one.because ?? '').toLowerCase())]),
      );
    });
  });
}
