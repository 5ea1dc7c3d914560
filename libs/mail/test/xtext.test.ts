import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  decodeUtf8Address,
  decodeXtext,
  encodeUtf8Address,
  encodeXtext,
  isWanted,
  normalizedNotify,
  parseNotify,
  type ReportAction,
  reportAddress,
} from '../src/index.ts';

describe('xtext', () => {
  test.each([
    ['ada@corp.example', 'ada@corp.example'],
    ['a+b=c d', 'a+2Bb+3Dc+20d'],
    ['bücher', 'b+C3+BCcher'],
    ['', ''],
  ])('%j', (text, encoded) => {
    expect(encodeXtext(text)).toBe(encoded);
    expect(decodeXtext(encoded)).toBe(text);
  });
  test('lower-case hex is read', () => expect(decodeXtext('a+2bb')).toBe('a+b'));
  test.each(['a b', 'a+', 'a+2', 'a+2G', 'a=b', 'ü', 'a\r\n'])('not %j', (text) => expect(decodeXtext(text)).toBeUndefined());
  test('every text comes back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = encodeXtext(text);
        expect(encoded).toMatch(/^([!-*,-<>-~]|\+[0-9A-F]{2})*$/);
        expect(decodeXtext(encoded)).toBe(text);
      }),
    );
  });
});

describe('internationalized addresses in ASCII fields', () => {
  test.each([
    ['SMTP:ada@corp.example', 'rfc822;ada@corp.example'],
    ['SMTP:bücher@corp.example', 'utf-8;b\\x{FC}cher@corp.example'],
    ['X400:c=us;a= ;p=Corp', 'x400;c=us;a= ;p=Corp'],
  ])('%s', (address, report) => expect(reportAddress(address)).toBe(report));
  test('every address comes back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const encoded = encodeUtf8Address(text);
        expect(encoded).toMatch(/^[!-~]*$/);
        expect(decodeUtf8Address(encoded)).toBe(text);
      }),
    );
  });
  test.each(['\\', 'a\\x{}', '\\x{D800}', '\\x{110000}', '\\y'])('not %j', (text) => expect(decodeUtf8Address(text)).toBeUndefined());
});

describe('NOTIFY', () => {
  test.each([
    ['NEVER', 'never'],
    ['delay,SUCCESS,delay', ['success', 'delay']],
    ['FAILURE', ['failure']],
    ['NEVER,FAILURE', undefined],
    ['', undefined],
    ['often', undefined],
  ])('%s', (text, notify) => expect(parseNotify(text)).toEqual(notify));
  test('in one form', () => {
    expect(normalizedNotify(['delay', 'success', 'delay'])).toEqual(['success', 'delay']);
    expect(normalizedNotify('never')).toBe('never');
  });
  const rows: [Parameters<typeof isWanted>[0], ReportAction[]][] = [
    [undefined, ['failed', 'delayed']],
    ['never', []],
    [['success'], ['delivered', 'relayed', 'expanded']],
    [['failure'], ['failed']],
    [['delay'], ['delayed']],
    [
      ['success', 'failure', 'delay'],
      ['failed', 'delayed', 'delivered', 'relayed', 'expanded'],
    ],
  ];
  test.each(rows)('%j is told of %j', (notify, told) => {
    const actions: ReportAction[] = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'];
    expect(actions.filter((action) => isWanted(notify, action))).toEqual(told);
  });
});
