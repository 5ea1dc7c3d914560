import { isIPv4, isIPv6 } from 'node:net';

/**
 * The header a proxy puts before a connection (PROXY protocol, versions 1 and 2): who the client is.
 *
 * `client` is absent where the proxy speaks for itself (LOCAL, a health check) or does not know (UNKNOWN).
 */
export type ProxyHeader =
  | { kind: 'more' }
  | { kind: 'bad' }
  | { kind: 'header'; client?: { address: string; port: number }; bytes: number };

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const maxLineBytes = 107; // of version 1, its CR LF included
/** Room for addresses and the notes (TLV) a proxy adds; a longer header is none. */
const maxBodyBytes = 2_048;
const more: ProxyHeader = { kind: 'more' };
const bad: ProxyHeader = { kind: 'bad' };

/** @param input everything that has come; `more` until the header is whole. At most 2,064 bytes are ever asked for. */
export function parseProxyHeader(input: Buffer): ProxyHeader {
  const begins = (wanted: Buffer) => input.subarray(0, wanted.length).equals(wanted.subarray(0, input.length));
  if (begins(signature)) return input.length < 16 ? more : version2(input);
  if (begins(Buffer.from('PROXY '))) return version1(input);
  return bad;
}

function version1(input: Buffer): ProxyHeader {
  const end = input.indexOf('\r\n');
  if (end < 0) return input.length < maxLineBytes ? more : bad;
  if (end + 2 > maxLineBytes) return bad;
  const line = input.toString('latin1', 0, end);
  const bytes = end + 2;
  if (/^PROXY UNKNOWN(?: .*)?$/.test(line)) return { kind: 'header', bytes };
  const found = /^PROXY TCP([46]) (\S+) (\S+) (\d{1,5}) (\d{1,5})$/.exec(line);
  if (found === null) return bad;
  const [, family, address = '', own = '', port = '', ownPort = ''] = found;
  const isAddress = family === '4' ? isIPv4 : isIPv6;
  if (!isAddress(address) || !isAddress(own) || address.includes('%') || Number(port) > 65_535 || Number(ownPort) > 65_535) return bad;
  return { kind: 'header', client: { address: family === '6' ? canonical(address) : address, port: Number(port) }, bytes };
}

function version2(input: Buffer): ProxyHeader {
  const versionAndCommand = input[12] ?? 0;
  const family = input[13] ?? 0;
  const length = input.readUInt16BE(14);
  const bytes = 16 + length;
  if (versionAndCommand >> 4 !== 2 || (versionAndCommand & 0xf) > 1 || length > maxBodyBytes) return bad;
  if (family >> 4 > 3 || (family & 0xf) > 2) return bad; // §2.2: no kind of socket there is
  if (input.length < bytes) return more;
  if ((versionAndCommand & 0xf) === 0) return { kind: 'header', bytes }; // LOCAL
  if (family === 0x11) {
    if (length < 12) return bad;
    return { kind: 'header', client: { address: input.subarray(16, 20).join('.'), port: input.readUInt16BE(24) }, bytes };
  }
  if (family === 0x21) {
    if (length < 36) return bad;
    const groups = Array.from({ length: 8 }, (_, at) => input.readUInt16BE(16 + 2 * at).toString(16));
    return { kind: 'header', client: { address: canonical(groups.join(':')), port: input.readUInt16BE(48) }, bytes };
  }
  return { kind: 'header', bytes }; // another kind of socket: the client is unknown
}

/** The usual short form of an IPv6 address (RFC 5952), and the IPv4 address where one is mapped. */
function canonical(address: string): string {
  const short = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(short);
  if (mapped === null) return short;
  const [high, low] = [Number.parseInt(mapped[1] ?? '', 16), Number.parseInt(mapped[2] ?? '', 16)];
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}
