import type { Capabilities } from './client-types.ts';

/** What a server that knows only HELO offers. */
export const noCapabilities: Capabilities = {
  esmtp: false,
  pipelining: false,
  size: undefined,
  eightBit: false,
  smtputf8: false,
  dsn: false,
  enhancedStatusCodes: false,
  starttls: false,
  chunking: false,
  binary: false,
  priority: false,
  deliverBy: undefined,
  requireTls: false,
  auth: [],
  site: false,
};

/** @param text the reply to EHLO, its lines joined by line feeds; the first one is the server's name. */
export function parseCapabilities(text: string): Capabilities {
  const keywords = new Map<string, string[]>();
  for (const line of text.split('\n').slice(1)) {
    // `AUTH=LOGIN`: the form from before RFC 2554, still said beside the right one.
    const [keyword = '', ...parameters] = line
      .trim()
      .replace(/^AUTH=/i, 'AUTH ')
      .toUpperCase()
      .split(/\s+/);
    keywords.set(keyword, [...(keywords.get(keyword) ?? []), ...parameters]);
  }
  return {
    esmtp: true,
    pipelining: keywords.has('PIPELINING'),
    size: number(keywords.get('SIZE')),
    eightBit: keywords.has('8BITMIME'),
    smtputf8: keywords.has('SMTPUTF8'),
    dsn: keywords.has('DSN'),
    enhancedStatusCodes: keywords.has('ENHANCEDSTATUSCODES'),
    starttls: keywords.has('STARTTLS'),
    chunking: keywords.has('CHUNKING'),
    binary: keywords.has('BINARYMIME'),
    priority: keywords.has('MT-PRIORITY'),
    deliverBy: number(keywords.get('DELIVERBY')),
    requireTls: keywords.has('REQUIRETLS'),
    auth: keywords.get('AUTH') ?? [],
    site: keywords.has('XMAILRAIL'),
  };
}

/** The number a keyword comes with; 0 when it comes without, undefined when it does not come. */
function number(parameters: readonly string[] | undefined): number | undefined {
  if (parameters === undefined) return undefined;
  return /^\d{1,15}$/.test(parameters[0] ?? '') ? Number(parameters[0]) : 0;
}
