import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { CheckInput } from '../src/sender-checks/check-input.ts';
import { boundedQuestions, cachedQuestions, type DnsQuestion, systemQuestions } from '../src/sender-checks/dns.ts';
import { authenticationResults, type Findings, refusalFor } from '../src/sender-checks/findings.ts';

const findings = (more: Partial<Findings> = {}): Findings => ({
  dkim: [],
  spf: { result: 'pass', property: 'mailfrom', domain: 'a.example' },
  dmarc: { result: 'fail', from: 'a.example', policy: 'reject' },
  arc: undefined,
  ...more,
});
const spf = (result: string) => ({ spf: { result, property: 'mailfrom', domain: 'a.example' } as const });
const dkim = (result: string) => ({ dkim: [{ result, domain: 'a.example', selector: 's', signature: 'abcdefghij' }] });
const dmarc = (result: string, policy = 'reject') => ({ dmarc: { result, from: 'a.example', policy } });

test.each([
  ['DMARC fails and its domain refuses', {}, '5.7.26'],
  ['DMARC fails, quarantine', dmarc('fail', 'quarantine'), undefined],
  ['DMARC fails, SPF has no answer', spf('temperror'), undefined],
  ['DMARC fails, a key has no answer', dkim('temperror'), undefined],
  ['DMARC itself has no answer', { ...dmarc('temperror'), ...spf('fail') }, undefined],
  ['SPF fails, DMARC passes by a signature', { ...spf('fail'), ...dmarc('pass') }, undefined],
  ['SPF fails, no DMARC', { ...spf('fail'), ...dmarc('none', '') }, '5.7.23'],
  ['SPF fails, no author', { ...spf('fail'), dmarc: undefined }, '5.7.23'],
  ['SPF has an error of its own', { ...spf('permerror'), ...dmarc('none', '') }, undefined],
])('%s', (_, more, enhanced) => {
  expect(refusalFor(findings(more))?.enhanced).toBe(enhanced);
});

