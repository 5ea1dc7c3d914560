import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { planBinary } from '../src/convert-8bit.ts';
import { convertedBinary } from '../src/convert-binary.ts';

/** Converts a message that comes in pieces of so many bytes. */
async function convert(message: Buffer, pieceBytes = message.length): Promise<string> {
  async function* pieces() {
    for (let at = 0; at < message.length; at += pieceBytes) yield message.subarray(at, at + pieceBytes);
  }
  const out: Buffer[] = [];
  for await (const piece of convertedBinary(pieces())) out.push(piece);
  return Buffer.concat(out).toString('latin1');
}
const bytes = (text: string) => Buffer.from(text, 'latin1');

describe('one part', () => {
  test.each([
    {
      name: 'octets become base64',
      message: 'Content-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\0\r\n\xff',
      gives: 'Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\nAA0K/w==\r\n',
    },
    {
      name: 'text becomes quoted-printable, its bare line ends kept',
      message: 'Content-Transfer-Encoding: binary\r\nContent-Type: text/plain\r\n\r\na\rb\nc\xe9\r\n',
      gives: 'Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=0Db=0Ac=E9\r\n',
    },
    {
      name: 'what is encoded stays, its line ends made good',
      message: 'Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAA0K\n/w==\r\n',
      gives: 'Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAA0K\r\n/w==\r\n',
    },
    { name: 'no header block at all', message: 'just\0text', gives: 'just=00text' },
    { name: 'an empty body', message: 'Subject: x\r\n\r\n', gives: 'Subject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n' },
  ])('$name', async ({ message, gives }) => {
    for (const pieceBytes of [1, 2, 3, 7, 1_000]) expect(await convert(bytes(message), pieceBytes)).toBe(gives);
  });
});

test('parts, nested: each for itself, preamble and epilogue left out, an enclosed message gone into', async () => {
  const message = bytes(
    'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="o uter"\r\nContent-Transfer-Encoding: binary\r\n\r\nignored\r\n' +
      '--o uter\r\nContent-Type: text/plain\r\n\r\nhello\r\n' +
      '--o uter \r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n--inner\r\n\r\n--inner-not\r\n--inner--\r\nmore\r\n' +
      '--o uter\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: binary\r\n\r\nSubject: in\r\nContent-Type: application/x\r\n' +
      'Content-Transfer-Encoding: binary\r\n\r\n\x01\x02\r\n--o uter--\r\nignored, too\0\r\n',
  );
  for (const pieceBytes of [1, 5, 64, 10_000]) {
    expect(await convert(message, pieceBytes)).toBe(
      'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="o uter"\r\n\r\n' +
        '\r\n--o uter\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nhello' +
        '\r\n--o uter\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n' +
        '\r\n--inner\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n--inner-not\r\n--inner--\r\n' +
        '\r\n--o uter\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\nAQI=\r\n' +
        '\r\n--o uter--\r\n',
    );
  }
});

/** Reads what was written, by the two encodings alone. */
function decoded(part: string): Buffer {
  const end = part.indexOf('\r\n\r\n');
  const header = part.slice(0, end);
  const body = part.slice(end + 4);
  if (/encoding: base64/i.test(header)) return Buffer.from(body, 'base64');
  const plain = body
    .replaceAll(/=\r\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return bytes(plain);
}

test('whatever the octets and however they are cut, every part comes back, in lines any server takes', async () => {
  const octets = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
  const nasty = fc
    .array(fc.constantFrom('\r', '\n', '\0', '\r\n', '--', '--b', '\r\n--', '\r\n--bx', '\r\n-', '.', '\xff', 'text '), { maxLength: 30 })
    .map((parts) => bytes(parts.join('')));
  const part = fc.record({ text: fc.boolean(), body: fc.oneof(octets, nasty) });
  await fc.assert(
    fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 80 }), async (parts, pieceBytes) => {
      // A body that holds the delimiter is no part of this message.
      fc.pre(parts.every(({ body }) => !/(^|\r\n)--b(--)?[ \t]*(\r\n|$)/.test(body.toString('latin1'))));
      const wanted = parts.map(({ body }) => body);
      const message = Buffer.concat([
        bytes('Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\n'),
        ...parts.flatMap(({ text, body }) => [
          bytes(`\r\n--b\r\nContent-Type: ${text ? 'text/plain' : 'application/x'}\r\nContent-Transfer-Encoding: binary\r\n\r\n`),
          body,
        ]),
        bytes('\r\n--b--\r\n'),
      ]);
      const out = await convert(message, pieceBytes);
      expect(out).toMatch(/^(?:[\t -~]{0,998}\r\n)*$/);
      const sent = out.split(/\r\n--b(?:--)?(?=\r\n)/).slice(1, -1);
      expect(sent.map((one) => decoded(one.replace(/^\r\n/, '')).toString('hex'))).toEqual(wanted.map((body) => body.toString('hex')));
    }),
    { numRuns: 300, interruptAfterTimeLimit: 3_000 },
  );
});

test('any bytes at all come to an end as lines', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.constantFrom(
          'Content-Type: multipart/x; boundary=b\r\n',
          'Content-Type: message/rfc822\r\n',
          '\r\n',
          '--b\r\n',
          '--b--',
          '\0\n',
          'x:',
        ),
        { maxLength: 25 },
      ),
      fc.integer({ min: 1, max: 40 }),
      async (pieces, pieceBytes) => {
        const message = bytes(pieces.join(''));
        const whole = await convert(message);
        expect(await convert(message, pieceBytes)).toBe(whole);
        expect(whole).not.toMatch(/\0|\r(?!\n)|(?<!\r)\n/);
      },
    ),
    { numRuns: 500, interruptAfterTimeLimit: 3_000 },
  );
});

test.each([
  ['Subject: x\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n', { reason: 'it would break the signature' }],
  ['ARC-Seal: i=1\r\n\r\n', { reason: 'it would break the arc-seal' }],
  ['Subject: gr\xfc\xdf\r\n\r\n', { reason: 'its header fields hold 8-bit text' }],
  ['Subject: x\r\n', { reason: 'its header block has no end in sight' }],
  ['\r\n\0', undefined],
  ['Subject: x\r\nContent-Type: application/octet-stream\r\n\r\n\0', undefined],
])('%j', (head, gives) => {
  expect(planBinary(bytes(head))).toEqual(gives);
});
