import type { FastifyRequest } from 'fastify';
import { HttpProblem } from './problem.ts';

/** What a body may be. */
export interface BodyRules {
  types: readonly string[]; // in lower case
  maxBytes: number;
}

/** What the head of a request says of its body. @throws HttpProblem 411, 413, 415 */
export function requireBody({ headers }: Pick<FastifyRequest, 'headers'>, { types, maxBytes }: BodyRules): void {
  const length = headers['content-length'];
  if (length === undefined && headers['transfer-encoding'] === undefined) {
    throw new HttpProblem(411, 'length-required', 'the message must be the body of the request');
  }
  if (!types.includes((headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '')) throw wrongType(types);
  if ((headers['content-encoding'] ?? 'identity').trim().toLowerCase() !== 'identity') {
    throw new HttpProblem(415, 'unsupported-encoding', 'the body must not be encoded', { headers: { 'accept-encoding': 'identity' } });
  }
  if (Number(length ?? 0) > maxBytes) throw new HttpProblem(413, 'too-large', `a body may have ${maxBytes} bytes here`);
}

function wrongType(types: readonly string[]): HttpProblem {
  const all = types.join(', ');
  return new HttpProblem(415, 'unsupported-type', `the body must be of type ${all.replaceAll(', ', ' or ')}`, {
    headers: { 'accept-post': all },
  });
}
