import { createHash, timingSafeEqual } from 'node:crypto';
import { BlockList, isIPv6 } from 'node:net';
import { defaultListener, type GatewaySettings, maxHoldMs, type OrganizationSnapshot } from '@mailrail/organization';
import { allExtensions, type Extension } from '@mailrail/smtp';

export type ListenerKind = 'mx' | 'submission' | 'site' | 'lmtp';

/** Mail from anybody, or from a neighbour that hands over: no AUTH unless the settings want it. */
export function takesStrangers(kind: ListenerKind): boolean {
  return kind === 'mx' || kind === 'lmtp';
}
export type SmtpSettings = GatewaySettings & { kind: 'smtp' };

const defaults = new Map<ListenerKind, SmtpSettings>();

/** What the organization file says of a listener; a listener it does not name has the defaults. */
export function listenerSettings(kind: ListenerKind, { settings }: Pick<OrganizationSnapshot, 'settings'>): SmtpSettings {
  for (const gateway of settings.gateways) if (gateway.kind === 'smtp' && gateway.listener === kind) return gateway;
  const known = defaults.get(kind) ?? defaultListener(kind === 'mx' ? 'smtp' : kind, kind);
  defaults.set(kind, known);
  return known;
}

/** What a listener offers. An MX or LMTP listener has no use for AUTH: its mail is anonymous, and a password there is one more thing to guess at. */
export function listenerExtensions(
  settings: SmtpSettings,
  { settings: organization }: Pick<OrganizationSnapshot, 'settings'>,
  hasCertificate: boolean,
  hasAccounts: boolean,
): readonly Extension[] {
  const auth = hasAccounts && (!takesStrangers(settings.listener) || settings.requireAuthentication);
  const missing: readonly Extension[] = [
    ...(hasCertificate ? [] : ['STARTTLS' as const]),
    ...(auth ? [] : ['AUTH' as const]),
    ...(maxHoldMs(settings, organization) > 0 ? [] : ['FUTURERELEASE' as const]),
    // Octets that are counted need BDAT (RFC 3030 §3).
    ...(settings.withhold.includes('CHUNKING') ? ['BINARYMIME' as const] : []),
  ];
  return allExtensions.filter((extension) => !missing.includes(extension) && !settings.withhold.includes(extension));
}

/** The site a name means: one of the organization's other sites, in the organization's spelling; undefined for any other name. */
export function peerSite(name: string, { settings }: Pick<OrganizationSnapshot, 'settings'>): string | undefined {
  const wanted = name.toLowerCase();
  const sites = [
    ...settings.servers.map(({ site }) => site),
    ...settings.connectors.flatMap((connector) => (connector.kind === 'routing-group' ? [connector.site] : [])),
  ];
  return sites.find((site) => site.toLowerCase() === wanted && wanted !== settings.site.toLowerCase());
}

/** Compares digests, so that neither length nor content of a secret shows in the time it takes. */
export function sameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(createHash('sha256').update(given).digest(), createHash('sha256').update(expected).digest());
}

const parsed = new WeakMap<readonly string[], (address: string) => boolean>();

/**
 * Whether an address of a client stands in one of the networks (CIDR). Parsed once for each version of the organization file.
 *
 * @throws Error for what is no network.
 */
export function networks(cidrs: readonly string[]): (address: string) => boolean {
  const known = parsed.get(cidrs) ?? parse(cidrs);
  parsed.set(cidrs, known);
  return known;
}

function parse(cidrs: readonly string[]): (address: string) => boolean {
  if (cidrs.length === 0) return () => false;
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [network = '', prefix] = cidr.split('/');
    const family = isIPv6(network) ? 'ipv6' : 'ipv4';
    list.addSubnet(network, prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix), family);
  }
  return (address) => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** `::ffff:192.0.2.1`, as a listener for both families sees it, is the IPv4 address. */
export function plainAddress(address: string | undefined): string {
  return (address ?? '').replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, '');
}

export function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}
