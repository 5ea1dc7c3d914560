import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ldifReader, parseLdif } from '../src/index.ts';

const entry = 'dn: CN=Ada,DC=corp\ncn: Ada\n';

/** Records as `dn {attribute: values}`, bytes as hex in angle brackets. */
function summary(text: string, binary: string[] = []) {
  const { records, errors } = parseLdif(text, new Set(binary));
  return {
    records: records.map(({ dn, line, attributes }) => [
      `${line} ${dn}`,
      Object.fromEntries(
        [...attributes].map(([name, values]) => [name, values.map((one) => (typeof one === 'string' ? one : `<${one.toString('hex')}>`))]),
      ),
    ]),
    errors: errors.map(({ line, message }) => `${line}: ${message}`),
  };
}

const read: { name: string; text: string; records: [string, Record<string, string[]>][]; binary?: string[] }[] = [
  { name: 'nothing', text: '', records: [] },
  { name: 'one entry', text: entry, records: [['1 CN=Ada,DC=corp', { cn: ['Ada'] }]] },
  {
    name: 'version, comments and blank lines',
    text: `version: 1\n# who\n#  folds\n  too\n\n\n${entry}# end`,
    records: [['7 CN=Ada,DC=corp', { cn: ['Ada'] }]],
  },
  { name: 'CRLF', text: entry.replaceAll('\n', '\r\n'), records: [['1 CN=Ada,DC=corp', { cn: ['Ada'] }]] },
  { name: 'no line end at the end', text: entry.trimEnd(), records: [['1 CN=Ada,DC=corp', { cn: ['Ada'] }]] },
  { name: 'a byte order mark', text: `\ufeff${entry}`, records: [['1 CN=Ada,DC=corp', { cn: ['Ada'] }]] },
  {
    name: 'folded values and names',
    text: 'dn: CN=A\n da,DC=corp\nc\n n: Ada \n  Lovelace\n',
    records: [['1 CN=Ada,DC=corp', { cn: ['Ada  Lovelace'] }]],
  },
  {
    name: 'several values, names in any case',
    text: `${entry}CN: Countess\n`,
    records: [['1 CN=Ada,DC=corp', { cn: ['Ada', 'Countess'] }]],
  },
  { name: 'base64, folded', text: 'dn:: Q049SsO2cmc\n =\ncn:: SsO2cmc=\n', records: [['1 CN=Jörg', { cn: ['Jörg'] }]] },
  { name: 'UTF-8 as it is', text: 'dn: CN=Jörg\ncn: Jörg\n', records: [['1 CN=Jörg', { cn: ['Jörg'] }]] },
  { name: 'bytes that are no text', text: 'dn: CN=a\nphoto:: //4=\n', records: [['1 CN=a', { photo: ['<fffe>'] }]] },
  {
    name: 'bytes that happen to be text',
    text: 'dn: CN=a\nobjectGUID:: YWJj\n',
    binary: ['objectguid'],
    records: [['1 CN=a', { objectguid: ['<616263>'] }]],
  },
  { name: 'an empty value', text: 'dn: CN=a\ncn:\nsn:   \n', records: [['1 CN=a', { cn: [''], sn: [''] }]] },
  {
    name: 'options of attributes',
    text: 'dn: CN=a\nmember;range=0-1: CN=x\nmember: CN=y\ncn;lang-fr: b\n',
    records: [['1 CN=a', { member: ['CN=x', 'CN=y'], 'cn;lang-fr': ['b'] }]],
  },
  { name: 'changetype add', text: 'dn: CN=a\nchangetype: add\ncn: a\n', records: [['1 CN=a', { cn: ['a'] }]] },
  {
    name: 'an entry without attributes',
    text: 'dn: CN=a\n\ndn: CN=b\n',
    records: [
      ['1 CN=a', {}],
      ['3 CN=b', {}],
    ],
  },
];

const broken: { name: string; text: string; errors: string[]; records?: number }[] = [
  { name: 'no dn', text: 'cn: Ada\n', errors: ['1: an entry begins with `dn:`'] },
  { name: 'no colon', text: `${entry}what\n`, errors: ['3: is no `attribute: value`'] },
  { name: 'a value by URL', text: `${entry}photo:< file:///etc/passwd\n`, errors: ['3: photo is given by URL, which is not allowed here'] },
  { name: 'no base64', text: `${entry}sn:: so=so\n`, errors: ['3: sn is no valid base64'] },
  { name: 'a line that continues nothing', text: ` x\n\n${entry}`, errors: ['1: continues a line that does not exist'], records: 1 },
  { name: 'another version', text: `version: 2\n\n${entry}`, errors: ['1: only version 1 of the format is known'], records: 1 },
  {
    name: 'a change record',
    text: 'dn: CN=a\nchangetype: modify\nadd: member\nmember: CN=x\n-\n',
    errors: ['2: is a change record; this file must hold entries', '5: belongs to a change record; this file must hold entries'],
  },
  {
    name: 'two entries without a blank line',
    text: 'dn: CN=a\ncn: a\ndn: CN=b\ncn: b\n',
    errors: ['3: a second `dn:` without a blank line before it'],
  },
  {
    name: 'a bad entry does not take the next one along',
    text: `dn: CN=a\nwhat\n\n${entry}`,
    errors: ['2: is no `attribute: value`'],
    records: 1,
  },
  {
    name: 'every error has its line',
    text: 'cn: a\n\ndn: CN=b\nwhat\n\nwhat\n',
    errors: ['1: an entry begins with `dn:`', '4: is no `attribute: value`', '6: is no `attribute: value`'],
  },
];

describe('LDIF', () => {
  test.each(read)('reads $name', ({ text, records, binary = [] }) => {
    expect(summary(text, binary)).toEqual({ records, errors: [] });
  });
  test.each(broken)('refuses $name', ({ text, errors, records = 0 }) => {
    const found = summary(text);
    expect(found.errors).toEqual(errors);
    expect(found.records).toHaveLength(records);
  });

  test('cut anywhere it reads the same', () => {
    const text = read
      .map(({ text: one }) => `${one}\n\n`)
      .join('')
      .replace(/version: 1\n|\ufeff/g, '');
    const whole = parseLdif(text);
    fc.assert(
      fc.property(fc.array(fc.nat(text.length), { maxLength: 12 }), (cuts) => {
        const records: unknown[] = [];
        const reader = ldifReader({ onRecord: (record) => records.push(record) });
        const places = [0, ...cuts.sort((a, b) => a - b), text.length];
        for (let at = 1; at < places.length; at += 1) reader.write(text.slice(places[at - 1], places[at]));
        expect(reader.end()).toEqual(whole.errors);
        expect(records).toEqual(whole.records);
      }),
    );
  });

  test('never throws and never reads on for ever', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('dn: CN=a', 'cn: x', ' ', ' y', '', '-', ':', '::', 'a:: !', '#', '\r', 'é: x'), { maxLength: 30 }),
        (lines) => {
          expect(() => parseLdif(lines.join('\n'))).not.toThrow();
        },
      ),
    );
  });

  test('a line without end is an error, not a process out of memory', () => {
    const reader = ldifReader({ onRecord: () => {} });
    reader.write('dn: CN=a\ncn: ');
    for (let at = 0; at < 40; at += 1) reader.write('x'.repeat(1_000_000));
    expect(reader.end().map(({ line, message }) => `${line}: ${message}`)).toEqual(['2: is longer than 8000000 characters']);
  });
});
