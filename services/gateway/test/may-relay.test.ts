import { expect, test } from '@jest/globals';
import { type DomainKind, domainKind, mayRelay, type Who } from '../src/may-relay.ts';

/** S1, whole: `+` is yes, `-` is 550 5.7.1. */
const table = `
                  authoritative  shared  relay  foreign  none
outside           +              +       +      -        +
authenticated     +              +       +      +        +
api-key           +              +       +      +        +
peer-site         +              +       +      +        +
listed-network    +              +       +      +        +
inside-folder     +              +       +      +        +
`;

const [heading = '', ...rows] = table.trim().split('\n');
const kinds = heading.trim().split(/ +/) as DomainKind[]; // the names are checked by what the function returns
const cells = rows.flatMap((row) => {
  const [who, ...marks] = row.trim().split(/ +/);
  return marks.map((mark, at) => ({ who: who as Who, kind: kinds[at] as DomainKind, mark }));
});

test('the table is whole', () => {
  expect(cells).toHaveLength(30);
});

test.each(cells)('$who to $kind: $mark', ({ who, kind, mark }) => {
  const answer = mayRelay(who, kind);
  if (mark === '+') expect(answer).toBeUndefined();
  else expect(answer).toMatchObject({ code: 550, enhanced: '5.7.1' });
});

test.each([
  ['corp.example', 'authoritative'],
  ['relay.example', 'relay'],
  ['other.example', 'foreign'],
  ['[192.0.2.1]', 'foreign'],
  ['', 'none'],
  [undefined, 'none'],
])('domain %j is %s', (domain, kind) => {
  const known = new Map([
    ['corp.example', { type: 'authoritative' as const }],
    ['relay.example', { type: 'relay' as const }],
  ]);
  expect(domainKind(domain, (name) => known.get(name))).toBe(kind);
});
