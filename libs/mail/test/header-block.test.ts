import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type HeaderFacts, headerFacts, readHeaderBlock, visitFields } from '../src/index.ts';

const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('header block', () => {
  test.each<[string, string, string[], string]>([
    ['fields in order', 'A: 1\r\nB: 2\r\na: 3\r\n\r\nbody', ['A', 'B', 'a'], 'body'],
    ['bare LF', 'A: 1\nB: 2\n 3\n\nbody', ['A', 'B'], 'body'],
    ['no header', '\r\nbody', [], 'body'],
    ['no blank line', 'A: 1\r\nB: 2', ['A', 'B'], ''],
    ['a line that is no field ends it', 'A: 1\r\nhello there\r\nB: 2', ['A'], 'hello there\r\nB: 2'],
    ['a continuation first', ' x\r\nA: 1\r\n\r\n', [], ' x\r\nA: 1\r\n\r\n'],
    ['mailbox separator', '>From ada today\r\nA: 1\r\n\r\nbody', ['A'], 'body'],
    ['a separator that is not first', 'A: 1\r\nFrom ada today\r\nB: 2\r\n\r\n', ['A'], 'From ada today\r\nB: 2\r\n\r\n'],
    ['blanks before the colon', 'A \t: 1\r\n\r\n', ['A'], ''],
    ['8-bit in a value', 'A: \xe4\r\n\r\n', ['A'], ''],
    ['8-bit in a name', '\xe4: 1\r\n\r\n', [], '\xe4: 1\r\n\r\n'],
    ['no name', ': 1\r\n\r\n', [], ': 1\r\n\r\n'],
    ['a name without end', `${'a'.repeat(2_000)}: 1\r\n\r\n`, [], `${'a'.repeat(2_000)}: 1\r\n\r\n`],
    ['empty', '', [], ''],
  ])('%s', (_name, message, names, body) => {
    const block = readHeaderBlock(bytes(message));
    expect(block.fields.map((field) => field.name)).toEqual(names);
    expect(message.slice(block.end)).toBe(body);
  });

  test('values: unfolded, first and all, any letter case, UTF-8 or byte for character', () => {
    const block = readHeaderBlock(
      Buffer.concat([Buffer.from('Subject: a\r\n b\r\n\tc \r\nX: Bücher\r\nx:\r\n'), bytes('Y: \xe4\r\n\r\n')]),
    );
    expect(block.first('subject')).toBe('a b\tc');
    expect(block.all('X')).toEqual(['Bücher', '']);
    expect(block.first('y')).toBe('\xe4');
    expect(block.first('z')).toBeUndefined();
  });

  test('bounded: fields beyond the limit are passed over, the end is right', () => {
    const block = readHeaderBlock(bytes(`${'A: 1\r\n'.repeat(50)}\r\nbody`), 10);
    expect(block).toMatchObject({ more: true, end: 302 });
    expect(block.fields).toHaveLength(10);
  });

  test('fields follow each other without a gap, whatever the bytes', () => {
    const piece = fc.constantFrom('A: 1', 'Subject:x', '\r\n', '\n', ' ', '\t', '\r', ':', 'From x', '\x00', '\xff', 'a b');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const message = bytes(pieces.join(''));
        let at: number | undefined;
        const end = visitFields(message, (start, nameEnd, valueStart, fieldEnd) => {
          if (at !== undefined) expect(start).toBe(at);
          expect(nameEnd).toBeGreaterThan(start);
          expect(valueStart).toBeGreaterThan(nameEnd - 1);
          expect(fieldEnd).toBeGreaterThanOrEqual(valueStart);
          at = fieldEnd;
          return undefined;
        });
        expect(end).toBeGreaterThanOrEqual(at ?? 0);
        expect(end - (at ?? end)).toBeLessThanOrEqual(2); // the blank line
        expect(readHeaderBlock(message).end).toBe(end);
        expect(headerFacts(message).headerBytes).toBe(end);
      }),
    );
  });
});

describe('facts', () => {
  const plain: HeaderFacts = { receivedCount: 0, headerBytes: 0, autoSubmitted: false, priority: 'normal' };
  const rows: [string, string, Partial<HeaderFacts>][] = [
    ['empty message', '', {}],
    ['no header', '\r\nbody', { headerBytes: 2 }],
    [
      'Received counted, also folded, not in the body',
      'Received: a\r\n b\r\nreceived: c\r\nX-Received: d\r\n\r\nReceived: e',
      { receivedCount: 2, headerBytes: 47 },
    ],
    ['Message-ID, the first', 'Message-Id: <a@b>\r\nMessage-ID: <c@d>\r\n\r\n', { messageId: '<a@b>', headerBytes: 40 }],
    ['Message-ID with controls', 'Message-ID: <a\x01\r\n b>\r\n\r\n', { messageId: '<a b>', headerBytes: 24 }],
    ['Message-ID empty', 'Message-ID: \r\n\r\n', { headerBytes: 16 }],
    ['Date', 'Date: Mon, 23 Nov 2026 10:00:00 GMT\r\n\r\n', { date: Date.parse('2026-11-23T10:00:00Z'), headerBytes: 39 }],
    ['Date that is none', 'Date: soon\r\n\r\n', { headerBytes: 14 }],
    ['Auto-Submitted', 'Auto-Submitted: auto-generated; x=y\r\n\r\n', { autoSubmitted: true, headerBytes: 39 }],
    ['Auto-Submitted: no', 'Auto-Submitted: No (a person)\r\n\r\n', { headerBytes: 33 }],
    ['a list', 'List-Id: <x.y>\r\n\r\n', { autoSubmitted: true, headerBytes: 18 }],
    ['bulk', 'Precedence: bulk\r\n\r\n', { autoSubmitted: true, headerBytes: 20 }],
    ['first class', 'Precedence: first-class\r\n\r\n', { headerBytes: 27 }],
    ['Importance wins', 'X-Priority: 5\r\nImportance: High\r\n\r\n', { priority: 'urgent', headerBytes: 35 }],
    [
      'Importance not understood: the next',
      'Importance: whatever\r\nPriority: non-urgent\r\n\r\n',
      { priority: 'non-urgent', headerBytes: 46 },
    ],
    ['X-Priority with words', 'X-Priority: 1 (Highest)\r\n\r\n', { priority: 'urgent', headerBytes: 27 }],
    ['X-Priority 3', 'X-Priority: 3\r\nX-MSMail-Priority: High\r\n\r\n', { priority: 'normal', headerBytes: 42 }],
    ['X-Priority 10 is nothing', 'X-Priority: 10\r\nX-MSMail-Priority: Low\r\n\r\n', { priority: 'non-urgent', headerBytes: 42 }],
  ];
  test.each(rows)('%s', (_name, message, facts) => {
    expect(headerFacts(bytes(message))).toEqual({ ...plain, ...facts });
  });
});