test('foreign text in the field: words, never a line or another result', () => {
  const field = authenticationResults(
    'gw.corp.example',
    findings({
      dkim: [{ result: 'pass;x', domain: 'a.example\r\nBcc: x', selector: 'a"; spf=pass (', signature: 'é\r\nabcdefgh' }],
      spf: { result: 'pass', property: 'helo', domain: `${'x'.repeat(5_000)} y` },
    }),
  );
  expect(field.endsWith('\r\n')).toBe(true);
  const lines = field.slice(0, -2).split('\r\n');
  for (const line of lines.slice(1)) expect(line).toMatch(/^\t[\x20-\x7e]{1,900}$/);
  expect(lines).toHaveLength(4);
  expect(lines[1]).toMatch(/^\tdkim=none header\.d="a\.example[^"]*" header\.s="a_; spf=pass \(" header\.b="[^"]*";$/);
});

test('a message without a signature: no properties of it', () => {
  const field = authenticationResults(
    'gw.corp.example',
    findings({ dkim: [{ result: 'none', domain: '', selector: '', signature: '' }], arc: undefined }),
  );
  expect(field.split('\r\n')[1]).toBe('\tdkim=none;');
});

describe('what the library sees', () => {
  async function through(chunks: readonly string[]): Promise<string> {
    const to = new PassThrough({ highWaterMark: 10_000_000 });
    const input = new CheckInput(to);
    for (const chunk of chunks) input.write(Buffer.from(chunk, 'latin1'));
    input.end();
    const seen: Buffer[] = [];
    for await (const chunk of to) seen.push(chunk);
    return Buffer.concat(seen).toString('latin1');
  }

  test.each([
    ['as it is', ['A: b\r\nDKIM-Signature: v=1\r\n\r\nx\r\n']],
    ['as it is, sealed on its way', ['ARC-Message-Signature : i=1\r\nA: b\r\n\r\nx\r\n']],
    ['byte by byte', 'dkim-signature: v=1\r\nC: d\r\n\r\nx\r\n\r\ny\r\n'.split('')],
    ['without a body', ['A: b\r\n']],
    ['nothing', ['']],
  ])('%s', async (_, chunks) => {
    expect(await through(chunks)).toBe(chunks.join(''));
  });

  test.each([
    ['unsigned', ['A: b\r\nX-DKIM-Signature: v=1\r\n\r\nDKIM-Signature: v=1\r\n'], 'A: b\r\nX-DKIM-Signature: v=1\r\n\r\n'],
    ['without a header', ['\r\nx\r\n'], '\r\n'],
  ])('nothing of a body that no signature speaks of: %s', async (_, chunks, seen) => {
    expect(await through(chunks)).toBe(seen);
  });

  test('ten signatures, and the rest of the header', async () => {
    const signature = (at: number) => `DKIM-Signature: v=1;\r\n\tn=${at}\r\n`;
    const many = Array.from({ length: 5_000 }, (_, at) => signature(at)).join('');
    const first = Array.from({ length: 10 }, (_, at) => signature(at)).join('');
    expect(await through([`A: b\r\n${many}From: c\r\n\r\nx\r\n`])).toBe(`A: b\r\n${first}From: c\r\n\r\nx\r\n`);
  });

  test('a line without end ends it', async () => {
    const piece = 'x'.repeat(60_000);
    const seen = await through(['DKIM-Signature: v=1\r\n\r\nfirst\r\n', ...Array.from({ length: 50 }, () => piece), '\r\nlast\r\n']);
    expect(seen.length).toBeLessThan(300_000);
    expect(seen).not.toContain('last');
  });
});

describe('questions', () => {
  const error = (code: string) => Object.assign(new Error(code), { code });

  test('an answer is kept, and that there is none; a failure is not', async () => {
    const asked: string[] = [];
    let clock = 0;
    const ask: DnsQuestion = async (name, type) => {
      asked.push(`${type} ${name}`);
      if (name === 'none.example') throw error('ENODATA');
      if (name === 'down.example') throw error('ESERVFAIL');
      return [['text']];
    };
    const cached = cachedQuestions(ask, { keepMs: 1_000, now: () => clock });
    for (let round = 0; round < 2; round++) {
      expect(await cached('a.example', 'TXT')).toEqual([['text']]);
      await expect(cached('none.example', 'A')).rejects.toMatchObject({ code: 'ENODATA' });
      await expect(cached('down.example', 'A')).rejects.toMatchObject({ code: 'ESERVFAIL' });
    }
    expect(asked).toEqual(['TXT a.example', 'A none.example', 'A down.example', 'A down.example']);
    clock = 1_000;
    await cached('A.example', 'TXT');
    expect(asked).toHaveLength(5);
  });

  test('so many are kept', async () => {
    let asked = 0;
    const cached = cachedQuestions(async () => ((asked += 1), [['x']]), { most: 2 });
    for (const name of ['a', 'b', 'c', 'a']) await cached(name, 'TXT');
    expect(asked).toBe(4);
    await cached('c', 'TXT');
    expect(asked).toBe(4);
  });

  test('a message may ask so much', async () => {
    const bounded = boundedQuestions(async () => [['x']], { most: 2, withinMs: 10_000 });
    await bounded('a', 'TXT');
    await bounded('b', 'TXT');
    await expect(bounded('c', 'TXT')).rejects.toMatchObject({ code: 'ETIMEOUT' });
  });

  test('a name server that is not there is no answer', async () => {
    const ask = systemQuestions({ servers: ['127.0.0.1:1'], timeoutMs: 200 });
    await expect(ask('a.example', 'TXT')).rejects.toMatchObject({ code: expect.stringMatching(/^E(CONNREFUSED|TIMEOUT)$/) });
    await expect(ask('a.example', 'AXFR')).rejects.toMatchObject({ code: 'ENOTIMP' });
  });
});
