import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BerReader, BerWriter, FilterParser } from 'ldapts';
import { parseFilter } from '../src/filter.ts';
import { filterFromText } from '../src/index.ts';

/** What goes over the wire, read back: the text ldapts makes of it. */
function onTheWire(text: string, activeDirectory = true): string {
  const parsed = filterFromText(text, { activeDirectory });
  if (!parsed.ok) return parsed.reason;
  const writer = new BerWriter();
  parsed.filter.write(writer);
  return FilterParser.parse(new BerReader(writer.buffer)).toString();
}

describe('filterFromText', () => {
  test.each([
    ['(cn=ada)', '(cn=ada)'],
    ['(cn=a\\2ab)', '(cn=a\\2ab)'],
    ['(cn=a\\28\\29\\5c\\00)', '(cn=a\\28\\29\\5c\\00)'],
    ['(cn=J\\c3\\b6rg)', '(cn=Jörg)'],
    ['(cn=Jörg)', '(cn=Jörg)'],
    ['(cn=a*b**c*)', '(cn=a*b*c*)'],
    ['(cn=*\\2a*)', '(cn=*\\2a*)'],
    ['(&(a=1)(|(b=2)(c=3))(!(d=4)))', '(&(a=1)(|(b=2)(c=3))(!(d=4)))'],
    [' ( & ( a=1 ) ( b=2 ) ) ', '(&(a=1 )(b=2 ))'],
    ['(a>=1)', '(a>=1)'],
    ['(a<=1)', '(a<=1)'],
    ['(a~=1)', '(a~=1)'],
    ['(1.2.840.113556.1.4.8:1.2.840.113556.1.4.803:=2)', '(1.2.840.113556.1.4.8:1.2.840.113556.1.4.803:=2)'],
    ['(:caseExactMatch:=x)', '(:caseExactMatch:=x)'],
    ['(memberOf:1.2.840.113556.1.4.1941:=CN=g,DC=x)', '(memberOf:1.2.840.113556.1.4.1941:=CN=g,DC=x)'],
    ['(cn;lang-de=x)', '(cn;lang-de=x)'],
    ['(&)', '(&)'],
    ['(|)', '(|)'],
  ])('%s', (text, is) => expect(onTheWire(text)).toBe(is));

  test('a part of the DN', () => {
    expect(filterFromText('(ou:dn:=Sales)', { activeDirectory: true })).toMatchObject({
      filter: { matchType: 'ou', dnAttributes: true, rule: '', value: 'Sales' },
    });
  });

  test('presence, and what is nothing but stars', () => {
    for (const text of ['(cn=*)', '(cn=**)', '(cn= * )']) {
      const parsed = filterFromText(text, { activeDirectory: true });
      expect(parsed).toMatchObject({ ok: true, filter: { attribute: 'cn', type: 0x87 } });
    }
  });

  test('bytes can be asked for whole, and not in parts', () => {
    expect(filterFromText('(objectGUID=\\ff\\00\\01)', { activeDirectory: true })).toMatchObject({
      filter: { value: Buffer.from([255, 0, 1]) },
    });
    expect(filterFromText('(objectGUID=\\ff*)', { activeDirectory: true })).toMatchObject({ ok: false });
    expect(filterFromText('(a>=\\ff)', { activeDirectory: true })).toMatchObject({ ok: false });
  });

  test('a rule of Active Directory is not sent to others: they find nobody, and do not say so', () => {
    expect(onTheWire('(memberOf:1.2.840.113556.1.4.1941:=CN=g)', false)).toMatch(/only Active Directory has/);
    expect(onTheWire('(a:1.2.840.113556.1.4.803:=2)', false)).toBe('(a:1.2.840.113556.1.4.803:=2)');
  });

  test.each([
    '',
    '(',
    '()',
    '(a=b',
    '(&(a=b)(c=d)',
    '(a=b))',
    '(a=b)x',
    '((a=b))',
    '(=x)',
    '(a=b(c))',
    '(!)',
    '(!(a=b)(c=d))',
    '(:=x)',
    '(a:=)b',
    '(a b=c)',
    '(a=\\g0)',
    '(&a=b)',
  ])('%j is refused', (text) => expect(onTheWire(text)).toMatch(/does not parse: .* at character \d+$/));

  test('neither depth nor length without end', () => {
    expect(onTheWire(`${'(!'.repeat(10_000)}(a=b)${')'.repeat(10_000)}`)).toMatch(/nested deeper/);
    expect(onTheWire(`(a=${'b'.repeat(100_000)})`)).toMatch(/longer than/);
  });

  test('it takes whatever the filter of files takes, and no text makes it throw', () => {
    const piece = fc.constantFrom('(', ')', '&', '|', '!', '=', '*', '\\', '2a', 'cn', ' ', ':', '>=', 'a', '1.2');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), (pieces) => {
        const text = pieces.join('');
        const ours = filterFromText(text, { activeDirectory: true });
        if (parseFilter(text).ok) expect(ours.ok).toBe(true);
      }),
      { numRuns: 5_000 },
    );
  });
});
