import { oneLine } from '@mailrail/mail';

/**
 * Why a question to a directory server has no answer.
 *
 * - `refused`: the server gave a result code other than success; the connection is as good as before.
 * - `late`: no answer in time.
 * - `broken`: the connection is gone, or what came over it is no LDAP.
 * - `unreachable`: no server let us in, or all places are taken.
 */
export class LdapFailure extends Error {
  readonly kind: 'refused' | 'late' | 'broken' | 'unreachable';
  readonly code: number | undefined; // result code, RFC 4511 appendix A
  constructor(kind: LdapFailure['kind'], reason: string, code?: number) {
    super(oneLine(reason));
    this.name = 'LdapFailure';
    this.kind = kind;
    this.code = code;
  }
}

/** Result codes that mean something here. */
export const resultCode = {
  success: 0,
  timeLimitExceeded: 3,
  sizeLimitExceeded: 4,
  referral: 10,
  adminLimitExceeded: 11,
  noSuchObject: 32,
  invalidDnSyntax: 34,
  invalidCredentials: 49,
} as const;

const names: Readonly<Record<number, string>> = {
  1: 'operationsError',
  2: 'protocolError',
  3: 'timeLimitExceeded',
  4: 'sizeLimitExceeded',
  7: 'authMethodNotSupported',
  8: 'strongerAuthRequired',
  10: 'referral',
  11: 'adminLimitExceeded',
  12: 'unavailableCriticalExtension',
  13: 'confidentialityRequired',
  32: 'noSuchObject',
  34: 'invalidDNSyntax',
  48: 'inappropriateAuthentication',
  49: 'invalidCredentials',
  50: 'insufficientAccessRights',
  51: 'busy',
  52: 'unavailable',
  53: 'unwillingToPerform',
};

/** A server's refusal in words. */
export function refusal(what: string, code: number, text: string): LdapFailure {
  const name = names[code] === undefined ? '' : ` (${names[code]})`;
  return new LdapFailure('refused', `${what} refused with result code ${code}${name}${text === '' ? '' : `: ${text}`}`, code);
}

/** Codes that are about the question alone. After any other the connection is not used again. */
const aboutTheQuestion = new Set([3, 4, 10, 11, 12, 16, 17, 18, 21, 32, 33, 34, 50]);

/** Whether the connection a failure came from may be used on. */
export function leavesConnection(error: unknown): boolean {
  return error instanceof LdapFailure && error.kind === 'refused' && error.code !== undefined && aboutTheQuestion.has(error.code);
}

/** The failure in an error of whatever kind; what no one expected counts as a broken connection. */
export function failureOf(error: unknown): LdapFailure {
  if (error instanceof LdapFailure) return error;
  const text = error instanceof Error ? error.message || error.name : String(error);
  return new LdapFailure('broken', text);
}
