import { describe, expect, test } from '@jest/globals';
import { addressKey } from '@mailrail/mail';
import { type Answer, type Directory, dnKey, type Entry, membershipIn } from '../src/index.ts';

const base = 'DC=corp,DC=example';
const cases = `OU=Cases,OU=Corp,${base}`;
const smtp = (local: string) => `SMTP:${local}@corp.example`;
const dnOf = (name: string) => `CN=${name},${cases}`;

function valueOf<Value>(answer: Answer<Value>): Value {
  if (!answer.ok) throw new Error(`no answer: ${answer.reason}`);
  return answer.value;
}

/**
 * What every directory must do, whatever it is kept in. It holds the organization of hard cases (`fixtures/hard-cases*.ldif`),
 * which no test changes.
 *
 * @param options `directory` is asked for when the tests run.
 */
export function directorySuite({ directory }: { directory: () => Directory }): void {
  const names = (entries: Iterable<Entry>) => [...entries].map(({ dn }) => dnKey(dn)).sort();
  const ownersOf = async (...addresses: string[]) => {
    const found = valueOf(await directory().byAddress(addresses));
    return Object.fromEntries([...found].map(([key, entries]) => [key, names(entries)]));
  };
  const entryOf = async (local: string): Promise<Entry> => {
    const [entry] = valueOf(await directory().byAddress([smtp(local)])).get(addressKey(smtp(local))) ?? [];
    if (entry === undefined) throw new Error(`nobody has ${local}`);
    return entry;
  };

  describe('who has an address', () => {
    const rows: { name: string; ask: string; owners: string[] }[] = [
      { name: 'a primary address', ask: smtp('plain'), owners: [dnOf('plain')] },
      { name: 'a secondary address', ask: smtp('mn'), owners: [dnOf('many-names')] },
      { name: 'another letter case', ask: 'smtp:MANY.names@Corp.EXAMPLE', owners: [dnOf('many-names')] },
      { name: 'an address of two', ask: smtp('dup'), owners: [dnOf('dup-a'), dnOf('dup-b')] },
      { name: 'an address of a user and a group', ask: smtp('dupm'), owners: [dnOf('dup-mixed'), dnOf('dup-mixed-group')] },
      { name: 'composed', ask: smtp('j\u00f6rg'), owners: [dnOf('Jörg Ümlaut')] },
      { name: 'decomposed', ask: smtp('jo\u0308rg'), owners: [dnOf('Jörg Ümlaut')] },
      { name: 'without its accent it is another one', ask: smtp('jorg'), owners: [] },
      { name: 'X.400', ask: 'X400:c=DE;a= ;p=Corp;o=Exchange;s=Typed;g=Ty;', owners: [dnOf('typed')] },
      { name: 'X.400 in another order', ask: 'X400:g=TY;s=typed;o=Exchange;p=Corp;a= ;c=de;', owners: [dnOf('typed')] },
      { name: 'Notes', ask: 'NOTES:Ty Typed/Corp@CORPNET', owners: [dnOf('typed')] },
      { name: 'a fax number', ask: 'FAX:+49 30 1234', owners: [dnOf('typed')] },
      { name: 'a type with a comma in the value', ask: 'CCMAIL:Typed, Ty at PO1', owners: [dnOf('typed')] },
      { name: 'an earlier name', ask: 'X500:/o=OldCorp/ou=Site/cn=Recipients/cn=typed', owners: [dnOf('typed')] },
      { name: 'an earlier name as the present one', ask: 'EX:/O=oldcorp/ou=Site/cn=Recipients/cn=TYPED', owners: [dnOf('typed')] },
      { name: 'a legacy name', ask: 'EX:/o=Corp/ou=First Administrative Group/cn=Recipients/cn=typed', owners: [dnOf('typed')] },
      {
        name: 'a legacy name of the other type',
        ask: 'X500:/o=Corp/ou=First Administrative Group/cn=Recipients/cn=typed',
        owners: [dnOf('typed')],
      },
      { name: 'the value of another type', ask: 'NOTES:plain@corp.example', owners: [] },
      { name: 'a star that is one', ask: smtp('star*star'), owners: [dnOf('star user')] },
    ];
    test.each(rows)('$name', async ({ ask, owners }) => {
      expect(Object.values(await ownersOf(ask)).flat()).toEqual(owners.map(dnKey).sort());
    });

    const foreign = [
      'star*',
      '*',
      'x)(proxyAddresses=*',
      'x)(|(mail=*',
      'plain)(objectClass=user',
      '*)(uid=*))(|(uid=*',
      '\\2a',
      'plain\\40corp',
      'plain\0',
      'plain\n',
      "' or 1=1 --",
      '&(objectClass=*)',
      '!(a=b)',
      ' ',
      '\u0000',
      '\u{1f4ea}',
      '\ud800',
    ];
    test.each(foreign)('%j is a name like any other, and nobody has it', async (local) => {
      expect(await ownersOf(smtp(local), `X400:${local}`, `X500:${local}`, `FAX:${local}`)).toEqual({});
    });
    test.each([900, 70_000])('a name of %d characters is one that nobody has', async (length) => {
      expect(await ownersOf(smtp('a'.repeat(length)), `X500:${'a'.repeat(length)}`)).toEqual({});
    });

    test('many at once, each under its own key; what is asked twice is answered once', async () => {
      const unknown = Array.from({ length: 150 }, (_, n) => smtp(`nobody-${n}`));
      const found = await ownersOf(...unknown, smtp('plain'), smtp('PLAIN'), smtp('dup'), ...unknown);
      expect(found).toEqual({ [smtp('plain')]: [dnKey(dnOf('plain'))], [smtp('dup')]: [dnOf('dup-a'), dnOf('dup-b')].map(dnKey) });
    });

    test('nothing asked, nothing found', async () => expect(await ownersOf()).toEqual({}));

    test('many callers at once are each answered', async () => {
      const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => ownersOf(n % 2 === 0 ? smtp('plain') : smtp(`no-${n}`))));
      expect(answers.map((found) => Object.keys(found).length)).toEqual(answers.map((_, n) => (n % 2 === 0 ? 1 : 0)));
    });
  });

  describe('entries by DN', () => {
    const found = async (...dns: string[]) => names(valueOf(await directory().byDn(dns)).values());
    test.each([
      ['as it is', dnOf('plain')],
      ['re-cased and re-spaced', `cn=PLAIN, ou=cases , OU=corp,dc=Corp,DC=example`],
      ['re-escaped', 'CN=\\50lain,OU=Cases,OU=Corp,DC=corp,DC=example'],
    ])('%s', async (_, dn) => expect(await found(dn)).toEqual([dnKey(dnOf('plain'))]));

    test('a name with every special character', async () => {
      const dn = `CN=Pat O'Brien\\, Ops (night) *,${cases}`;
      expect(await found(dn)).toEqual([dnKey(dn)]);
    });
    test.each([
      ['nobody', dnOf('gone')],
      ['outside of the directory', 'CN=plain,DC=elsewhere,DC=test'],
      ['no DN', 'plain'],
      ['empty', ''],
      ['half a DN', 'CN='],
      ['a filter', '*)(objectClass=*'],
      ['with a NUL', 'CN=pl\0ain,DC=corp,DC=example'],
    ])('%s has no key', async (_, dn) => expect(await found(dn)).toEqual([]));

    test('many at once, with gaps', async () => {
      const real = ['plain', 'boss', 'clerk', 'stranger', 'typed', 'staff', 'fwd-end'].map(dnOf);
      const gone = Array.from({ length: 120 }, (_, n) => dnOf(`gone ${n}`));
      expect(await found(...gone, ...real, ...gone)).toEqual(real.map(dnKey).sort());
    });

    test('an entry is the same, by address and by DN', async () => {
      const byAddress = await entryOf('staff-only');
      const byDn = valueOf(await directory().byDn([byAddress.dn])).get(dnKey(byAddress.dn));
      expect(byDn).toEqual(byAddress);
      expect(byAddress.id).toMatch(/^[0-9a-f-]{32,36}$/);
    });
  });

  describe('what an entry says', () => {
    test.each<[local: string, is: Partial<Entry>]>([
      [
        'plain',
        { kind: 'mailbox', nickname: 'plain', primary: smtp('plain'), displayName: 'plain', deliverAndRedirect: false, members: [] },
      ],
      ['many-names', { kind: 'mailbox', addresses: [smtp('many-names'), ...['Many.Names', 'mn'].map(smtp), 'SMTP:mn@old.corp.example'] }],
      ['contact-x400', { kind: 'contact', targetAddress: 'X400:c=FR;a=ADMD;p=Partner;s=Durand;g=Luc;' }],
      ['mail-user', { kind: 'mail-user', targetAddress: 'SMTP:mail-user@elsewhere.test' }],
      ['half', { kind: 'other' }],
      ['fwd-keep', { deliverAndRedirect: true }],
      ['hidden', { kind: 'group', hideMembership: true, reportToOriginator: true }],
      ['owner-reports', { kind: 'group', reportToOwner: true, reportToOriginator: false }],
      ['remote-expansion', { kind: 'group', expansionServer: 'EX2' }],
      ['dyn-legal', { kind: 'query-group', filter: '(&(mailNickname=*)(department=Case Legal))' }],
      ['empty', { kind: 'group', members: [] }],
    ])('%s', async (local, is) => {
      const { addresses, ...entry } = await entryOf(local);
      const { addresses: wanted, ...rest } = is;
      expect(entry).toMatchObject(rest);
      // The order of the others is the directory's own.
      if (wanted !== undefined) expect([addresses[0], ...addresses.slice(1).sort()]).toEqual([wanted[0], ...wanted.slice(1).sort()]);
    });

    test.each<[local: string, field: keyof Entry, dns: string[]]>([
      ['diamond', 'members', ['diamond-left', 'diamond-right', 'plain']],
      ['fwd-start', 'altRecipient', ['fwd-mid']],
      ['owner-reports', 'managedBy', ['boss']],
    ])('%s: %s', async (local, field, dns) => {
      const value = (await entryOf(local))[field];
      expect((Array.isArray(value) ? value : [value]).map((dn) => dnKey(typeof dn === 'string' ? dn : '')).sort()).toEqual(
        dns.map(dnOf).map(dnKey).sort(),
      );
    });

    test.each<[local: string, is: Partial<Entry['restrictions']>]>([
      ['small-in', { maxReceiveKb: 100 }],
      ['small-out', { maxSendKb: 100 }],
      ['few-out', { maxRecipients: 2 }],
      ['auth-only', { requireAuthentication: true }],
    ])('%s: %j', async (local, is) => expect((await entryOf(local)).restrictions).toMatchObject(is));

    test.each<[local: string, field: 'acceptFrom' | 'rejectFrom' | 'acceptMembersOf' | 'rejectMembersOf', dn: string]>([
      ['only-boss', 'acceptFrom', 'boss'],
      ['not-stranger', 'rejectFrom', 'stranger'],
      ['staff-only', 'acceptMembersOf', 'staff'],
      ['no-staff', 'rejectMembersOf', 'staff'],
    ])('%s: %s', async (local, field, dn) => {
      expect((await entryOf(local)).restrictions[field].map(dnKey)).toEqual([dnKey(dnOf(dn))]);
    });
  });

  describe('queries', () => {
    const search = async (filter: string, below = base, limit = 1_000) => {
      const answer = await directory().search(below, filter, limit);
      if (!answer.ok) return [answer.bad === true ? 'bad' : 'no answer'];
      return [...answer.value.entries.map(({ nickname }) => nickname ?? '').sort(), ...(answer.value.complete ? [] : ['and more'])];
    };
    const rows: { filter: string; finds: string[]; below?: string; limit?: number }[] = [
      { filter: '(department=case legal)', finds: ['legal-1', 'legal-2', 'legal-3'] },
      { filter: '(&(department=Case Legal)(objectClass=user))', finds: ['legal-1', 'legal-2'] },
      { filter: ' ( & (department=Case Legal)\n (| (l=Oslo) (l=Porto) ) (!(l=Porto)) ) ', finds: ['legal-1'] },
      { filter: '(mailNickname=legal-*)', finds: ['legal-1', 'legal-2', 'legal-3'] },
      { filter: '(mailNickname=*gal*1)', finds: ['legal-1'] },
      { filter: '(mailNickname=star\\2astar)', finds: ['star*star'] },
      { filter: '(displayName=J\\c3\\b6rg \\c3\\9cmlaut)', finds: ['jörg'] },
      { filter: '(&(mailNickname=small-*)(delivContLength>=100))', finds: ['small-in'] },
      { filter: '(&(mailNickname=small-*)(submissionContLength<=100))', finds: ['small-out'] },
      { filter: '(&(mailNickname=disabled)(userAccountControl:1.2.840.113556.1.4.803:=2))', finds: ['disabled'] },
      { filter: `(memberOf=${dnOf('staff')})`, finds: ['boss', 'staff-inner'] },
      { filter: '(department=Nobody Here)', finds: [] },
      { filter: '(noSuchAttributeAtAll=x)', finds: [] },
      { filter: '(mailNickname=legal-*)', limit: 2, finds: ['two', 'and more'] },
      { filter: '(mailNickname=legal-*)', limit: 3, finds: ['legal-1', 'legal-2', 'legal-3'] },
      { filter: '(mailNickname=plain)', below: dnOf('plain'), finds: ['plain'] },
      { filter: '(mailNickname=plain)', below: `ou=CASES, OU=Corp,${base}`, finds: ['plain'] },
      { filter: '(mailNickname=plain)', below: `OU=Groups,OU=Corp,${base}`, finds: [] },
      { filter: '(mailNickname=plain)', below: '', finds: ['plain'] },
      { filter: '(mailNickname=plain)', below: `OU=Gone,OU=Corp,${base}`, finds: ['bad'] },
      { filter: '(mailNickname=plain)', below: 'no DN', finds: ['bad'] },
      ...[
        '',
        '(',
        '()',
        '(a=b',
        '(&(a=b)(c=d)',
        '(a=b))',
        '(a=b)(c=d)',
        '((a=b))',
        '(=x)',
        '(a=b(c)',
        '(!a=b)',
        '(a=\\zz)',
        '(a=\\2)',
        'a=b',
      ].map((filter) => ({ filter, finds: ['bad'] })),
      { filter: `${'(!'.repeat(70)}(a=b)${')'.repeat(70)}`, finds: ['bad'] },
      { filter: `(a=${'x'.repeat(70_000)})`, finds: ['bad'] },
    ];
    test.each(rows.map((row) => ({ ...row, shown: row.filter.slice(0, 80) })))(
      '$shown below $below: $finds',
      async ({ filter, finds, below, limit }) => {
        const found = await search(filter, below, limit);
        expect(finds.includes('two') ? [found.length, found.at(-1)] : found).toEqual(finds.includes('two') ? [3, 'and more'] : finds);
      },
    );
  });

  test.each([
    ['a member', 'boss', ['staff'], true],
    ['a member of a member', 'clerk', ['staff'], true],
    ['of any of them', 'clerk', ['only-boss', 'staff'], true],
    ['somebody else', 'stranger', ['staff'], false],
    ['in a circle', 'cyc-user-c', ['cycle-a'], true],
    ['not in a circle', 'plain', ['cycle-a'], false],
    ['in none', 'plain', [], false],
    ['in one that does not exist', 'plain', ['gone'], false],
  ])('membership: %s', async (_, person, groups, is) => {
    const member = await membershipIn(directory()).isMember(await entryOf(person), groups.map(dnOf));
    expect(member).toEqual({ ok: true, value: is });
  });

  test('it says that it can be asked', async () => expect(await directory().probe()).toEqual({ ok: true, value: undefined }));
}
