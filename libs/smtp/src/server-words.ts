import type { Extension, ServerOptions } from './server-types.ts';
import { xclientAttributes } from './xclient.ts';

/** What of a session decides what may be said in it. */
export interface Standing {
  secure: boolean;
  authenticated: boolean;
  authAllowed: boolean;
  site: boolean; // XMAILRAIL is offered
}

/** Commands taken before TLS where TLS is required (RFC 3207 §4). */
export const beforeTls: ReadonlySet<string> = new Set(['EHLO', 'HELO', 'LHLO', 'NOOP', 'RSET', 'QUIT', 'STARTTLS', 'HELP']);
export const notImplemented: ReadonlySet<string> = new Set(['EXPN', 'TURN', 'ATRN', 'ETRN', 'SEND', 'SOML', 'SAML', 'BDAT', 'BURL']);
export const otherProtocols: ReadonlySet<string> = new Set(['GET', 'POST', 'PUT', 'OPTIONS', 'CONNECT', 'PROXY']);

/** The lines of the reply to EHLO behind our name. */
export function ehloKeywords(options: ServerOptions, standing: Standing): string[] {
  const keywords = options.extensions.map((extension) => keyword(extension, options, standing)).filter((word) => word !== undefined);
  if (options.xclient === true) keywords.push(`XCLIENT ${xclientAttributes}`);
  if (standing.site) keywords.push('XMAILRAIL');
  return keywords;
}

/** An extension as EHLO names it now; undefined where it is not offered now. */
function keyword(extension: Extension, options: ServerOptions, { secure, authenticated, authAllowed }: Standing): string | undefined {
  switch (extension) {
    case 'SIZE':
      return `SIZE ${options.maxMessageBytes}`;
    case 'LIMITS':
      return `LIMITS RCPTMAX=${options.maxRecipients}${options.maxMails === undefined ? '' : ` MAILMAX=${options.maxMails}`}`;
    case 'FUTURERELEASE': {
      const { maxHoldMs = 0, now = Date.now } = options;
      if (maxHoldMs <= 0) return undefined;
      return `FUTURERELEASE ${Math.floor(maxHoldMs / 1_000)} ${new Date(now() + maxHoldMs).toISOString().replace(/\.\d+/, '')}`;
    }
    case 'DELIVERBY':
      return `DELIVERBY ${options.minDeliverBySeconds ?? 1}`;
    case 'REQUIRETLS':
      return secure ? extension : undefined;
    case 'STARTTLS':
      return secure ? undefined : extension;
    case 'AUTH':
      return authAllowed && !authenticated ? `AUTH PLAIN LOGIN${options.scram === true ? ' SCRAM-SHA-256' : ''}` : undefined;
    case 'PIPELINING':
    case '8BITMIME':
    case 'SMTPUTF8':
    case 'DSN':
    case 'ENHANCEDSTATUSCODES':
    case 'CHUNKING':
    case 'BINARYMIME':
    case 'MT-PRIORITY':
      return extension;
  }
}

/** What HELP names, which is what may be said now: as in EHLO, neither TLS nor AUTH where there is none, or no more. */
export function helpVerbs(options: ServerOptions, { secure, authenticated, authAllowed }: Standing): string[] {
  const early = options.requireTls === true && !secure;
  const hello = options.protocol === 'lmtp' ? ['LHLO'] : ['EHLO', 'HELO'];
  const chunks = options.extensions.includes('CHUNKING') ? ['BDAT'] : [];
  const verbs = [...hello, 'MAIL', 'RCPT', 'DATA', ...chunks, 'RSET', 'NOOP', 'QUIT', 'VRFY', 'HELP'].filter(
    (verb) => !early || beforeTls.has(verb),
  );
  if (options.extensions.includes('STARTTLS') && !secure) verbs.push('STARTTLS');
  if (authAllowed && !authenticated && !early) verbs.push('AUTH');
  return verbs;
}
