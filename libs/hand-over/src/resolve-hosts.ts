import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { oneLine } from '@mailrail/mail';
import type { Dns, DnsAnswer } from './dns.ts';
import { isThisMachine, type NextHop, parseNextHop } from './next-hop.ts';

/** A host that may take the mail. Lower preference first; hosts of one preference are equal. */
export interface MailHost extends NextHop {
  preference: number;
  /** By an operator, not by a domain's MX: when it cannot be found, that is a mistake to mend and no reason to give a mail up. */
  named: boolean;
  /** Its addresses, in the order to try. */
  addresses(): Promise<DnsAnswer<string>>;
}

export type Hosts =
  | { kind: 'hosts'; hosts: readonly MailHost[] }
  | { kind: 'permanent'; status: string; reason: string }
  | { kind: 'transient'; reason: string };

export type ResolveHosts = (destination: string) => Promise<Hosts>;

export interface ResolveOptions {
  dns: Dns;
  /** Names of this line: an MX that is one of them ends the list (RFC 5321 §5.1). */
  ownNames: readonly string[];
  /** Hosts an operator named, tried in their order instead of any MX: smart hosts, bridgeheads. */
  configured?: readonly string[];
  defaultPort?: number;
  random?: () => number;
  /** An MX may lead to this machine: for tests and closed networks only. */
  allowLoopback?: boolean;
}

/**
 * Finds the hosts of a next hop: the configured ones; the one that `destination` names outright (`[host]:port`); else the
 * domain's MX, sorted by preference and shuffled among equals, or the domain itself where it has none (RFC 5321 §5.1).
 *
 * Permanent: 5.1.2 the domain does not exist, 5.1.10 it takes no mail (RFC 7505), 5.4.6 its best MX is this line itself.
 * A name server that fails is transient, and so is a host an operator named that cannot be found.
 */
export function resolveHosts(options: ResolveOptions): ResolveHosts {
  const { dns, configured = [], defaultPort = 25, random = Math.random } = options;
  const own = new Set(options.ownNames.map((name) => name.toLowerCase()));

  const named = (hop: NextHop, preference: number): MailHost => ({
    ...hop,
    preference,
    named: true,
    addresses: () => (isIP(hop.name) === 0 ? dns.configuredAddresses(hop.name) : Promise.resolve({ kind: 'found', values: [hop.name] })),
  });
  const found = (name: string, preference: number): MailHost => ({
    name,
    port: defaultPort,
    preference,
    named: false,
    addresses: async () => {
      const answer = await dns.addresses(name);
      if (answer.kind !== 'found' || options.allowLoopback === true) return answer;
      const values = answer.values.filter((address) => !isThisMachine(address));
      return values.length === 0 ? { kind: 'none' } : { kind: 'found', values };
    },
  });

  const configuredHosts = configured.flatMap((text, preference) => {
    const parsed = parseNextHop(text, defaultPort);
    return parsed === undefined ? [] : [named(parsed.hop, preference)];
  });

  return async (destination) => {
    if (configuredHosts.length > 0) return { kind: 'hosts', hosts: configuredHosts };
    const parsed = parseNextHop(destination, defaultPort) ?? parseNextHop(domainToASCII(destination), defaultPort);
    if (parsed === undefined)
      return { kind: 'permanent', status: '5.1.2', reason: `${oneLine(destination, 80)} is no name of a host or domain` };
    const domain = parsed.hop.name;
    if (parsed.direct) {
      if (!parsed.withPort && isThisMachine(domain) && options.allowLoopback !== true) return loop(domain);
      return { kind: 'hosts', hosts: [named(parsed.hop, 0)] };
    }
    const records = await dns.mx(domain);
    switch (records.kind) {
      case 'failed':
        return { kind: 'transient', reason: `the name servers of ${domain} do not answer for its MX (${records.reason})` };
      case 'unknown-name':
        return { kind: 'permanent', status: '5.1.2', reason: `the domain ${domain} does not exist` };
      case 'none':
        return own.has(domain) ? loop(domain) : implicit(domain);
      case 'found':
        return explicit(domain, records.values);
    }
  };

  /** No MX: the domain's own address is its only mail host. */
  async function implicit(domain: string): Promise<Hosts> {
    const host = found(domain, 0);
    const addresses = await host.addresses();
    if (addresses.kind === 'failed')
      return { kind: 'transient', reason: `the name servers of ${domain} do not answer (${addresses.reason})` };
    if (addresses.kind !== 'found')
      return { kind: 'permanent', status: '5.1.2', reason: `the domain ${domain} has neither MX nor address` };
    return { kind: 'hosts', hosts: [host] };
  }

  function explicit(domain: string, records: readonly { exchange: string; preference: number }[]): Hosts {
    const usable = records.filter(({ exchange }) => exchange !== '');
    if (usable.length === 0) return { kind: 'permanent', status: '5.1.10', reason: `the domain ${domain} takes no mail (null MX)` };
    const ours = Math.min(...usable.filter(({ exchange }) => own.has(exchange)).map(({ preference }) => preference));
    const hosts = usable
      .filter(({ preference }) => preference < ours)
      .map((record) => ({ record, tie: random() }))
      .sort((a, b) => a.record.preference - b.record.preference || a.tie - b.tie)
      .map(({ record }) => found(record.exchange, record.preference));
    return hosts.length === 0 ? loop(domain) : { kind: 'hosts', hosts };
  }

  function loop(domain: string): Hosts {
    return { kind: 'permanent', status: '5.4.6', reason: `mail for ${domain} leads back to this line` };
  }
}
