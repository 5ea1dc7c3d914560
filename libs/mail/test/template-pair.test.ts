import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { addressesByPair, foreignByPair, internetByPair, parseTemplatePair, sameAddress, type TemplatePair } from '../src/index.ts';

const pairOf = (foreign: string, internet: string): TemplatePair => {
  const read = parseTemplatePair({ foreign, internet });
  if (!read.ok) throw new Error(read.reason);
  return read.value;
};

describe('an address by the other side of a pair', () => {
  test.each([
    ['GWISE:ACME.PO1.%m', 'SMTP:%m@po1.acme.example', 'GWISE:ACME.PO1.BKo', 'SMTP:BKo@po1.acme.example'],
    ['GWISE:ACME.PO1.%m', 'SMTP:@po1.acme.example', 'GWISE:acme.po1.BKo', 'SMTP:BKo@po1.acme.example'],
    ['GWISE:ACME.PO1.%m', 'SMTP:%m@po1.acme.example', 'GWISE:ACME.PO2.BKo', undefined],
    ['NOTES:%g %s/Ops/Acme@ACMEDOM', 'SMTP:%g.%s@notes.example', 'NOTES:Ada Ex/Ops/Acme@ACMEDOM', 'SMTP:Ada.Ex@notes.example'],
    // Where one name ends cannot be told: what comes back is another address, so the pair is not for it.
    ['NOTES:%g %s/Ops/Acme@ACMEDOM', 'SMTP:%g.%s@notes.example', 'NOTES:Anna Maria Ex/Ops/Acme@ACMEDOM', undefined],
    ['NOTES:%d/Ops/Acme@ACMEDOM', 'SMTP:%r _%d@notes.example', 'NOTES:Ada Ex/Ops/Acme@ACMEDOM', 'SMTP:Ada_Ex@notes.example'],
    ['NOTES:%d/Ops/Acme@ACMEDOM', 'SMTP:%r _%d@notes.example', 'NOTES:Ada_M Ex/Ops/Acme@ACMEDOM', undefined],
    ['NOTES:%d/Ops/Acme@ACMEDOM', 'SMTP:%d@notes.example', 'NOTES:Ada Ex/Ops/Acme@ACMEDOM', undefined],
    ['MS:NET/PO1/%8m', 'SMTP:%m@ms.example', 'MS:NET/PO1/ADA', 'SMTP:ADA@ms.example'],
    ['MS:NET/PO1/%m', 'SMTP:%3m@ms.example', 'MS:NET/PO1/MAXIMILIAN', undefined],
    ['CCMAIL:%s, %g at PO1', 'SMTP:%g.%s@cc.example', 'CCMAIL:Ex, Ada at PO1', 'SMTP:Ada.Ex@cc.example'],
    ['X400:c=XX;a= ;p=Acme;s=%s;g=%g;', 'SMTP:%g.%s@x400.example', 'X400:g=Ada;s=Ex;p=Acme;a= ;c=XX', 'SMTP:Ada.Ex@x400.example'],
    ['GWISE:ACME.PO1.%m', 'SMTP:%m@po1.acme.example', 'GWISE:ACME.PO1.Bünö', undefined],
  ])('%s and %s: %s is %s', (foreign, internet, address, expected) => {
    const pair = pairOf(foreign, internet);
    const there = internetByPair(pair, address);
    expect(there).toBe(expected);
    if (there !== undefined) expect(sameAddress(foreignByPair(pair, there) ?? 'NONE:', address)).toBe(true);
  });

  test('an Internet address of other people, or of another domain, is not mapped', () => {
    const pair = pairOf('GWISE:ACME.PO1.%m', 'SMTP:gw-%m@corp.example');
    expect(foreignByPair(pair, 'SMTP:gw-bko@corp.example')).toBe('GWISE:ACME.PO1.bko');
    expect(foreignByPair(pair, 'SMTP:bko@corp.example')).toBeUndefined();
    expect(foreignByPair(pair, 'SMTP:gw-bko@other.example')).toBeUndefined();
    expect(foreignByPair(pair, 'SMTP:gw-b.ko@corp.example')).toBeUndefined(); // GroupWise has no dot in a user
  });

  test('somebody the directory knows has both addresses, where they lead to each other', () => {
    const pair = pairOf('MS:NET/PO1/%10m', 'SMTP:%m@corp.example');
    expect(addressesByPair(pair, { alias: 'ada' })).toEqual({ foreign: 'MS:NET/PO1/ada', internet: 'SMTP:ada@corp.example' });
    expect(addressesByPair(pair, { alias: 'maximilian.von' })).toBeUndefined();
  });
});

describe('a pair that cannot be one', () => {
  test.each([
    ['GWISE:ACME.PO1.%x', 'SMTP:%m@a.example', 'foreign', 'is no variable'],
    ['GWISE:ACME.PO1.%m', 'SMTP:%q@a.example', 'internet', 'is no variable'],
    ['SMTP:%m@b.example', 'SMTP:%m@a.example', 'foreign', 'its type is SMTP'],
    ['GWISE:ACME.PO1.%m', 'MS:NET/PO/%m', 'internet', 'its type is MS'],
    ['GWISE:ACME.PO1.%m', 'SMTP:%m@%s.example', 'internet', 'no domain'],
    ['GWISE:ACME.PO1.%m', 'SMTP:%m', 'internet', 'no domain'],
    ['NOTES:%g %s/Acme', 'SMTP:%g%s@a.example', 'internet', '%g and %s have nothing between them'],
    ['NOTES:%g %s/Acme', 'SMTP:%s@a.example', 'internet', '%g is missing'],
    ['GWISE:ACME.PO1.%m', 'SMTP:%m.%s@a.example', 'foreign', '%s is missing'],
    ['GWISE:ACME.PO1.ADA', 'SMTP:ada@a.example', 'foreign', 'no variable'],
  ])('%s with %s: %s %s', (foreign, internet, side, reason) => {
    const read = parseTemplatePair({ foreign, internet });
    expect(read.ok ? undefined : [read.side, read.reason.includes(reason)]).toEqual([side, true]);
  });
});

test('whatever the address: what a pair makes leads back to exactly it', () => {
  const pairs = [
    pairOf('GWISE:ACME.PO1.%m', 'SMTP:%m@po1.acme.example'),
    pairOf('NOTES:%g %s/Acme@DOM', 'SMTP:%g.%s@notes.example'),
    pairOf('NOTES:%d/Acme', 'SMTP:%r _%d@notes.example'),
    pairOf('MS:NET/PO/%8m', 'SMTP:%m@ms.example'),
    pairOf('CCMAIL:%s, %g at PO1', 'SMTP:%r--%g-%r--%s@cc.example'),
  ];
  const name = fc.oneof(fc.string({ maxLength: 12, unit: 'grapheme' }), fc.stringMatching(/^[A-Za-z ._-]{1,12}$/));
  fc.assert(
    fc.property(fc.constantFrom(...pairs), name, name, (pair, one, other) => {
      const value = pair.foreign.pieces
        .map((piece) => (piece.kind === 'text' ? piece.text : piece.kind === 'field' ? (piece.field === 'given' ? one : other) : ''))
        .join('');
      const address = `${pair.foreign.type}:${value}`;
      const there = internetByPair(pair, address);
      if (there !== undefined) expect(sameAddress(foreignByPair(pair, there) ?? 'NONE:', address)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
