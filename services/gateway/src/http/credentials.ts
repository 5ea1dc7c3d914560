import { createHash, timingSafeEqual } from 'node:crypto';
import { domainOf } from '@mailrail/mail';
import type { Who } from '../may-relay.ts';
import { typedAddress } from '../smtp-envelope.ts';
import type { ApiKey, Scope } from './access-file.ts';
import type { Rates } from '../limits/rates.ts';
import { HttpProblem } from './problem.ts';

/** Who a request comes from. */
export interface Client {
  name: string; // for the log and the cap on unsettled mails
  who: Who; // for rule S1
  may(scope: Scope): boolean;
  /** Whether it may send in the name of a typed address; absent: in any. Without a name anybody may. */
  maySendAs?: (address: string) => boolean;
  /** Whether it may ask for messages of a client. */
  maySee(client: string): boolean;
  quota?: Rates;
}

/** @param password whether the key may also be the password of `Basic`. */
export type Credentials = (authorization: string | undefined, password?: boolean) => Client;

const shortestKey = 16;

/**
 * Checks `Authorization: Bearer <key>` (RFC 6750 §2.1), in a time that tells nothing of the keys: digests are compared, and all of
 * them each time. For senders that can only write a password into an address, the key may be the password of `Basic` (RFC 7617).
 *
 * @param apiKey one key that may do everything.
 * @param keys others, as they stand in the access file.
 * @throws RangeError for a key that could be guessed: a mistake in the configuration.
 */
export function credentials(apiKey: string | undefined, keys: readonly ApiKey[] = []): Credentials {
  if (apiKey !== undefined && apiKey.length < shortestKey) throw new RangeError(`the API key must have at least ${shortestKey} characters`);
  const everything: Client = { name: 'api-key', who: 'api-key', may: () => true, maySee: () => true };
  const known = [
    ...(apiKey === undefined ? [] : [{ digest: digestOf(apiKey), client: everything }]),
    ...keys.map((key) => ({ digest: Buffer.from(key.sha256, 'hex'), client: clientOf(key) })),
  ];
  return (authorization, password = false) => {
    if (authorization === undefined) throw unauthorized('unauthorized', 'an API key is needed: Authorization: Bearer <key>', '');
    const key = keyOf(authorization, password);
    if (key === undefined) {
      throw unauthorized('unauthorized', 'the Authorization header must be: Bearer <key>', ', error="invalid_request"');
    }
    const given = digestOf(key);
    let found: Client | undefined;
    for (const { digest, client } of known) if (timingSafeEqual(digest, given)) found = client;
    if (found === undefined) throw unauthorized('unauthorized', 'the API key is not known', ', error="invalid_token"');
    return found;
  };
}

/** @throws HttpProblem 403 when the key is good and not for this (RFC 6750 §3.1). */
export function requireScope(client: Client, scope: Scope): void {
  if (client.may(scope)) return;
  const challenge = `Bearer realm="mailrail", error="insufficient_scope", scope="${scope}"`;
  throw new HttpProblem(403, 'scope', `this key has no scope ${scope}`, { headers: { 'www-authenticate': challenge } });
}

function clientOf({ name, scopes, senders, limits }: ApiKey): Client {
  const has = new Set(scopes);
  const addresses = new Set(senders?.map((one) => typedAddress(one)?.toLowerCase()));
  return {
    name: `key:${name}`,
    who: 'api-key',
    may: (scope) => has.has(scope),
    maySee: (client) => client === `key:${name}`,
    ...(senders === undefined
      ? {}
      : {
          // In an address an encoded word is none (RFC 2047 §5), and there are readers who decode it all the same, to any address.
          maySendAs: (address: string) =>
            !address.includes('=?') &&
            (addresses.has(address.toLowerCase()) || addresses.has(`smtp:@${domainOf(address) ?? ''}`.toLowerCase())),
        }),
    ...(limits === undefined ? {} : { quota: limits }),
  };
}

function keyOf(authorization: string, password: boolean): string | undefined {
  const [, scheme = '', value = ''] = /^(bearer|basic) +([^\s]+) *$/i.exec(authorization) ?? [];
  if (scheme.toLowerCase() !== 'basic') return value === '' ? undefined : value;
  if (!password) return undefined;
  const pair = Buffer.from(value, 'base64').toString();
  const colon = pair.indexOf(':');
  return colon < 0 || colon === pair.length - 1 ? undefined : pair.slice(colon + 1);
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}

function unauthorized(code: string, detail: string, parameters: string): HttpProblem {
  return new HttpProblem(401, code, detail, { headers: { 'www-authenticate': `Bearer realm="mailrail"${parameters}` } });
}
