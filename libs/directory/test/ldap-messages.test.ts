import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { BerWriter } from 'ldapts';
import { messageSplitter, readAnswer } from '../src/ldap/answers.ts';
import { LdapFailure } from '../src/ldap/failure.ts';

function message(id: number, tag: number, content: (writer: BerWriter) => void): Buffer {
  const writer = new BerWriter();
  writer.startSequence();
  writer.writeInt(id);
  writer.startSequence(tag);
  content(writer);
  writer.endSequence();
  writer.endSequence();
  return Buffer.from(writer.buffer);
}
const entry = (dn: string, attributes: [name: string, values: (string | Buffer)[]][]) =>
  message(7, 0x64, (writer) => {
    writer.writeString(dn);
    writer.startSequence();
    for (const [name, values] of attributes) {
      writer.startSequence();
      writer.writeString(name);
      writer.startSequence(0x31);
      for (const value of values) writer.writeBuffer(Buffer.from(value), 0x04);
      writer.endSequence();
      writer.endSequence();
    }
    writer.endSequence();
  });

describe('messages of a server', () => {
  test.each(['first', 'second', 'third'])('an entry, the %s time: names in lower case, ranges noted, bytes where they are bytes', () => {
    const answer = readAnswer(
      entry('CN=Jörg,DC=x', [
        ['Mail', ['jörg@x.example']],
        ['objectGUID', ['text']],
        ['jpegPhoto;binary', [Buffer.from([0xff])]],
        ['description', [Buffer.from([0xc3, 0x28]), 'with \ufffd in it']],
        ['member', []],
        ['member;range=0-1', ['CN=a', 'CN=b']],
        ['memberOf;range=2-*', ['CN=c']],
        ['empty', []],
      ]),
    );
    if (answer.kind !== 'entry') throw new Error(answer.kind);
    expect(answer.entry.dn).toBe('CN=Jörg,DC=x');
    expect([...answer.entry.attributes]).toEqual([
      ['mail', ['jörg@x.example']],
      ['objectguid', [Buffer.from('text')]],
      ['jpegphoto', [Buffer.from([0xff])]],
      ['description', [Buffer.from([0xc3, 0x28]), 'with \ufffd in it']],
      ['member', ['CN=a', 'CN=b']],
      ['memberof', ['CN=c']],
    ]);
    expect([...answer.entry.more]).toEqual([['member', 2]]);
  });

  test('wherever the stream is cut, the same messages come', () => {
    const messages = [entry('CN=a', [['cn', ['a'.repeat(300)]]]), entry('CN=b', []), entry('CN=c', [['cn', ['x'.repeat(70_000)]]])];
    const all = Buffer.concat(messages);
    fc.assert(
      fc.property(fc.array(fc.nat(all.length), { maxLength: 30 }), (cuts) => {
        const got: Buffer[] = [];
        const splitter = messageSplitter((one) => got.push(Buffer.from(one)));
        let from = 0;
        for (const cut of [...cuts.sort((a, b) => a - b), all.length]) {
          splitter.write(all.subarray(from, cut));
          from = cut;
        }
        expect(got.map(({ length }) => length)).toEqual(messages.map(({ length }) => length));
        expect(Buffer.concat(got).equals(all)).toBe(true);
        expect(splitter.waiting).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test('no bytes, however wrong, do more than fail', () => {
    const good = entry('CN=ada,DC=x', [
      ['cn', ['ada', 'b']],
      ['member;range=0-1', ['x', 'y']],
    ]);
    const read = (bytes: Buffer) => {
      try {
        const splitter = messageSplitter((one) => readAnswer(one));
        splitter.write(bytes);
      } catch (error) {
        if (!(error instanceof LdapFailure)) throw error;
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => read(Buffer.from(bytes))),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length - 1), fc.nat(255), (at, value, other, another) => {
        const bytes = Buffer.from(good);
        bytes[at] = value;
        bytes[other] = another;
        read(bytes);
      }),
      { numRuns: 5_000 },
    );
  });
});
