import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type LeftOut, PartFilter } from '../src/index.ts';

/** What is left of a message, given in pieces of `pieceBytes`. */
function filtered(message: string, without: LeftOut[], pieceBytes = 65_536): { text: string; leftOut: Record<LeftOut, number> } {
  const filter = new PartFilter(without);
  const bytes = Buffer.from(message, 'latin1');
  const kept: Buffer[] = [];
  const pass = (part: Buffer) => kept.push(Buffer.from(part));
  for (let at = 0; at < bytes.length; at += pieceBytes) filter.push(bytes.subarray(at, at + pieceBytes), pass);
  filter.end(pass);
  return { text: Buffer.concat(kept).toString('latin1'), leftOut: filter.leftOut };
}

const lines = (...text: string[]) => text.map((line) => `${line}\r\n`).join('');
const part = (boundary: string, type: string, ...body: string[]) => lines(`--${boundary}`, `Content-Type: ${type}`, '', ...body);

const plain = (b = 'b') => part(b, 'text/plain; charset=utf-8', 'Hello', '-- ', 'Ada');
const html = (b = 'b') => part(b, 'text/html', '<p>Hello</p>');
const winmail = (b = 'b') => part(b, 'application/ms-tnef; name="winmail.dat"', 'eJ8+IgAAAAA=');
const alternative = (...parts: string[]) =>
  `${lines('MIME-Version: 1.0', 'Content-Type: multipart/alternative; boundary=b', '')}${parts.join('')}`;
const mixed = (...parts: string[]) => `${lines('Content-Type: multipart/mixed;', '\tboundary="b"', '', 'preamble')}${parts.join('')}`;
const end = (b = 'b') => lines(`--${b}--`, 'epilogue');
const nested = (type: string, b: string, ...parts: string[]) =>
  `${lines('--b', `Content-Type: ${type}; boundary="${b}"`, '')}${parts.join('')}${lines(`--${b}--`)}`;

const rows: { name: string; message: string; without: LeftOut[]; left: string }[] = [
  { name: 'winmail.dat behind a text goes', message: mixed(plain(), winmail(), end()), without: ['tnef'], left: mixed(plain(), end()) },
  { name: 'and stays where nobody minds it', message: mixed(plain(), winmail(), end()), without: ['html'], left: 'same' },
  { name: 'where it is all there is, it stays', message: mixed(winmail(), end()), without: ['tnef'], left: 'same' },
  {
    name: 'of a text in two forms the plain one stays',
    message: alternative(plain(), html(), end()),
    without: ['html'],
    left: alternative(plain(), end()),
  },
  { name: 'HTML alone stays', message: alternative(html(), end()), without: ['html'], left: 'same' },
  { name: 'an attached page is no other form', message: mixed(plain(), html(), end()), without: ['html'], left: 'same' },
  {
    name: 'pictures go with the HTML they are for',
    message: alternative(plain(), nested('multipart/related', 'r', html('r'), part('r', 'image/png', 'AAAA')), end()),
    without: ['html'],
    left: alternative(plain(), end()),
  },
  {
    name: 'a mixture among the forms may hold attachments',
    message: alternative(plain(), nested('multipart/mixed', 'm', html('m'), part('m', 'application/pdf', 'AAAA')), end()),
    without: ['html'],
    left: 'same',
  },
  {
    name: 'an invitation stays',
    message: alternative(plain(), html(), part('b', 'text/calendar; method=REQUEST', 'BEGIN:VCALENDAR'), end()),
    without: ['html'],
    left: alternative(plain(), part('b', 'text/calendar; method=REQUEST', 'BEGIN:VCALENDAR'), end()),
  },
  {
    name: 'both, one in the other',
    message: mixed(nested('multipart/alternative', 'a', plain('a'), html('a')), winmail(), end()),
    without: ['tnef', 'html'],
    left: mixed(nested('multipart/alternative', 'a', plain('a')), end()),
  },
  {
    name: 'a signed message (DKIM)',
    message: `DKIM-Signature: v=1; d=corp.example\r\n${alternative(plain(), html(), end())}`,
    without: ['html', 'tnef'],
    left: 'same',
  },
  {
    name: 'a sealed one (ARC)',
    message: `ARC-Seal: i=1\r\n${alternative(plain(), html(), end())}`,
    without: ['html'],
    left: 'same',
  },
  {
    name: 'what is signed inside (S/MIME)',
    message: mixed(
      nested('multipart/signed; micalg=sha-256', 's', nested('multipart/alternative', 'a', plain('a'), html('a')).replace('--b', '--s')),
      end(),
    ),
    without: ['html'],
    left: 'same',
  },
  {
    name: 'a forwarded message',
    message: mixed(plain(), part('b', 'message/rfc822', alternative(plain('x'), html('x'), end('x'))), end()),
    without: ['html'],
    left: 'same',
  },
  {
    name: 'no multipart',
    message: lines('Subject: x', '', '--b', 'Content-Type: application/ms-tnef', ''),
    without: ['tnef'],
    left: 'same',
  },
  { name: 'no boundary', message: lines('Content-Type: multipart/mixed', '', '--', 'x'), without: ['tnef'], left: 'same' },
  { name: 'no header block', message: 'hello', without: ['tnef'], left: 'same' },
  { name: 'nothing at all', message: '', without: ['tnef'], left: 'same' },
  {
    name: 'cut off in a part that goes',
    message: mixed(plain(), '--b\r\nContent-Type: application/ms-tnef\r\n\r\nAA'),
    without: ['tnef'],
    left: mixed(plain()),
  },
  { name: 'cut off in a delimiter', message: mixed(plain(), '--b'), without: ['tnef'], left: 'same' },
  {
    name: 'a part that ends in its header',
    message: mixed(plain(), '--b\r\nContent-Type: application/ms-tnef\r\n--b--\r\n'),
    without: ['tnef'],
    left: mixed(plain(), '--b--\r\n'),
  },
  {
    name: 'bare line feeds',
    message: alternative(plain(), html(), end()).replaceAll('\r\n', '\n'),
    without: ['html'],
    left: alternative(plain(), end()).replaceAll('\r\n', '\n'),
  },
];

