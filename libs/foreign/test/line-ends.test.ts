import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { withLineFeeds, withCrlf } from '../src/line-ends.ts';
import { fileDialects } from '../src/index.ts';
import { context, lines } from './dialect-support.ts';

const anyLines = fc.string({ unit: fc.constantFrom('a', 'ü', '\r', '\n', '\r\n'), maxLength: 40 });

test('line ends are what a replacement in the text would make them', () => {
  fc.assert(
    fc.property(anyLines, (text) => {
      const plain = text.replaceAll(/\r\n?/g, '\n');
      expect(withLineFeeds(Buffer.from(text)).toString()).toBe(plain);
      expect(withCrlf(Buffer.from(plain)).toString()).toBe(plain.replaceAll('\n', '\r\n'));
      const once = withCrlf(Buffer.from(plain));
      expect(withCrlf(once)).toBe(once);
    }),
  );
});

test('a long text comes through whole', async () => {
  const long = 'prüfen\r\n'.repeat(200_000);
  const head = ['X-Tnef-Attach:', 'MAIL FROM:<a@x.example>', 'RCPT TO:<b@y.example>', 'DATA:', 'From: a@x.example', ''];
  const made = await fileDialects.sgw.translate(Buffer.concat([lines(...head), Buffer.from(long)]), context);
  if (made.kind === 'reject') throw new Error(made.reason);
  const message = Buffer.concat(made.parts).toString();
  expect(Buffer.from(message.slice(message.indexOf('\r\n\r\n')), 'base64').toString()).toBe(long);
});
