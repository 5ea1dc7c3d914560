import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { headerFilter } from '../src/header-filter.ts';

function filter(message: string, cuts: readonly number[] = []): { text: string; headerBytes: number; ended: boolean } {
  const bytes = Buffer.from(message, 'latin1');
  const one = headerFilter({ authservId: 'mx1.corp.example' });
  const out: Uint8Array[] = [];
  let from = 0;
  for (const cut of [...cuts, bytes.length].sort((a, b) => a - b)) {
    out.push(...one.push(bytes.subarray(from, cut)));
    from = cut;
  }
  out.push(...one.end());
  return { text: Buffer.concat(out).toString('latin1'), headerBytes: one.headerBytes, ended: one.ended };
}

const ours = 'Authentication-Results: mx1.corp.example; spf=pass smtp.mailfrom=a.example\r\n';
const removed: { name: string; message: string; left: string }[] = [
  { name: 'our Authentication-Results', message: `${ours}Subject: x\r\n\r\nbody`, left: 'Subject: x\r\n\r\nbody' },
  {
    name: 'in any letter case',
    message: 'AUTHENTICATION-results: MX1.Corp.Example; none\r\nSubject: x\r\n\r\n',
    left: 'Subject: x\r\n\r\n',
  },
  {
    name: 'folded, all its lines',
    message: 'Subject: x\r\nAuthentication-Results:\r\n mx1.corp.example;\r\n\tdkim=pass\r\nTo: a\r\n\r\n',
    left: 'Subject: x\r\nTo: a\r\n\r\n',
  },
  { name: 'behind comments', message: 'Authentication-Results: (a (nested \\) one)) mx1.corp.example (v1); none\r\n\r\nb', left: '\r\nb' },
  { name: 'as quoted string', message: 'Authentication-Results: "mx1.cor\\p.example"; none\r\n\r\nb', left: '\r\nb' },
  { name: 'with a version', message: 'Authentication-Results: mx1.corp.example 1; none\r\n\r\nb', left: '\r\nb' },
  { name: 'with a final dot', message: 'Authentication-Results: mx1.corp.example.; none\r\n\r\nb', left: '\r\nb' },
  { name: 'blanks before the colon', message: 'Authentication-Results \t: mx1.corp.example; none\r\n\r\nb', left: '\r\nb' },
  { name: 'bare LF', message: 'Authentication-Results: mx1.corp.example; none\n x\nSubject: x\n\nb', left: 'Subject: x\n\nb' },
  {
    name: 'X-Mailrail fields',
    message: 'X-Mailrail-Root: 1\r\nSubject: x\r\nx-MAILRAIL-hop: 3\r\n 4\r\n\r\nX-Mailrail-Root: body',
    left: 'Subject: x\r\n\r\nX-Mailrail-Root: body',
  },
  { name: 'behind a line that is no field', message: `no field here\r\n${ours}\r\nbody`, left: 'no field here\r\n\r\nbody' },
  {
    name: 'after a mailbox separator',
    message: `From ada Mon Nov 23 10:00:00 2026\r\n${ours}\r\nbody`,
    left: 'From ada Mon Nov 23 10:00:00 2026\r\n\r\nbody',
  },
  { name: 'at the very end, no blank line', message: `Subject: x\r\n${ours.trimEnd()}`, left: 'Subject: x\r\n' },
  { name: 'a field that hides its id in a long comment', message: `Authentication-Results: (${'a'.repeat(5_000)}\r\n\r\nb`, left: '\r\nb' },
  { name: 'a name without end', message: `X-Mailrail-${'a'.repeat(2_000)}\r\nSubject: x\r\n\r\n`, left: 'Subject: x\r\n\r\n' },
];
const untouched: { name: string; message: string }[] = [
  { name: 'empty', message: '' },
  { name: 'no header', message: '\r\nbody\r\n' },
  { name: 'somebody else’s Authentication-Results', message: 'Authentication-Results: mx1.corp.example.net; none\r\n\r\nb' },
  { name: 'one without an id', message: 'Authentication-Results:\r\nSubject: x\r\n\r\n' },
  { name: 'ARC’s, which is signed', message: 'ARC-Authentication-Results: i=1; mx1.corp.example; none\r\n\r\n' },
  { name: 'names that only begin so', message: 'Authentication-Results-X: mx1.corp.example\r\nX-Mailrai: 1\r\nX-Mailrailing: 2\r\n\r\n' },
  { name: 'our field in the body', message: `Subject: x\r\n\r\n${ours}X-Mailrail-A: b\r\n` },
  { name: '8-bit, NUL and lone CR', message: 'Subject: \xe4\x00\r y\r\nFrom: \xff\r\n\r\n\x00\xff' },
  { name: 'a fold of blanks only', message: 'Subject: x\r\n \r\nTo: a\r\n\r\n' },
  { name: 'CR at the end', message: 'Subject: x\r\n\r' },
];

