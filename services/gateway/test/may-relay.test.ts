import { expect, test } from '@jest/globals';
import { replies } from '@mailrail/smtp';
import { mayRelay, recipientKind, type RecipientKind, type Who } from '../src/may-relay.ts';

/** S1, whole: `+` is yes, `-` is 550 5.7.1, and so is `%` with its own text. */
const table = `
                  authoritative  shared  relay  routed  foreign  none
outside           +              +       +      %       -        +
authenticated     +              +       +      +       +        +
api-key           +              +       +      +       +        +
peer-site         +              +       +      +       +        +
listed-network    +              +       +      +       +        +
inside-folder     +              +       +      +       +        +
`;

const [heading = '', ...rows] = table.trim().split('\n');
const kinds = heading.trim().split(/ +/) as RecipientKind[]; // the names are checked by what the function returns
const cells = rows.flatMap((row) => {
  const [who, ...marks] = row.trim().split(/ +/);
  return marks.map((mark, at) => ({ who: who as Who, kind: kinds[at] as RecipientKind, mark }));
});

test('the table is whole', () => {
  expect(cells).toHaveLength(36);
});

test.each(cells)('$who to $kind: $mark', ({ who, kind, mark }) => {
  const answer = mayRelay(who, kind);
  if (mark === '+') expect(answer).toBeUndefined();
  else if (mark === '%') expect(answer).toEqual({ code: 550, enhanced: '5.7.1', text: replies.routingDenied.text });
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
  expect(recipientKind('ada', domain, (name) => known.get(name))).toBe(kind);
});

test.each([
  ['user', 'relay'],
  ['user+tag', 'relay'],
  ['SRS0=h=t=d=user', 'relay'],
  ['user=other.example', 'relay'],
  ['user/other', 'relay'],
  ['user%other.example', 'routed'],
  ['user%a%b', 'routed'],
  ['%user', 'routed'],
  ['other!user', 'routed'],
  ['a!b!user', 'routed'],
  ['"user@other.example"', 'routed'],
  ['"any one%other"', 'routed'],
])('%s at a relayed domain is %s; elsewhere it is a name', (local, kind) => {
  const of = (type: 'authoritative' | 'shared' | 'relay' | undefined) =>
    recipientKind(local, 'x.example', () => (type === undefined ? undefined : { type }));
  expect(of('relay')).toBe(kind);
  expect([of('authoritative'), of('shared'), of(undefined)]).toEqual(['authoritative', 'shared', 'foreign']);
  expect(recipientKind(local, '', () => undefined)).toBe('none');
});
