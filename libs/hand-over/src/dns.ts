import { lookup, Resolver } from 'node:dns/promises';

/** What a name server said. `none`: the name exists without such records. `unknown-name`: it does not exist. `failed`: no complete answer. */
export type DnsAnswer<T> =
  | { kind: 'found'; values: readonly T[] }
  | { kind: 'none' }
  | { kind: 'unknown-name' }
  | { kind: 'failed'; reason: string };

export interface MxRecord {
  exchange: string; // lower case, no closing dot; empty for a null MX (RFC 7505)
  preference: number;
}

/** The questions a connector asks. Never throws. */
export interface Dns {
  mx(domain: string): Promise<DnsAnswer<MxRecord>>;
  /** Addresses of a host named by an MX: from the DNS alone, so that no hosts file answers for somebody else's domain. */
  addresses(host: string): Promise<DnsAnswer<string>>;
  /** Addresses of a host an operator named: hosts file and search domains count. */
  configuredAddresses(host: string): Promise<DnsAnswer<string>>;
}

/**
 * Dns over the system's name servers, or over `servers`.
 *
 * @param timeoutMs for one question to one server; two tries.
 */
export function systemDns(options: { servers?: readonly string[]; timeoutMs?: number } = {}): Dns {
  const resolver = new Resolver({ timeout: options.timeoutMs ?? 5_000, tries: 2 });
  if (options.servers !== undefined && options.servers.length > 0) resolver.setServers(options.servers);
  return {
    mx: (domain) =>
      answer(async () => {
        const records = await resolver.resolveMx(domain);
        return records.map(({ exchange, priority }) => ({ exchange: exchange.toLowerCase().replace(/\.$/, ''), preference: priority }));
      }),
    addresses: async (host) => {
      const [v4, v6] = await Promise.all([answer(() => resolver.resolve4(host)), answer(() => resolver.resolve6(host))]);
      return bothFamilies(v4, v6);
    },
    configuredAddresses: (host) =>
      answer(async () => {
        const found = await lookup(host, { all: true });
        return found.map(({ address }) => address);
      }),
  };
}

/** Families in turn, IPv4 first, so that one broken family costs one attempt and not all of them. */
function bothFamilies(v4: DnsAnswer<string>, v6: DnsAnswer<string>): DnsAnswer<string> {
  if (v4.kind !== 'found' && v6.kind !== 'found') return v4.kind === 'failed' ? v4 : v6.kind === 'failed' ? v6 : v4;
  const first = v4.kind === 'found' ? v4.values : [];
  const second = v6.kind === 'found' ? v6.values : [];
  const values: string[] = [];
  for (let at = 0; at < Math.max(first.length, second.length); at++) {
    for (const value of [first[at], second[at]]) if (value !== undefined) values.push(value);
  }
  return { kind: 'found', values };
}

async function answer<T>(ask: () => Promise<T[]>): Promise<DnsAnswer<T>> {
  try {
    const values = await ask();
    return values.length === 0 ? { kind: 'none' } : { kind: 'found', values };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
    if (code === 'ENOTFOUND') return { kind: 'unknown-name' };
    if (code === 'ENODATA') return { kind: 'none' };
    return { kind: 'failed', reason: code }; // ESERVFAIL, ETIMEOUT, EREFUSED, ECONNREFUSED, EAI_AGAIN, ...: unreachable is never unknown
  }
}

/**
 * Remembers complete answers for `keepMs` and asks each question once at a time. Failures are not kept.
 *
 * @param keepMs far below common TTLs, which node:dns does not give for MX; at most 10,000 names of each kind are held.
 */
export function cachedDns(dns: Dns, options: { keepMs?: number; now?: () => number } = {}): Dns {
  const keepMs = options.keepMs ?? 60_000;
  const now = options.now ?? Date.now;
  function cached<T>(ask: (name: string) => Promise<DnsAnswer<T>>): (name: string) => Promise<DnsAnswer<T>> {
    const held = new Map<string, { until: number; answer: Promise<DnsAnswer<T>> }>();
    return (name) => {
      const known = held.get(name);
      if (known !== undefined && known.until > now()) return known.answer;
      const fresh = ask(name).then((found) => {
        if (found.kind === 'failed' && held.get(name)?.answer === fresh) held.delete(name);
        return found;
      });
      held.delete(name); // so that insertion order is age
      held.set(name, { until: now() + keepMs, answer: fresh });
      if (held.size > 10_000) held.delete(held.keys().next().value ?? name);
      return fresh;
    };
  }
  return {
    mx: cached((domain) => dns.mx(domain)),
    addresses: cached((host) => dns.addresses(host)),
    configuredAddresses: cached((host) => dns.configuredAddresses(host)),
  };
}
