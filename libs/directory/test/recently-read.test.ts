import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { recentlyRead } from '../src/ldap/recently-read.ts';

test('whatever comes in whatever order: what is known is what was read', () => {
  const word = fc.oneof(fc.constantFrom('top', 'user', 'person', 'mailRecipient', 'cn', 'sn', ''), fc.string({ maxLength: 250 }));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 200 }), (words) => {
      const recent = recentlyRead<string>(4);
      const buffer = Buffer.from(words.join(''));
      let at = 0;
      for (const text of words) {
        const end = at + Buffer.byteLength(text);
        const known = recent.get(buffer, at, end);
        const read = buffer.toString('utf8', at, end);
        expect(known ?? read).toBe(read);
        if (known === undefined) recent.keep(buffer, end, read);
        at = end;
      }
    }),
  );
});

test('what comes again is known without being read; what never does is given up', () => {
  const again = recentlyRead<string>(2);
  const never = recentlyRead<string>(2);
  let read = 0;
  for (let n = 0; n < 200; n += 1) {
    const buffer = Buffer.from(`top${n}`);
    if (again.get(buffer, 0, 3) === undefined) {
      read += 1;
      again.keep(buffer, 3, 'top');
    }
    if (never.get(buffer, 0, buffer.length) === undefined) never.keep(buffer, buffer.length, `top${n}`);
  }
  expect(read).toBe(1);
  const last = Buffer.from('top199');
  expect(never.get(last, 0, last.length)).toBeUndefined();
});
