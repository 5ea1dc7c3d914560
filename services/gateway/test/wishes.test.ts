import { describe, expect, test } from '@jest/globals';
import type { MailCommand } from '@mailrail/smtp';
import { expiryOf, grantedPriority, laneOfPriority, wishesOf } from '../src/wishes.ts';

const now = Date.parse('2026-11-02T10:00:00Z');
const mail = (more: Partial<MailCommand> = {}): MailCommand => ({ sender: null, smtputf8: false, ...more });
const by = (seconds: number, mode: 'return' | 'notify') => ({ deliverBy: { seconds, mode, trace: false } });

describe('what the envelope carries', () => {
  test.each([
    { name: 'nothing', said: mail(), gives: {} },
    { name: 'a hold that is no hold', said: mail({ holdUntil: now }), gives: {} },
    { name: 'a hold', said: mail({ holdUntil: now + 5_000 }), gives: { heldUntil: now + 5_000 } },
    { name: 'a time', said: mail(by(60, 'return')), gives: { deliverBy: { at: now + 60_000, mode: 'return', trace: false } } },
    {
      name: 'a time behind a hold is counted from its end',
      said: mail({ holdUntil: now + 5_000, ...by(60, 'notify') }),
      gives: { heldUntil: now + 5_000, deliverBy: { at: now + 65_000, mode: 'notify', trace: false } },
    },
    { name: 'REQUIRETLS', said: mail({ requireTls: true }), gives: { requireTls: true } },
  ])('$name', ({ said, gives }) => {
    expect(wishesOf(said, said.priority, now)).toEqual(gives);
  });
});

test.each([
  { wanted: undefined, inside: true, raisePriority: 'inside', gives: undefined },
  { wanted: 4, inside: true, raisePriority: 'inside', gives: 4 },
  { wanted: 4, inside: false, raisePriority: 'inside', gives: 0 },
  { wanted: -4, inside: false, raisePriority: 'inside', gives: -4 },
  { wanted: 4, inside: false, raisePriority: 'anybody', gives: 4 },
  { wanted: 4, inside: true, raisePriority: 'nobody', gives: 0 },
  { wanted: -9, inside: true, raisePriority: 'nobody', gives: -9 },
] as const)('priority $wanted, inside $inside, raised by $raisePriority: $gives', ({ wanted, inside, raisePriority, gives }) => {
  expect(grantedPriority(wanted, inside, { raisePriority })).toBe(gives);
});

test.each([
  [undefined, 'normal'],
  [0, 'normal'],
  [1, 'high'],
  [9, 'high'],
  [-1, 'low'],
] as const)('priority %s travels in lane %s', (priority, lane) => {
  expect(laneOfPriority(priority)).toBe(lane);
});

describe('a mail has its whole time from the moment it is let go', () => {
  const day = 86_400_000;
  test.each([
    { name: 'no wish', wishes: {}, gives: now + 2 * day },
    { name: 'held', wishes: { heldUntil: now + day }, gives: now + 3 * day },
    { name: 'to be returned earlier', wishes: { deliverBy: { at: now + 60_000, mode: 'return', trace: false } }, gives: now + 60_000 },
    {
      name: 'to be returned later than it expires',
      wishes: { deliverBy: { at: now + 9 * day, mode: 'return', trace: false } },
      gives: now + 2 * day,
    },
    { name: 'only told of the delay', wishes: { deliverBy: { at: now + 60_000, mode: 'notify', trace: false } }, gives: now + 2 * day },
  ] as const)('$name', ({ wishes, gives }) => {
    expect(expiryOf(wishes, now, 2 * day)).toBe(gives);
  });
});
