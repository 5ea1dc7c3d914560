import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';

const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * A domain in the one form it is compared and looked up in: A-labels, lower case, no final dot.
 *
 * @returns `undefined` for what is no domain name (RFC 5321 §4.1.2; underscores pass, since they are in use).
 */
export function asciiDomain(domain: string): string | undefined {
  const plain = domain.endsWith('.') ? domain.slice(0, -1) : domain;
  const ascii = /^[\w.-]+$/.test(plain) ? plain.toLowerCase() : /[\s/:?#@%\\[\]]/.test(plain) ? '' : domainToASCII(plain);
  if (ascii.length === 0 || ascii.length > 253) return undefined;
  return ascii.split('.').every((one) => label.test(one)) ? ascii : undefined;
}

/** `192.0.2.1` -> `[192.0.2.1]`, `2001:db8::1` -> `[IPv6:2001:db8::1]` (RFC 5321 §4.1.3); `undefined` for what is no address. */
export function addressLiteral(address: string): string | undefined {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined && isIP(mapped) === 4) return `[${mapped}]`;
  const family = isIP(address);
  return family === 4 ? `[${address}]` : family === 6 ? `[IPv6:${address}]` : undefined;
}

/** Whether the text is an address literal of IPv4 or IPv6. */
export function isAddressLiteral(text: string): boolean {
  if (!text.startsWith('[') || !text.endsWith(']')) return false;
  const inner = text.slice(1, -1);
  return isIP(inner) === 4 || (/^ipv6:/i.test(inner) && isIP(inner.slice(5)) === 6);
}