describe('parts that are left out', () => {
  test.each(rows)('$name', ({ message, without, left }) => {
    const { text, leftOut } = filtered(message, without);
    const expected = left === 'same' ? message : left;
    expect(text).toBe(expected);
    expect(leftOut.tnef + leftOut.html > 0).toBe(left !== 'same');
    for (const pieceBytes of [1, 2, 3, 7, 64]) expect(filtered(message, without, pieceBytes)).toEqual({ text, leftOut });
  });

  test('however the bytes come, the same is left, and nothing is made up', () => {
    const piece = fc.constantFrom(
      '--b',
      '--b--',
      '--c',
      '--c--',
      '\r\n',
      '\n',
      '\r',
      '-',
      '--',
      'text',
      'Content-Type: text/html',
      'Content-Type: text/plain',
      'Content-Type: application/ms-tnef',
      'Content-Type: multipart/alternative; boundary=c',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (pieces, pieceBytes) => {
        const message = mixed(pieces.join(''));
        const whole = filtered(message, ['tnef', 'html']);
        expect(filtered(message, ['tnef', 'html'], pieceBytes)).toEqual(whole);
        if (whole.leftOut.tnef + whole.leftOut.html === 0) expect(whole.text).toBe(message);
        else expect(whole.text.length).toBeLessThan(message.length);
      }),
      { numRuns: 500 },
    );
  });

  test('an attachment of many megabytes passes in the pieces it came in', () => {
    const filter = new PartFilter(['tnef']);
    let bytes = 0;
    const pass = (given: Buffer) => {
      bytes += given.length;
    };
    filter.push(Buffer.from(mixed(plain(), lines('--b', 'Content-Type: application/pdf', 'Content-Transfer-Encoding: base64', ''))), pass);
    const piece = Buffer.from(`${'A'.repeat(76)}\r\n`.repeat(840));
    for (let at = 0; at < 200; at += 1) filter.push(piece, pass);
    const before = bytes;
    filter.push(Buffer.from(lines('--b', 'Content-Type: application/ms-tnef', '', 'AAAA', '--b--')), pass);
    filter.end(pass);
    expect(before).toBeGreaterThan(200 * piece.length);
    expect(filter.leftOut.tnef).toBe(1);
    expect(bytes - before).toBe(7); // the last delimiter
  });
});
