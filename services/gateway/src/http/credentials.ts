import type { Who } from '../may-relay.ts';
import { sameSecret } from '../smtp-listeners.ts';
import { HttpProblem } from './problem.ts';

/** Who a request comes from. */
export interface Client {
  name: string; // for the log and the cap on unsettled mails
  who: Who; // for rule S1
}

const shortestKey = 16;

/**
 * Checks `Authorization: Bearer <key>` (RFC 6750 §2.1), in a time that tells nothing of the key.
 *
 * @throws RangeError for a key that could be guessed: a mistake in the configuration.
 */
export function credentials(apiKey: string): (authorization: string | undefined) => Client {
  if (apiKey.length < shortestKey) throw new RangeError(`the API key must have at least ${shortestKey} characters`);
  return (authorization) => {
    if (authorization === undefined) throw unauthorized('unauthorized', 'an API key is needed: Authorization: Bearer <key>', '');
    const key = /^bearer +([^\s]+) *$/i.exec(authorization)?.[1];
    if (key === undefined) {
      throw unauthorized('unauthorized', 'the Authorization header must be: Bearer <key>', ', error="invalid_request"');
    }
    if (!sameSecret(key, apiKey)) throw unauthorized('unauthorized', 'the API key is not known', ', error="invalid_token"');
    return { name: 'api-key', who: 'api-key' };
  };
}

function unauthorized(code: string, detail: string, parameters: string): HttpProblem {
  return new HttpProblem(401, code, detail, { headers: { 'www-authenticate': `Bearer realm="mailrail"${parameters}` } });
}
