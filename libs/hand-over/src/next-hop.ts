import { isIP } from 'node:net';

/** One place that may take the mail: a name or an address literal, and a port. */
export interface NextHop {
  name: string; // as TLS verifies it and the log shows it; lower case, no brackets
  port: number;
}

const form = /^(?:\[([^\]\s]{1,253})\]|([A-Za-z0-9._-]{1,253}))(?::(\d{1,5}))?$/;

/**
 * Reads `host`, `host:port`, `[host]`, `[host]:port` (host may be an address).
 *
 * @returns `direct` when brackets, a port or an address say that MX records must not be asked; `withPort` when only an operator can
 *          have written it, since no mail address names a port; `undefined` for anything else.
 */
export function parseNextHop(text: string, defaultPort = 25): { hop: NextHop; direct: boolean; withPort: boolean } | undefined {
  const found = form.exec(text);
  if (found === null) return undefined;
  const [, bracketed, plain, portText] = found;
  const name = (bracketed ?? plain ?? '')
    .toLowerCase()
    .replace(/\.$/, '')
    .replace(/^ipv6:/, ''); // an address literal, RFC 5321 §4.1.3
  const port = portText === undefined ? defaultPort : Number(portText);
  if (name === '' || port < 1 || port > 65_535) return undefined;
  const withPort = portText !== undefined;
  return { hop: { name, port }, direct: bracketed !== undefined || withPort || isIP(name) !== 0, withPort };
}

/** 127.0.0.0/8, ::1 and their IPv4-mapped forms, and `localhost`. */
export function isLoopback(host: string): boolean {
  return /^(127\.|::ffff:127\.)/i.test(host) || host === '::1' || host === 'localhost';
}

/** Addresses no MX may lead to: they are this machine whatever the domain's owner meant. */
export function isThisMachine(address: string): boolean {
  return isLoopback(address) || address === '::' || /^(0\.|::ffff:0\.)/i.test(address);
}
