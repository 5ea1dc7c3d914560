import { Resolver } from 'node:dns/promises';

/** Records as Node's own resolver gives them: texts in pieces, addresses and names as strings, mail exchangers with priorities. */
export type DnsRecords = string[][] | string[] | { exchange: string; priority: number }[];

/** Rejects with an error whose `code` says which kind of no it was: ENOTFOUND and ENODATA are answers, everything else is none. */
export type DnsQuestion = (name: string, type: string) => Promise<DnsRecords>;

/** The types the checks ask for. */
const types = ['A', 'AAAA', 'TXT', 'MX', 'PTR', 'CNAME'] as const;

function dnsError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

/** Asks name servers: the system's, or `servers` (addresses, with ports if need be). Two tries, `timeoutMs` each. */
export function systemQuestions({
  servers = [],
  timeoutMs = 2_000,
}: {
  servers?: readonly string[];
  timeoutMs?: number;
} = {}): DnsQuestion {
  const resolver = new Resolver({ timeout: timeoutMs, tries: 2 });
  if (servers.length > 0) resolver.setServers(servers);
  return async (name, type) => {
    switch (types.find((one) => one === type)) {
      case 'A':
        return resolver.resolve4(name);
      case 'AAAA':
        return resolver.resolve6(name);
      case 'TXT':
        return resolver.resolveTxt(name);
      case 'MX':
        return resolver.resolveMx(name);
      case 'PTR':
        return resolver.resolvePtr(name);
      case 'CNAME':
        return resolver.resolveCname(name);
      case undefined:
        throw dnsError('ENOTIMP', `nobody asks for ${type} here`);
    }
  };
}

/**
 * Remembers answers, and that there is none; asks each question once at a time. What failed is asked again.
 *
 * @param keepMs below common TTLs, which node:dns tells for addresses only. Default 5 min.
 * @param most questions remembered; the oldest goes first. Default 20,000.
 */
export function cachedQuestions(
  ask: DnsQuestion,
  { keepMs = 300_000, most = 20_000, now = Date.now }: { keepMs?: number; most?: number; now?: () => number } = {},
): DnsQuestion {
  const held = new Map<string, { until: number; answer: Promise<DnsRecords> }>();
  return (name, type) => {
    const key = `${type} ${name.toLowerCase()}`;
    const known = held.get(key);
    if (known !== undefined && known.until > now()) return known.answer;
    const answer = ask(name, type);
    held.delete(key); // so that the order of insertion is age
    held.set(key, { until: now() + keepMs, answer });
    if (held.size > most) for (const oldest of held.keys()) if (held.delete(oldest)) break;
    answer.catch((error: unknown) => {
      const isAnswer = ['ENOTFOUND', 'ENODATA'].includes(codeOf(error));
      if (!isAnswer && held.get(key)?.answer === answer) held.delete(key);
    });
    return answer;
  };
}

/**
 * The questions of one message: so many, and not for ever. Past either the answer is that there is none now (temperror).
 *
 * @param most more than SPF, DMARC and ten signatures ever need.
 */
export function boundedQuestions(ask: DnsQuestion, { most, withinMs }: { most: number; withinMs: number }): DnsQuestion {
  let count = 0;
  const end = performance.now() + withinMs;
  return async (name, type) => {
    count += 1;
    const leftMs = end - performance.now();
    if (count > most || leftMs <= 0) throw dnsError('ETIMEOUT', 'the message asks too much of the DNS');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(dnsError('ETIMEOUT', 'no answer in time')), leftMs);
    });
    try {
      return await Promise.race([ask(name, type), late]);
    } finally {
      clearTimeout(timer);
    }
  };
}
