import type { IncomingMessage } from 'node:http';
import { newRootId, timeOfId } from '@mailrail/mail';
import type { OrganizationSource } from '@mailrail/organization';
import type { Accepted, Acceptor, Intake, Refused } from '../accept.ts';
import { headerSplit, type SplitMessage } from '../eml/header-split.ts';
import { lineEnds } from '../eml/line-ends.ts';
import { missingFields } from '../eml/missing-fields.ts';
import { MessageRefused } from '../eml/refusal.ts';
import { plainAddress } from '../smtp-listeners.ts';
import type { Client } from './credentials.ts';
import { messageEnvelope, messageFields, queryEnvelope, requireRelay } from './message-envelope.ts';
import { HttpProblem, tryLater } from './problem.ts';
import type { MessageQuery } from './schemas.ts';

export interface ReceiveOptions {
  gateway: string;
  acceptor: Pick<Acceptor, 'begin' | 'obstacle'>;
  organization: Pick<OrganizationSource, 'current'>;
}

/**
 * Takes one message from a request body into the line while it arrives: at most a header block and a chunk are in memory.
 * Bare LF becomes CRLF, since clients post files of their system; NUL and lone CR are refused.
 *
 * @param options `sendBody` is called when the body is wanted: all that can be said before it has been said.
 * @returns only when the mail is durable.
 * @throws HttpProblem, MessageRefused; the stream's own error when the client went away. Nothing is kept then.
 */
export async function receiveMessage(
  body: IncomingMessage,
  query: MessageQuery,
  client: Client,
  options: ReceiveOptions & { sendBody: () => void },
): Promise<Accepted> {
  const { acceptor, organization } = options;
  const snapshot = organization.current();
  const { settings, hostname } = snapshot;
  const known = (name: string) => snapshot.domain(name);
  const { messageBytes, headerBytes } = settings.limits;
  const rules = { maxRecipients: settings.limits.recipientsPerMessage, postmaster: settings.postmaster };
  const fromQuery = queryEnvelope(query, rules);
  if (fromQuery.recipients !== undefined) requireRelay(fromQuery.recipients, client.who, known);
  const obstacle = acceptor.obstacle();
  if (obstacle !== undefined) throw notTaken(obstacle);
  options.sendBody();

  const lines = lineEnds();
  const split = headerSplit(headerBytes);
  let intake: Intake | undefined;

  const begin = async ({ header, rest }: SplitMessage): Promise<void> => {
    const found = messageFields(header);
    const { sender, recipients, removeFields } = messageEnvelope(fromQuery, header, found, rules);
    if (fromQuery.recipients === undefined) requireRelay(recipients, client.who, known);
    const rootId = newRootId();
    const at = timeOfId(rootId) ?? Date.now();
    const address = plainAddress(body.socket.remoteAddress);
    const begun = acceptor.begin({
      sender,
      recipients,
      smtputf8: true, // the client speaks UTF-8: it wrote the query so
      origin: {
        gateway: options.gateway,
        dialect: 'http',
        ...(address === '' ? {} : { peer: address }),
        at,
        authenticated: true,
        user: client.name,
        trust: 'inside', // an API key is inside (S1)
      },
      received: { ...(address === '' ? {} : { address }), with: 'HTTP' },
      client: `http:${client.name}`,
      rootId,
      removeFields,
    });
    if (!begun.ok) throw notTaken(begun);
    intake = begun;
    for (const part of [Buffer.from(missingFields(found.fields, { rootId, hostname, at })), header.subarray(found.start), rest]) {
      if (part.length > 0) await begun.write(part);
    }
  };
  const pass = async (part: Buffer): Promise<void> => {
    if (lines.sizeBytes > messageBytes) throw new MessageRefused('too-large', `a message may have ${messageBytes} bytes`);
    if (part.length === 0) return;
    if (intake === undefined) {
      const found = split.push(part);
      if (found !== undefined) await begin(found);
    } else {
      const wait = intake.write(part);
      if (wait !== undefined) await wait;
    }
  };

  try {
    for await (const chunk of chunksOf(body)) await pass(lines.push(chunk));
    await pass(lines.end());
    if (lines.sizeBytes === 0) throw new HttpProblem(400, 'empty', 'the body is empty: it must be the message');
    if (intake === undefined) await begin({ header: split.end(), rest: Buffer.alloc(0) });
    const result = await (intake as Intake | undefined)?.finish();
    if (result === undefined) throw new Error('finish before begin');
    if (!result.ok) throw notTaken(result);
    return result;
  } catch (error) {
    await (intake as Intake | undefined)?.abort();
    throw error;
  }
}

/** Leaves the stream open when it is left early: the answer goes out on the same socket. */
function chunksOf(body: IncomingMessage): AsyncIterable<Buffer> {
  return { [Symbol.asyncIterator]: () => body.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer> };
}

function notTaken({ cause, reply }: Refused): HttpProblem | MessageRefused {
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
