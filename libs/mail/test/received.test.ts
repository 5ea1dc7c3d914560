import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ReceivedClauses, readHeaderBlock, receivedField, returnPathField } from '../src/index.ts';

const at = Date.parse('2026-11-23T10:00:00Z');
const common: ReceivedClauses = { by: 'mx1.corp.example', with: 'ESMTP', id: '0190', at };
const tail = '\r\n\tid 0190;\r\n\tMon, 23 Nov 2026 10:00:00 +0000\r\n';
const by = '\r\n\tby mx1.corp.example (Mailrail) with ESMTP';

describe('Received', () => {
  const rows: [string, Partial<ReceivedClauses>, string][] = [
    ['name and address', { from: 'mail.a.example', peer: '192.0.2.1' }, `Received: from mail.a.example ([192.0.2.1])${by}${tail}`],
    [
      'address literal, IPv6',
      { from: '[IPv6:2001:db8::1]', peer: '2001:db8::1' },
      `Received: from [IPv6:2001:db8::1] ([IPv6:2001:db8::1])${by}${tail}`,
    ],
    ['no name', { peer: '192.0.2.1' }, `Received: from [192.0.2.1]${by}${tail}`],
    ['a name that is none', { from: 'a (b\r\nBcc: x', peer: '192.0.2.1' }, `Received: from [192.0.2.1] (helo=a \\(b Bcc: x)${by}${tail}`],
    ['a name that is none, no address', { from: 'a b' }, `Received: from unknown (helo=a b)${by}${tail}`],
    ['not from a network', { with: 'local' }, `Received: by mx1.corp.example (Mailrail) with local${tail}`],
    [
      'TLS and for',
      { from: 'a.example', peer: '192.0.2.1', with: 'ESMTPS', tls: 'TLSv1.3 TLS_AES_256_GCM_SHA384', for: 'ada@corp.example' },
      `Received: from a.example ([192.0.2.1])${by}S (TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n\tid 0190\r\n\tfor <ada@corp.example>;\r\n\tMon, 23 Nov 2026 10:00:00 +0000\r\n`,
    ],
  ];
  test.each(rows)('%s', (_name, clauses, field) => {
    expect(receivedField({ ...common, ...clauses })).toBe(field);
  });
  test('one field of lines that may be so long, whatever the peer says', () => {
    const foreign = fc.oneof(fc.string({ unit: 'binary', maxLength: 2_000 }), fc.string({ maxLength: 3_000 }));
    fc.assert(
      fc.property(foreign, foreign, (from, forWhom) => {
        const field = receivedField({ ...common, from, peer: '192.0.2.1', for: forWhom, tls: from });
        const block = readHeaderBlock(Buffer.from(`${field}\r\nbody`));
        expect(block.fields.map((one) => one.name)).toEqual(['Received']);
        expect(Buffer.from(`${field}\r\nbody`).subarray(block.end).toString()).toBe('body');
        for (const line of field.split('\r\n')) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(998);
      }),
    );
  });
});

describe('Return-Path', () => {
  test.each([
    [null, 'Return-Path: <>\r\n'],
    ['SMTP:ada@corp.example', 'Return-Path: <ada@corp.example>\r\n'],
    ['SMTP:"a  b"@corp.example', 'Return-Path: <"a  b"@corp.example>\r\n'],
    ['SMTP:a\x01b@x', 'Return-Path: <a b@x>\r\n'],
    ['X400:c=us;s="Doe', 'Return-Path: <"X400:c=us;s=\\"Doe">\r\n'],
  ])('%j', (sender, line) => expect(returnPathField(sender)).toBe(line));
});
