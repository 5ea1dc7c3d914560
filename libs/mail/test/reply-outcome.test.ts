import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ReplyPhase, replyOutcome, statusText } from '../src/index.ts';

/** code, enhanced, phase -> kind, status, about */
const rows: [number, string | undefined, ReplyPhase, string][] = [
  [220, undefined, 'connect', 'delivered 2.0.0 destination'],
  [250, '2.1.0', 'mail', 'delivered 2.1.0 message'],
  [250, undefined, 'rcpt', 'delivered 2.1.5 recipient'],
  [251, undefined, 'rcpt', 'delivered 2.1.5 recipient'],
  [252, '4.7.1', 'rcpt', 'delivered 2.7.1 recipient'],
  [354, undefined, 'data', 'delivered 2.0.0 message'],
  [250, undefined, 'content', 'delivered 2.6.0 message'],
  // out of step
  [250, undefined, 'data', 'transient 4.5.0 destination'],
  [354, undefined, 'rcpt', 'transient 4.5.0 destination'],
  [999, undefined, 'rcpt', 'transient 4.5.0 destination'],
  [0, undefined, 'connect', 'transient 4.5.0 destination'],
  [Number.NaN, undefined, 'content', 'transient 4.5.0 destination'],
  [503, undefined, 'rcpt', 'transient 4.5.1 destination'],
  // the host
  [421, undefined, 'rcpt', 'transient 4.3.2 destination'],
  [421, '4.7.0', 'content', 'transient 4.7.0 destination'],
  [554, undefined, 'connect', 'transient 4.3.2 destination'],
  [554, '5.7.1', 'connect', 'transient 4.7.1 destination'],
  [521, undefined, 'connect', 'permanent 5.3.2 destination'],
  [550, '5.7.1', 'hello', 'transient 4.7.1 destination'],
  [502, undefined, 'hello', 'transient 4.3.2 destination'],
  [450, undefined, 'hello', 'transient 4.3.2 destination'],
  [454, undefined, 'starttls', 'transient 4.7.0 destination'],
  [501, undefined, 'starttls', 'transient 4.7.0 destination'],
  [535, '5.7.8', 'auth', 'transient 4.7.8 destination'],
  [530, '5.7.0', 'mail', 'transient 4.7.0 destination'],
  // recipients
  [450, undefined, 'rcpt', 'transient 4.2.0 recipient'],
  [450, '4.7.1', 'rcpt', 'transient 4.7.1 recipient'],
  [450, '5.7.1', 'rcpt', 'transient 4.7.1 recipient'],
  [451, undefined, 'rcpt', 'transient 4.3.0 recipient'],
  [452, undefined, 'rcpt', 'transient 4.5.3 transaction'],
  [452, '4.5.3', 'rcpt', 'transient 4.5.3 transaction'],
  [452, '4.2.2', 'rcpt', 'transient 4.2.2 recipient'],
  [552, undefined, 'rcpt', 'transient 4.5.3 transaction'],
  [552, '5.5.3', 'rcpt', 'transient 4.5.3 transaction'],
  [552, '5.2.2', 'rcpt', 'permanent 5.2.2 recipient'],
  [550, undefined, 'rcpt', 'permanent 5.0.0 recipient'],
  [550, '5.1.1', 'rcpt', 'permanent 5.1.1 recipient'],
  [550, '4.1.1', 'rcpt', 'permanent 5.1.1 recipient'],
  [551, undefined, 'rcpt', 'permanent 5.1.6 recipient'],
  [553, undefined, 'rcpt', 'permanent 5.1.3 recipient'],
  [501, '5.0.0', 'rcpt', 'permanent 5.1.3 recipient'],
  [555, undefined, 'rcpt', 'permanent 5.5.4 recipient'],
  [556, undefined, 'rcpt', 'permanent 5.1.10 recipient'],
  // the message
  [452, undefined, 'mail', 'transient 4.3.1 message'],
  [455, undefined, 'mail', 'transient 4.5.4 message'],
  [552, undefined, 'mail', 'permanent 5.3.4 message'],
  [553, undefined, 'mail', 'permanent 5.1.7 message'],
  [501, undefined, 'mail', 'permanent 5.1.7 message'],
  [500, undefined, 'mail', 'permanent 5.5.1 message'],
  [554, undefined, 'data', 'permanent 5.0.0 message'],
  [452, '4.3.1', 'content', 'transient 4.3.1 message'],
  [552, undefined, 'content', 'permanent 5.3.4 message'],
  [554, '5.6.0', 'content', 'permanent 5.6.0 message'],
  [550, 'nonsense', 'content', 'permanent 5.0.0 message'],
];

test.each(rows)('%s %s to %s: %s', (code, enhanced, phase, expected) => {
  const { kind, status, about } = replyOutcome(code, enhanced, 'text', phase);
  expect(`${kind} ${status} ${about}`).toBe(expected);
});

test('the reply is one line, its enhanced code named once', () => {
  expect(replyOutcome(550, '5.1.1', '5.1.1 no such user', 'rcpt').reply).toBe('550 5.1.1 no such user');
  expect(replyOutcome(550, '5.1.1', 'no\r\nsuch user', 'rcpt').reply).toBe('550 5.1.1 no such user');
  expect(replyOutcome(550, undefined, 'x'.repeat(999), 'rcpt').reply).toHaveLength(200);
});

test('every reply has one answer whose class fits', () => {
  const phases: ReplyPhase[] = ['connect', 'hello', 'starttls', 'auth', 'mail', 'rcpt', 'data', 'content'];
  fc.assert(
    fc.property(
      fc.integer({ min: -1, max: 1_000 }),
      fc.option(fc.stringMatching(/^[245]\.\d{1,3}\.\d{1,3}$/), { nil: undefined }),
      fc.constantFrom(...phases),
      (code, enhanced, phase) => {
        const { kind, status } = replyOutcome(code, enhanced, '', phase);
        expect(status[0]).toBe({ delivered: '2', transient: '4', permanent: '5' }[kind]);
        if (code >= 400 && code <= 499) expect(kind).toBe('transient');
      },
    ),
  );
});

describe('words', () => {
  test.each([
    ['5.1.1', 'There is no mailbox with this address.'],
    ['4.4.7', 'The message could not be delivered within the time it may wait.'],
    ['5.2.99', 'The mailbox could not take the message.'],
    ['5.99.1', 'The message could not be delivered.'],
  ])('%s', (status, says) => expect(statusText(status).says).toBe(says));
});
