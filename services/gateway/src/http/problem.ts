import { STATUS_CODES } from 'node:http';
import type { MessageRefused, RefusalCode } from '../eml/refusal.ts';
import type { Problem } from './schemas.ts';

/** An answer other than yes, thrown anywhere on the way and sent as a problem document (RFC 9457). `detail` reaches the client. */
export class HttpProblem extends Error {
  readonly status: number;
  readonly code: string;
  readonly errors: Problem['errors'];
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    status: number,
    code: string,
    detail: string,
    more: { errors?: Problem['errors']; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.name = 'HttpProblem';
    this.status = status;
    this.code = code;
    this.errors = more.errors;
    this.headers = more.headers ?? {};
  }
}

export const problemType = 'application/problem+json';

export function problemDocument({ status, code, message, errors }: HttpProblem): Problem {
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: message,
    code,
    ...(errors === undefined ? {} : { errors }),
  };
}

const statusOfRefusal: Readonly<Record<RefusalCode, number>> = {
  unrecognised: 422,
  'incomplete-timeout': 422,
  syntax: 422,
  envelope: 422,
  'too-large': 413,
  'too-many-recipients': 422,
  'nested-too-deep': 422,
  'unsupported-type': 415,
  // Of files alone; an HTTP message never has these.
  charset: 422,
  'count-mismatch': 422,
  'attachment-missing': 422,
  'attachment-path': 422,
  auth: 403,
};

/** The answer for a message that is at fault itself. */
export function refusalProblem({ code, message, where }: MessageRefused): HttpProblem {
  const pointer = where === undefined || where.startsWith('byte ') ? '/body' : where.startsWith('line ') ? '/header' : `/header/${where}`;
  return new HttpProblem(statusOfRefusal[code], code, message, { errors: [{ detail: message, pointer }] });
}

/** The moment may pass: the client should come back. */
export function tryLater(status: 429 | 503, code: string, detail: string, retryAfterSeconds: number): HttpProblem {
  return new HttpProblem(status, code, detail, { headers: { 'retry-after': String(retryAfterSeconds) } });
}
