import { expect, test } from '@jest/globals';
import { parseProxyHeader } from '../src/proxy-header.ts';

const signature = '\r\n\r\n\0\r\nQUIT\n';
const v2 = (command: number, family: number, body: Buffer) =>
  Buffer.concat([Buffer.from(signature, 'latin1'), Buffer.from([command, family, body.length >> 8, body.length & 255]), body]);
const ipv4 = Buffer.from([192, 0, 2, 1, 192, 0, 2, 2, 0x30, 0x39, 0, 25]);
const ipv6 = (address: string) => Buffer.concat([Buffer.from(address, 'hex'), Buffer.alloc(16), Buffer.from([0x30, 0x39, 0, 25])]);
const v1 = (text: string) => Buffer.from(text, 'latin1');

test.each([
  ['TCP4', v1('PROXY TCP4 192.0.2.1 192.0.2.2 12345 25\r\n'), { address: '192.0.2.1', port: 12_345 }],
  ['TCP6', v1('PROXY TCP6 2001:db8::1 2001:db8::2 12345 25\r\n'), { address: '2001:db8::1', port: 12_345 }],
  ['TCP6, written at length', v1('PROXY TCP6 2001:DB8:0::1 2001:db8::2 1 25\r\n'), { address: '2001:db8::1', port: 1 }],
  ['TCP6, IPv4 in IPv6', v1('PROXY TCP6 ::ffff:c000:201 ::1 1 25\r\n'), { address: '192.0.2.1', port: 1 }],
  ['UNKNOWN', v1('PROXY UNKNOWN\r\n'), undefined],
  ['UNKNOWN and more', v1('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), undefined],
  ['version 2, TCP4', v2(0x21, 0x11, ipv4), { address: '192.0.2.1', port: 12_345 }],
  [
    'version 2, TCP4 and notes',
    v2(0x21, 0x11, Buffer.concat([ipv4, Buffer.from([4, 0, 2, 9, 9])])),
    { address: '192.0.2.1', port: 12_345 },
  ],
  ['version 2, TCP6', v2(0x21, 0x21, ipv6('20010db8000000000000000000000001')), { address: '2001:db8::1', port: 12_345 }],
  ['version 2, IPv4 in IPv6', v2(0x21, 0x21, ipv6('00000000000000000000ffffc0000201')), { address: '192.0.2.1', port: 12_345 }],
  ['version 2, LOCAL', v2(0x20, 0, Buffer.alloc(0)), undefined],
  ['version 2, a socket of another kind', v2(0x21, 0x31, Buffer.alloc(216)), undefined],
  ['version 2, of no family', v2(0x21, 0, Buffer.alloc(5)), undefined],
  ['version 2, LOCAL with an address', v2(0x20, 0x11, ipv4), undefined],
])('%s, in any pieces, and what follows is not touched', (_, header, client) => {
  const input = Buffer.concat([header, Buffer.from('EHLO a\r\n')]);
  expect(parseProxyHeader(input)).toEqual({ kind: 'header', bytes: header.length, ...(client === undefined ? {} : { client }) });
  for (let length = 0; length < header.length; length++) expect(parseProxyHeader(input.subarray(0, length))).toEqual({ kind: 'more' });
});

test.each([
  ['a command', v1('EHLO client.example\r\n')],
  ['lower case', v1('proxy TCP4 192.0.2.1 192.0.2.2 1 25\r\n')],
  ['a bare line feed', v1(`PROXY TCP4 192.0.2.1 192.0.2.2 1 25\n${' '.repeat(80)}`)],
  ['no address', v1('PROXY TCP4 192.0.2.256 192.0.2.2 1 25\r\n')],
  ['an address of the other family', v1('PROXY TCP6 192.0.2.1 192.0.2.2 1 25\r\n')],
  ['an address with an interface', v1('PROXY TCP6 fe80::1%eth0 ::1 1 25\r\n')],
  ['version 2, a family there is not', v2(0x21, 0x41, ipv4)],
  ['version 2, a protocol there is not', v2(0x21, 0x13, ipv4)],
  ['a port too high', v1('PROXY TCP4 192.0.2.1 192.0.2.2 65536 25\r\n')],
  ['a word too many', v1('PROXY TCP4 192.0.2.1 192.0.2.2 1 25 x\r\n')],
  ['another protocol', v1('PROXY UDP4 192.0.2.1 192.0.2.2 1 25\r\n')],
  ['a line that does not end', v1(`PROXY UNKNOWN ${'x'.repeat(200)}`)],
  ['a line too long', v1(`PROXY UNKNOWN ${'x'.repeat(100)}\r\n`)],
  ['version 3', v2(0x31, 0x11, ipv4)],
  ['a command of version 2 that is none', v2(0x22, 0x11, ipv4)],
  ['too short for its addresses', v2(0x21, 0x11, ipv4.subarray(0, 11))],
  ['too short for its addresses, TCP6', v2(0x21, 0x21, ipv4)],
  ['a body without end', Buffer.concat([v2(0x21, 0x11, ipv4).subarray(0, 14), Buffer.from([0xff, 0xff])])],
])('%s is no header', (_, input) => {
  expect(parseProxyHeader(input)).toEqual({ kind: 'bad' });
});

test('never more than 2,064 bytes are asked for', () => {
  for (const head of ['PROXY ', 'PROXY TCP4 ', `${signature}\x21\x11`, `${signature}\x21\x21\x08\x00`, `${signature}\x20\x00\xff\xff`]) {
    for (const fill of ['x', '\0', '\r', ' ', '\xff']) {
      const input = v1(head + fill.repeat(3_000));
      const header = parseProxyHeader(input.subarray(0, 2_064));
      expect(header.kind).not.toBe('more');
      if (header.kind === 'header') expect(header.bytes).toBeLessThanOrEqual(2_064);
    }
  }
});
