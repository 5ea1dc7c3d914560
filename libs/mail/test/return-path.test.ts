import { expect, test, describe } from '@jest/globals';
import { returnPathField } from '../src/index.ts';

describe('Return-Path', () => {
  test.each([
    [null, 'Return-Path: <>\r\n'],
    ['SMTP:ada@corp.example', 'Return-Path: <ada@corp.example>\r\n'],
    ['SMTP:"a  b"@corp.example', 'Return-Path: <"a  b"@corp.example>\r\n'],
    ['SMTP:a\x01b@x', 'Return-Path: <a b@x>\r\n'],
    ['X400:c=us;s="Doe', 'Return-Path: <"X400:c=us;s=\\"Doe">\r\n'],
  ])('%j', (sender, line) => expect(returnPathField(sender)).toBe(line));
});
