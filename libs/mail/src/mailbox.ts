import { asciiDomain, isAddressLiteral } from './domains.ts';

export interface Mailbox {
  local: string; // as written, quotes included
  domain: string; // as written
}

const atom = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\u{10ffff}-]+$/u;
const quoted = /^"(?:[ !#-[\]-~\u0080-\u{10ffff}]|\\[ -~])*"$/u;

/**
 * Reads `local@domain`, RFC 5321 §4.1.2 with RFC 6531: dot-atom or quoted string, domain name or address literal,
 * at most 64 and 255 octets.
 *
 * @returns `undefined` for what is no mailbox; also for one without a domain.
 */
export function parseMailbox(text: string): Mailbox | undefined {
  const at = text.lastIndexOf('@');
  if (at < 1) return undefined;
  const local = text.slice(0, at);
  const domain = text.slice(at + 1);
  if (Buffer.byteLength(local) > 64 || Buffer.byteLength(domain) > 255) return undefined;
  if (!quoted.test(local) && !local.split('.').every((part) => atom.test(part))) return undefined;
  return isAddressLiteral(domain) || asciiDomain(domain) !== undefined ? { local, domain } : undefined;
}
