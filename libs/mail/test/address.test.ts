import { describe, expect, test } from '@jest/globals';
import {
  addressKey,
  addressLiteral,
  asciiDomain,
  domainOf,
  imceaAddress,
  imceaMailbox,
  isAddressLiteral,
  oneLine,
  parseMailbox,
  smtpAddress,
  smtpMailbox,
  splitAddress,
} from '../src/index.ts';

describe('typed addresses', () => {
  test.each([
    ['Ada@Corp.EXAMPLE', 'SMTP:Ada@corp.example'],
    ['"a@b"@Corp.example', 'SMTP:"a@b"@corp.example'],
    ['postmaster', 'SMTP:postmaster'],
  ])('of mailbox %s', (mailbox, typed) => {
    expect(smtpAddress(mailbox)).toBe(typed);
    expect(smtpMailbox(typed)).toBe(typed.slice(5));
  });
  test('type and value', () => {
    expect(splitAddress('x400:c=us;a= ;p=Corp')).toEqual({ type: 'X400', value: 'c=us;a= ;p=Corp' });
    expect(() => splitAddress('ada@corp.example')).toThrow(RangeError);
    expect(smtpMailbox('X400:c=us')).toBeUndefined();
  });
  test('domain and key', () => {
    expect(domainOf('SMTP:ada@Corp.Example')).toBe('corp.example');
    expect(domainOf('SMTP:postmaster')).toBeUndefined();
    expect(domainOf('FAX:+1@x')).toBeUndefined();
    expect(addressKey('smtp:A\u0308da@Corp.Example')).toBe('SMTP:\u00e4da@corp.example');
  });
});

describe('mailbox', () => {
  test.each([
    'ada@corp.example',
    'a.b+c=d@x',
    '"a b\\"c@d"@corp.example',
    'ada@[192.0.2.1]',
    'ada@[IPv6:2001:db8::1]',
    'bücher@bücher.example',
  ])('%s', (text) => {
    const at = text.lastIndexOf('@');
    expect(parseMailbox(text)).toEqual({ local: text.slice(0, at), domain: text.slice(at + 1) });
  });
  test.each([
    '',
    'ada',
    '@corp.example',
    'ada@',
    'a b@corp.example',
    '.a@x',
    'a..b@x',
    'a.@x',
    '"a"b@x',
    '"a@x',
    'a@-x',
    'a@x..y',
    'a@[1.2.3]',
    'a\n@x',
    '"a\n"@x',
    'a@x y',
    `${'a'.repeat(65)}@x`,
    `a@${'x'.repeat(64)}`,
    `a@${'x.'.repeat(130)}y`,
    'a@x<b>',
    'a@[IPv6:::g]',
  ])('not %j', (text) => {
    expect(parseMailbox(text)).toBeUndefined();
  });
});

describe('domain', () => {
  test.each([
    ['Corp.EXAMPLE.', 'corp.example'],
    ['Bücher.example', 'xn--bcher-kva.example'],
    ['_dmarc.x', '_dmarc.x'],
    ['a..b', undefined],
    ['', undefined],
    ['.', undefined],
    ['-a.example', undefined],
    ['a b', undefined],
    ['a@b', undefined],
    ['bü/x', undefined],
    [`${'a.'.repeat(127)}ab`, undefined],
  ])('%j is %j', (domain, ascii) => {
    expect(asciiDomain(domain)).toBe(ascii);
  });
  test.each([
    ['192.0.2.1', '[192.0.2.1]'],
    ['2001:db8::1', '[IPv6:2001:db8::1]'],
    ['::ffff:192.0.2.1', '[192.0.2.1]'],
    ['corp.example', undefined],
  ])('literal of %s', (address, literal) => {
    expect(addressLiteral(address)).toBe(literal);
    if (literal !== undefined) expect(isAddressLiteral(literal)).toBe(true);
  });
});

describe('IMCEA', () => {
  test.each([
    ['GWISE:ACME.PO1.BKo', 'IMCEAGWISE-ACME+2EPO1+2EBKo@gw.example'],
    ['MS:NET/PO/ALIAS', 'IMCEAMS-NET_PO_ALIAS@gw.example'],
    ['FAX:+15555550100', 'IMCEAFAX-+2B15555550100@gw.example'],
    ['NOTES:Zoë_A/Ops@DOM', 'IMCEANOTES-Zo+C3+AB+5FA_Ops+40DOM@gw.example'],
  ])('%s', (address, mailbox) => {
    expect(imceaMailbox(address, 'gw.example')).toBe(mailbox);
    expect(
      imceaAddress(
        mailbox
          .slice(0, -11)
          .toLowerCase()
          .replace(/^imcea/, 'IMCEA'),
      )?.toLowerCase(),
    ).toBe(address.toLowerCase());
  });
  test.each(['ada', 'IMCEAX', 'IMCEAX-+2', 'IMCEA-abc', 'imceax-a b'])('%s is none', (local) => {
    expect(imceaAddress(local)).toBeUndefined();
  });
});

describe('one line', () => {
  test.each([
    ['a\r\nBcc: x', 'a Bcc: x'],
    ['\u0000 a \u202e\u200b b\u009f', 'a b'],
    ['x'.repeat(300), `${'x'.repeat(197)}...`],
    ['\ud800a', 'a'],
    [`${'x'.repeat(196)}\u{1f600}${'y'.repeat(9)}`, `${'x'.repeat(196)}...`],
  ])('%j', (text, line) => {
    expect(oneLine(text)).toBe(line);
  });
});
