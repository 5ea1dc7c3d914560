import type { IncomingMessage } from 'node:http';
import type { Origin } from '@mailrail/contracts';
import { oneLine } from '@mailrail/mail';
import type { OrganizationSource } from '@mailrail/organization';
import type { Accepted, Acceptor, AcceptRequest, Intake, Refused } from '../accept.ts';
import { MessageRefused } from '../eml/refusal.ts';
import { plainAddress } from '../smtp-listeners.ts';
import type { Client } from './credentials.ts';
import type { IdempotencyOptions } from './idempotency.ts';
import { noteAccepted } from './message-status.ts';
import { HttpProblem, tryLater } from './problem.ts';
import type { Quotas } from './quota.ts';

/** What every way of handing a message in by HTTP needs. */
export interface HandInOptions {
  gateway: string;
  acceptor: Pick<Acceptor, 'begin' | 'obstacle'>;
  organization: Pick<OrganizationSource, 'current'>;
  idempotency: IdempotencyOptions;
  quotas: Pick<Quotas, 'take' | 'charge'>;
}

/** A message about to be handed in: what is not the same for all of HTTP. */
export type HandedIn = Pick<AcceptRequest, 'sender' | 'recipients' | 'removeFields' | 'envid' | 'ret' | 'smtputf8'> & {
  rootId: string;
  at: number;
  trust: Origin['trust'];
};

/** Why nothing can be taken now. @throws HttpProblem 503 */
export function requireLine(acceptor: Pick<Acceptor, 'obstacle'>): void {
  const obstacle = acceptor.obstacle();
  if (obstacle !== undefined) throw notTaken(obstacle);
}

/** Opens the way into the line for one message. @throws HttpProblem, MessageRefused */
export function handIn(
  mail: HandedIn,
  client: Client,
  request: IncomingMessage,
  options: Pick<HandInOptions, 'gateway' | 'acceptor'>,
): Intake {
  const { at, trust, rootId, ...envelope } = mail;
  const address = plainAddress(request.socket.remoteAddress);
  const begun = options.acceptor.begin({
    ...envelope,
    rootId,
    origin: {
      gateway: options.gateway,
      dialect: 'http',
      ...(address === '' ? {} : { peer: address }),
      at,
      authenticated: trust === 'inside',
      user: client.name,
      trust,
    },
    received: { ...(address === '' ? {} : { address }), with: 'HTTP' },
    client: `http:${client.name}`,
  });
  if (!begun.ok) throw notTaken(begun);
  return begun;
}

/** Hands a message in that is in memory. @returns only when it is durable. @throws HttpProblem, MessageRefused */
export async function handInWhole(
  parts: readonly Buffer[],
  mail: HandedIn,
  client: Client,
  request: IncomingMessage,
  options: Pick<HandInOptions, 'gateway' | 'acceptor' | 'idempotency'>,
): Promise<Accepted> {
  const intake = handIn(mail, client, request, options);
  try {
    for (const part of parts) {
      const wait = intake.write(part);
      if (wait !== undefined) await wait;
    }
    const result = await intake.finish();
    if (!result.ok) throw notTaken(result);
    noteAccepted(options.idempotency.ledger, mail, client, result.sizeBytes);
    return result;
  } catch (error) {
    await intake.abort();
    throw error;
  }
}

/** @throws HttpProblem 403 when the client may not send in the name of one of them. */
export function requireSenders({ maySendAs }: Client, addresses: () => readonly { address: string; pointer: string }[]): void {
  if (maySendAs === undefined) return;
  const errors = addresses()
    .filter(({ address }) => !maySendAs(address))
    .map(({ address, pointer }) => ({ detail: `not as ${oneLine(address.slice('SMTP:'.length), 100)} with this key`, pointer }));
  if (errors.length > 0)
    throw new HttpProblem(403, 'sender-denied', 'this key may not send in that name', { errors: errors.slice(0, 100) });
}

/** @param bytes as far as they are known. @throws HttpProblem 429, or 403 for what the quota can never hold. */
export async function takeQuota(client: Client, recipients: number, bytes: number, quotas: Pick<Quotas, 'take'>): Promise<void> {
  if (client.quota === undefined) return;
  const waitMs = await quotas.take(client.name, client.quota, { mails: 1, recipients, bytes });
  if (waitMs === 0) return;
  if (waitMs === Number.POSITIVE_INFINITY)
    throw new HttpProblem(403, 'over-quota', 'this message alone is more than the key may send in its time');
  throw tryLater(429, 'quota', 'the quota of this key is used up', Math.ceil(waitMs / 1_000));
}

export function notTaken({ cause, reply }: Refused): HttpProblem | MessageRefused {
  switch (cause) {
    case 'storage':
      return tryLater(503, 'storage', 'the message could not be stored', 10);
    case 'unconfirmed':
      return tryLater(503, 'unconfirmed', 'whether the message was queued is not known: sending it again may double it', 10);
    case 'full':
      return tryLater(503, 'full', 'the queue is full', 30);
    case 'down':
      return tryLater(503, 'unavailable', 'the service is not available', 10);
    case 'in-hand':
      return tryLater(429, 'too-many-requests', 'too many of your messages are in hand', 1);
    case 'aborted':
      return tryLater(503, 'aborted', 'the message was not taken', 1);
    case 'too-large':
    case 'header-too-large':
      return new MessageRefused('too-large', reply.text);
    case 'too-many-hops':
    case 'policy':
      return new MessageRefused('syntax', reply.text);
  }
}
