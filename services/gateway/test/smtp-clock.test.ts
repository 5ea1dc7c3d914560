import { expect, test } from '@jest/globals';
import { SmtpClock } from '../src/smtp-clock.ts';

const limits = { commandMs: 50, dataMs: 100, idleMs: 200, sessionMs: 1_000, lingerMs: 20 };
const between = { waitsForHost: false, inContent: false, inTransaction: false };
const inMail = { ...between, inTransaction: true };
const inContent = { ...inMail, inContent: true };

interface Row {
  name: string;
  happened?: (clock: SmtpClock) => void;
  session?: typeof between;
  lasts: number; // the last moment at which nothing is over
  over?: 'client' | 'connection';
}

/** What has happened up to a time without a pause that is too long. */
const busyUntil = (at: number) => (clock: SmtpClock) => {
  clock.replied(at);
  clock.progressed(at);
};

test.each<Row>([
  { name: 'a command that does not come', lasts: 50 },
  { name: 'counted from our last reply', happened: (clock) => clock.replied(40), lasts: 90 },
  { name: 'a session without a mail', happened: (clock) => clock.replied(180), lasts: 200 },
  { name: 'counted from the last progress', happened: (clock) => (clock.replied(280), clock.progressed(90)), lasts: 290 },
  { name: 'a content', happened: (clock) => clock.contentBegun(10), session: inContent, lasts: 110 },
  { name: 'a whole session, between two mails', happened: busyUntil(990), lasts: 1_000 },
  { name: 'a whole session, with a mail in hand that does not end', happened: busyUntil(1_090), session: inMail, lasts: 1_100 },
  { name: 'a connection on which all is said', happened: (clock) => clock.closing(30), lasts: 50, over: 'connection' },
])('$name', ({ happened, session = between, lasts, over = 'client' }) => {
  const clock = new SmtpClock(limits, 0);
  happened?.(clock);
  expect(clock.over(lasts, session)).toBeUndefined();
  expect(clock.over(lasts + 1, session)).toBe(over);
});

test('octets of a content that nobody began are timed from when they are first seen', () => {
  const clock = new SmtpClock(limits, 0);
  expect(clock.over(40, inContent)).toBeUndefined();
  expect(clock.over(140, inContent)).toBeUndefined();
  expect(clock.over(141, inContent)).toBe('client');
});

test('a client is not to blame while the host has not answered', () => {
  expect(new SmtpClock(limits, 0).over(5_000, { ...inMail, waitsForHost: true })).toBeUndefined();
});
