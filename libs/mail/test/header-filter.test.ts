import { expect, test } from '@jest/globals';
import { HeaderFilter } from '../src/header-filter.ts';

const hosts = new Set(['ex1.corp.example', 'corp.example']);

function filter(text: string, size: number, names: readonly string[] = []): { out: string; ended: boolean; eightBit: boolean } {
  const one = new HeaderFilter(new Set(names), hosts);
  const bytes = Buffer.from(text);
  const passed: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const chunk = bytes.subarray(at, at + size);
    if (one.ended) passed.push(chunk);
    else one.push(chunk, (part) => passed.push(part));
  }
  const { ended } = one;
  if (!ended) one.end((part) => passed.push(part));
  return { out: Buffer.concat(passed).toString(), ended, eightBit: one.eightBit };
}

const cases: { name: string; header: string; left: string; names?: string[] }[] = [
  { name: 'nothing to take out', header: 'From: a\r\nX-Other: b\r\nAuth: c\r\n', left: 'From: a\r\nX-Other: b\r\nAuth: c\r\n' },
  {
    name: 'X-Mailrail of any case, folded lines with it',
    header: 'From: a\r\nx-mailRAIL-Hop: 1\r\n\tmore\r\n and more\r\nTo: b\r\n',
    left: 'From: a\r\nTo: b\r\n',
  },
  {
    name: 'two in a row, first and last',
    header: 'X-Mailrail-A: 1\r\nX-Mailrail-B: 2\r\nFrom: a\r\nX-Mailrail-C: 3\r\n',
    left: 'From: a\r\n',
  },
  { name: 'a name that only begins so', header: 'X-Mailrailway: 1\r\nX-Mail: 2\r\n', left: 'X-Mailrailway: 1\r\nX-Mail: 2\r\n' },
  {
    name: 'results that claim to be ours',
    header: 'Authentication-Results: ex1.corp.example; spf=pass\r\n\tsmtp.mailfrom=x\r\nFrom: a\r\n',
    left: 'From: a\r\n',
  },
  {
    name: 'results of a domain of ours, in any case, with a version',
    header: 'AUTHENTICATION-RESULTS: Corp.Example 1; none\r\nFrom: a\r\n',
    left: 'From: a\r\n',
  },
  {
    name: 'results of others stay',
    header: 'Authentication-Results: mx.other.example;\r\n spf=pass\r\nFrom: a\r\n',
    left: 'Authentication-Results: mx.other.example;\r\n spf=pass\r\nFrom: a\r\n',
  },
  {
    name: 'the id on a folded line',
    header: 'Authentication-Results:\r\n\tex1.corp.example; spf=pass\r\nFrom: a\r\n',
    left: 'From: a\r\n',
  },
  {
    name: 'the id behind comments',
    header: 'Authentication-Results: (a (nested\\)) b)\r\n (c) ex1.corp.example; spf=pass\r\nFrom: a\r\n',
    left: 'From: a\r\n',
  },
  { name: 'the id in quotes', header: 'Authentication-Results: "ex1.corp.example"; spf=pass\r\nFrom: a\r\n', left: 'From: a\r\n' },
  {
    name: 'the id with a dot at its end',
    header: 'Authentication-Results: ex1.corp.example.; spf=pass\r\nFrom: a\r\n',
    left: 'From: a\r\n',
  },
  {
    name: 'space before the colon',
    header: 'Authentication-Results : ex1.corp.example; x\r\nX-Mailrail-A : 1\r\nFrom: a\r\n',
    left: 'From: a\r\n',
  },
  {
    name: 'an id that is ours only in part',
    header: 'Authentication-Results: ex1.corp.example.evil.example; x\r\n',
    left: 'Authentication-Results: ex1.corp.example.evil.example; x\r\n',
  },
  { name: 'no id at all deceives nobody', header: 'Authentication-Results:\r\nFrom: a\r\n', left: 'From: a\r\n' },
  {
    name: 'ARC results stay, they are signed',
    header: 'ARC-Authentication-Results: i=1; ex1.corp.example; x\r\n',
    left: 'ARC-Authentication-Results: i=1; ex1.corp.example; x\r\n',
  },
  {
    name: 'fields the gateway names',
    header: 'Bcc: secret\r\n more\r\nBcc-Not: x\r\nbcc: y\r\nBlack: z\r\n',
    left: 'Bcc-Not: x\r\nBlack: z\r\n',
    names: ['bcc'],
  },
  {
    name: 'a very long line and a very long name',
    header: `From: ${'x'.repeat(20_000)}\r\nX-${'y'.repeat(3_000)}: 1\r\n`,
    left: `From: ${'x'.repeat(20_000)}\r\nX-${'y'.repeat(3_000)}: 1\r\n`,
  },
  {
    name: 'a long field that goes',
    header: `X-Mailrail-A: ${'x'.repeat(20_000)}\r\n\t${'y'.repeat(20_000)}\r\nFrom: a\r\n`,
    left: 'From: a\r\n',
  },
  { name: 'comments without end', header: `Authentication-Results: ${'(x) '.repeat(4_000)}\r\nFrom: a\r\n`, left: 'From: a\r\n' },
];

const body = '\r\nX-Mailrail-Body: stays\r\nAuthentication-Results: ex1.corp.example; stays\r\n';

test.each(cases)('$name', ({ header, left, names }) => {
  for (const size of [1, 2, 3, 7, 64, 100_000]) {
    if (size === 1 && header.length > 10_000) continue; // seen with the others
    expect(filter(header + body, size, names)).toEqual({ out: left + body, ended: true, eightBit: false });
    expect(filter(header, size, names)).toEqual({ out: left, ended: false, eightBit: false });
  }
});

test('a header block alone, without its last line end', () => {
  for (const size of [1, 5, 100]) {
    expect(filter('From: a\r\nX-Mailrail-A: 1', size).out).toBe('From: a\r\n');
    expect(filter('From: a\r\nX-Mailrail', size).out).toBe('From: a\r\nX-Mailrail');
    expect(filter('Authentication-Results: corp.example', size).out).toBe('');
    expect(filter('From: a\r', size).out).toBe('From: a\r');
  }
});

test('bytes beyond ASCII in the header block are seen, in the body they are not its business', () => {
  expect(filter('Subject: é\r\n\r\n', 3).eightBit).toBe(true);
  expect(filter('Subject: e\r\n\r\né', 100).eightBit).toBe(false);
});

test('a header of single bytes costs no more memory than one field that is not decided', () => {
  const one = new HeaderFilter(new Set(), hosts);
  let passed = 0;
  const byte = Buffer.from('x');
  one.push(Buffer.from('Authentication-Results: (c'), (part) => {
    passed += part.length;
  });
  for (let at = 0; at < 100_000; at++) {
    one.push(byte, (part) => {
      passed += part.length;
    });
  }
  one.push(Buffer.from('\r\nFrom: a\r\n\r\n'), (part) => {
    passed += part.length;
  });
  expect(passed).toBe('From: a\r\n\r\n'.length);
});

test('what stays is passed on, not copied', () => {
  const chunk = Buffer.from('From: a\r\nTo: b\r\n\r\nbody\r\n');
  const parts: Buffer[] = [];
  new HeaderFilter(new Set(), hosts).push(chunk, (part) => parts.push(part));
  expect(parts).toEqual([chunk]);
  expect(parts[0]?.buffer).toBe(chunk.buffer);
});