describe('removes', () => {
  test.each(removed)('$name', ({ message, left }) => {
    expect(filter(message).text).toBe(left);
  });
  test('an internationalized name by its A-label', () => {
    const one = headerFilter({ authservId: 'xn--bcher-kva.example' });
    const kept = one.push(Buffer.from('Authentication-Results: Bücher.example; none\r\n\r\nb'));
    expect(Buffer.concat(kept).toString()).toBe('\r\nb');
  });
});

describe('leaves byte for byte', () => {
  test.each(untouched)('$name', ({ message }) => {
    expect(filter(message).text).toBe(message);
  });
});

describe('header size', () => {
  const sizes: [string, string, number, boolean][] = [
    ['up to and with the blank line', `${ours}Subject: x\r\n\r\nbody`, ours.length + 14, true],
    ['no blank line: all', 'Subject: x\r\nTo: y', 17, false],
    ['ends at a line that is no field', 'Subject: x\r\nhello world\r\nmore', 12, false],
    ['no header at all', 'hello world\r\n\r\nmore', 0, true],
    ['nothing', '', 0, false],
  ];
  test.each(sizes)('%s', (_name, message, headerBytes, ended) => {
    expect(filter(message)).toMatchObject({ headerBytes, ended });
  });
  test('grows while the block is read, so that a limit can be kept', () => {
    const one = headerFilter({ authservId: 'mx1.corp.example' });
    for (let i = 0; i < 100; i += 1) one.push(Buffer.from(`X-Long-${i}: ${'x'.repeat(990)}\r\n`));
    expect(one.headerBytes).toBeGreaterThan(99_000);
    expect(one.ended).toBe(false);
  });
});

test('the answer does not depend on where chunks end', () => {
  const piece = fc.constantFrom(
    ...removed.map((row) => row.message),
    ...untouched.map((row) => row.message),
    ours,
    'X-Mailrail-A: b\r\n',
    'Subject: x\r\n',
    '\r\n',
    '\r',
    '\n',
    ' ',
    '(',
    '"',
    'Authentication-Results',
    'X-Mailrail-',
    ':',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.array(fc.nat({ max: 400 }), { maxLength: 30 }), (pieces, cuts) => {
      const message = pieces.join('');
      expect(
        filter(
          message,
          cuts.map((cut) => Math.min(cut, message.length)),
        ),
      ).toEqual(filter(message));
    }),
    { numRuns: 500 },
  );
});

test('what is left is what was there, in order, and holds nothing of ours', () => {
  const line = fc.oneof(
    fc.constantFrom(ours, 'X-Mailrail-A: b\r\n', ' fold\r\n', '\r\n'),
    fc.stringMatching(/^[A-Za-z-]{1,20}: [ -~]{0,60}$/).map((text) => `${text}\r\n`),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
      const message = `Subject: x\r\n${lines.join('')}\r\n`;
      const { text } = filter(message);
      const header = text.split('\r\n\r\n')[0] ?? '';
      expect(header).not.toMatch(/^(x-mailrail-|authentication-results: mx1\.corp\.example)/im);
      let at = 0;
      for (const kept of text.split('\r\n')) {
        at = message.indexOf(kept, at);
        expect(at).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});
