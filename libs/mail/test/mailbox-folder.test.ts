import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { mailboxFolder } from '../src/mailbox-folder.ts';

const digest = (text: string) => createHash('sha256').update(text).digest('hex');
const local = (length: number) => `${'a'.repeat(length - 13)}@corp.example`;

describe('the folder of a mailbox', () => {
  test.each([
    ['ada@corp.example', 'ada@corp.example'],
    ['Ada@Corp.Example', 'ada@corp.example'],
    ['ada+lists=x_y-z@corp.example', 'ada+lists=x_y-z@corp.example'],
    ['a/b@corp.example', 'a%2Fb@corp.example'],
    ['../../etc/passwd@corp.example', '%2E.%2F..%2Fetc%2Fpasswd@corp.example'],
    ['..', '%2E.'],
    ['.', '%2E'],
    ['.hidden@corp.example', '%2Ehidden@corp.example'],
    ['a..b@corp.example', 'a..b@corp.example'],
    ['100%@corp.example', '100%25@corp.example'],
    ['%2e.@corp.example', '%252e.@corp.example'],
    ['"a b"@corp.example', '%22a%20b%22@corp.example'],
    ['a\0\r\n\x7fb@corp.example', 'a%00%0D%0A%7Fb@corp.example'],
    ['jörg@corp.example', 'j%C3%B6rg@corp.example'],
    ['\u{1f4a9}@corp.example', '%F0%9F%92%A9@corp.example'],
    [local(200), local(200)],
    [local(201), digest(local(201))],
    ['ö'.repeat(40), digest('ö'.repeat(40))],
  ])('%j is in %j', (address, folder) => {
    expect(mailboxFolder(address)).toBe(folder);
  });

  test('no address at all is refused', () => {
    expect(() => mailboxFolder('')).toThrow(RangeError);
  });

  test('every address gives one safe name, and different addresses different ones', () => {
    const address = fc.string({ unit: 'binary', minLength: 1, maxLength: 320 });
    fc.assert(
      fc.property(address, address, (one, other) => {
        const folder = mailboxFolder(one);
        expect(folder).toMatch(/^[a-z0-9@_+=%-][a-zA-Z0-9@._+=%-]{0,199}$/);
        const same = Buffer.from(one.toLowerCase()).equals(Buffer.from(other.toLowerCase()));
        expect(mailboxFolder(other) === folder).toBe(same);
      }),
    );
  });
});
