import { describe, expect, test } from '@jest/globals';
import { converted, planConversion } from '../src/convert-8bit.ts';
import { QuotedPrintable } from '../src/quoted-printable.ts';

function encode(bytes: Buffer, pieceBytes: number): string {
  const encoder = new QuotedPrintable();
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) out.push(encoder.push(bytes.subarray(at, at + pieceBytes)));
  out.push(encoder.end());
  return Buffer.concat(out).toString('latin1');
}
/** RFC 2045 §6.7 read the other way. */
function decode(text: string): Buffer {
  const plain = text.replace(/=\r\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(plain, 'latin1');
}

describe('quoted-printable', () => {
  test.each([
    { name: 'plain text', text: 'hello\r\nworld\r\n', gives: 'hello\r\nworld\r\n' },
    { name: '8-bit and equals', text: 'é = e\r\n', gives: '=C3=A9 =3D e\r\n' },
    { name: 'blanks at the end of a line', text: 'a \r\nb\t\r\n', gives: 'a=20\r\nb=09\r\n' },
    { name: 'blanks at the end', text: 'a ', gives: 'a=20' },
    { name: 'CR and LF alone', text: 'a\rb\nc', gives: 'a=0Db=0Ac' },
    { name: 'a long line', text: `${'x'.repeat(100)}\r\n`, gives: `${'x'.repeat(75)}=\r\n${'x'.repeat(25)}\r\n` },
    { name: 'a code is never cut', text: `${'x'.repeat(74)}é`, gives: `${'x'.repeat(74)}=\r\n=C3=A9` },
  ])('$name', ({ text, gives }) => {
    for (const pieceBytes of [1, 2, 3, 1_000]) expect(encode(Buffer.from(text), pieceBytes)).toBe(gives);
  });

  test('any bytes come back, in lines of at most 76 printable characters', () => {
    let seed = 42;
    const random = (below: number) => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return seed % below;
    };
    const alphabet = [0x0d, 0x0a, 0x20, 0x09, 0x3d, 0x2e, 0x61, 0xc3, 0xa9, 0x00, 0x7f];
    for (let run = 0; run < 300; run++) {
      const bytes = Buffer.from(
        Array.from({ length: random(400) }, () => (random(3) === 0 ? random(256) : (alphabet[random(alphabet.length)] ?? 0))),
      );
      const encoded = encode(bytes, 1 + random(50));
      expect(decode(encoded).equals(bytes)).toBe(true);
      for (const line of encoded.split('\r\n')) {
        expect(line.length).toBeLessThanOrEqual(76);
        expect(line).toMatch(/^[\t -~]*$/);
        expect(line).not.toMatch(/[ \t]$/);
      }
    }
  });
});

describe('what can be converted', () => {
  const rows: { name: string; header: string; gives: string }[] = [
    {
      name: 'a text part with its fields',
      header: 'Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n',
      gives:
        'Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain;\r\n charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n',
    },
    {
      name: 'no MIME fields at all',
      header: 'Subject: x\r\n\r\n',
      gives:
        'Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n',
    },
    {
      name: 'no header at all',
      header: '\r\n',
      gives: 'MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n',
    },
    { name: 'a multipart', header: 'Content-Type: multipart/mixed; boundary=x\r\n\r\n', gives: 'it is no single text part' },
    { name: 'multipart/signed', header: 'Content-Type: multipart/signed; boundary=x\r\n\r\n', gives: 'it is no single text part' },
    { name: 'S/MIME', header: 'Content-Type: application/pkcs7-mime\r\n\r\n', gives: 'it is no single text part' },
    { name: 'DKIM', header: 'Subject: x\r\ndkim-signature: v=1\r\n\r\n', gives: 'it would break the dkim-signature' },
    { name: 'ARC', header: 'ARC-Seal: i=1\r\n\r\n', gives: 'it would break the arc-seal' },
    { name: 'DomainKeys', header: 'DomainKey-Signature: a=rsa\r\n\r\n', gives: 'it would break the domainkey-signature' },
    { name: '8-bit in the header', header: 'Subject: \u00e9\r\n\r\n', gives: 'its header fields hold 8-bit text' },
    { name: 'a strange encoding', header: 'Content-Transfer-Encoding: x-uuencode\r\n\r\n', gives: 'its transfer encoding is not 8bit' },
    {
      name: 'two encodings',
      header: 'Content-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 7bit\r\n\r\n',
      gives: 'its MIME fields are doubled',
    },
    { name: 'a line that is no field', header: 'Subject: x\r\nwhat is this\r\n\r\n', gives: 'its header block is malformed' },
    { name: 'no end of the header', header: 'Subject: x\r\n', gives: 'its header block has no end in sight' },
    { name: 'nothing', header: '', gives: 'its header block has no end in sight' },
  ];
  test.each(rows)('$name', async ({ header, gives }) => {
    const plan = planConversion(Buffer.from(`${header}${header.endsWith('\r\n\r\n') || header === '\r\n' ? 'body' : ''}`, 'latin1'));
    if ('reason' in plan) return expect(plan.reason).toBe(gives);
    expect(plan.header.toString('latin1')).toBe(gives);
    const pieces: Buffer[] = [];
    async function* body() {
      yield Buffer.from('body é\r\n');
    }
    for await (const piece of converted(plan, body())) pieces.push(piece);
    expect(Buffer.concat(pieces).toString('latin1')).toBe(`${gives}body =C3=A9\r\n`);
  });
});
