import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { isLiteral, parseMailbox, parsePath } from '../src/index.ts';

test.each([
  ['<ada@corp.example>', 'ada@corp.example'],
  ['<Ada.L+tag@Corp.Example>', 'Ada.L+tag@Corp.Example'],
  ["<!#$%&'*+-/=?^_`{|}~@corp.example>", "!#$%&'*+-/=?^_`{|}~@corp.example"],
  ['<a@localhost>', 'a@localhost'],
  ['<a@under_score.example>', 'a@under_score.example'],
  ['<"a b"@corp.example>', '"a b"@corp.example'],
  ['<"ada"@corp.example>', 'ada@corp.example'],
  ['<"a\\.b"@corp.example>', 'a.b@corp.example'],
  ['<""@corp.example>', '""@corp.example'],
  ['<@r.example:a@corp.example>', 'a@corp.example'],
  ['<a@[IPv6:::1]>', 'a@[IPv6:::1]'],
  ['<a@[IPv6:::ffff:192.0.2.1]>', 'a@[IPv6:::ffff:192.0.2.1]'],
])('%s is %s', (text, mailbox) => {
  expect(parsePath(text)).toMatchObject({ ok: true, mailbox });
});

test.each([
  ['ada@corp.example', 'syntax'],
  ['<>', 'malformed'],
  ['<postmaster>', 'malformed'],
  ['<a@b@c.example>', 'malformed'],
  ['<"a\\"@corp.example>', 'malformed'],
  ['<"a"b@corp.example>', 'malformed'],
  ['<a@[IPv6:1:2:3:4:5:6:7:8:9]>', 'malformed'],
  ['<a@[IPv6:12345::]>', 'malformed'],
  ['<bé@corp.example>', 'utf8'],
  ['<b@bücher.example>', 'utf8'],
  ['<b\u0085@corp.example>', 'malformed'],
])('%s is refused: %s', (text, reason) => {
  expect(parsePath(text)).toEqual({ ok: false, reason });
});

test('rules allow what they name', () => {
  expect(parsePath('<>', { empty: true })).toMatchObject({ ok: true, mailbox: '' });
  expect(parsePath('<POSTMASTER>', { barePostmaster: true })).toMatchObject({ ok: true, mailbox: 'POSTMASTER', domain: '' });
  expect(parsePath('<bé@bücher.example>', { utf8: true })).toMatchObject({ ok: true, local: 'bé', domain: 'bücher.example' });
});

test('a parsed mailbox is parsed to itself again', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'B', '.', '@', '"', '\\', ' ', '<', '>', 'é', '[', ']', '-', '_', '1', '\r', '\n'),
    maxLength: 20,
  });
  fc.assert(
    fc.property(text, fc.constantFrom('', '@corp.example', '@[192.0.2.1]'), (local, domain) => {
      const first = parseMailbox(local + domain, { utf8: true });
      if (!first.ok) return;
      expect(first.mailbox).not.toMatch(/[\p{Cc}]/u);
      expect(parseMailbox(first.mailbox, { utf8: true })).toEqual(first);
      expect(parsePath(`<${first.mailbox}>`, { utf8: true })).toEqual(first);
    }),
    { interruptAfterTimeLimit: 1_000, numRuns: 5_000 },
  );
});

test.each([
  ['[192.0.2.1]', true],
  ['[192.0.2.1', false],
  ['[256.0.2.1]', false],
  ['[1.2.3.4.5]', false],
  ['[IPv6:2001:db8::8:800:200c:417a]', true],
  ['[IPv6:1:2:3:4:5:6:7:8]', true],
  ['[IPv6:1:2:3:4:5:6:7]', false],
  ['[IPv6:::]', true],
  ['[2001:db8::1]', false],
])('%s is a literal: %s', (text, is) => {
  expect(isLiteral(text)).toBe(is);
});
