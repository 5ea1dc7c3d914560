import type { ServerOptions } from './server-types.ts';
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
export function ehloKeywords(options: ServerOptions, { secure, authenticated, authAllowed, site }: Standing): string[] {
  const keywords: string[] = [];
  for (const extension of options.extensions) {
    switch (extension) {
      case 'SIZE':
        keywords.push(`SIZE ${options.maxMessageBytes}`);
        break;
      case 'STARTTLS':
        if (!secure) keywords.push(extension);
        break;
      case 'AUTH':
        if (authAllowed && !authenticated) keywords.push(`AUTH PLAIN LOGIN${options.scram === true ? ' SCRAM-SHA-256' : ''}`);
        break;
      case 'LIMITS':
        keywords.push(`LIMITS RCPTMAX=${options.maxRecipients}${options.maxMails === undefined ? '' : ` MAILMAX=${options.maxMails}`}`);
        break;
      default:
        keywords.push(extension);
    }
  }
  if (options.xclient === true) keywords.push(`XCLIENT ${xclientAttributes}`);
  if (site) keywords.push('XMAILRAIL');
  return keywords;
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
