import { isIPv6 } from 'node:net';

/** Whom an address counts for: an IPv4 address itself, of an IPv6 address its /64, since one client has all of that. */
export function clientNetwork(address: string): string {
  const [plain = ''] = address.split('%'); // a link-local address names its interface
  if (!isIPv6(plain)) return plain;
  const [head = '', tail] = plain.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const first = groups(head);
  const last = tail === undefined ? [] : groups(tail);
  const embedsIpv4 = plain.includes('.') ? 1 : 0; // `::192.0.2.1`: the last group stands for two
  const zeros = tail === undefined ? 0 : 8 - first.length - last.length - embedsIpv4;
  const all = [...first, ...Array.from({ length: zeros }, () => '0'), ...last];
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`;
}
