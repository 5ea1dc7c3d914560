import type { IncomingMessage } from 'node:http';
import { compose, type Composition } from '@mailrail/foreign';
import { newRootId, smtpMailbox } from '@mailrail/mail';
import { z } from 'zod';
import type { ForeignRecipient } from '../accept.ts';
import { ComposedMessage } from './compose-schema.ts';
import type { Client } from './credentials.ts';
import { type HandInOptions, handInWhole, requireLine, requireSenders, takeQuota } from './hand-in.ts';
import { headerValues } from './header-values.ts';
import { openKeyed } from './idempotency.ts';
import { hasFewValues } from './json-size.ts';
import { requireRelay } from './message-envelope.ts';
import { HttpProblem } from './problem.ts';
import { type ByteBudget, readBody } from './read-body.ts';
import type { MessageTaken } from './receive-message.ts';
import { requestDigest } from './request-digest.ts';
import { pointerStep, reservedKeys } from './reserved-keys.ts';
import type { Problem } from './schemas.ts';

/** A body is read whole; larger messages go in as they are, by `POST /v1/messages`. */
export const maxComposeBytes = 40 * 1_048_576;

/**
 * Builds a message from JSON and hands it in. The library that writes the MIME form gets texts that were checked here: no line end
 * reaches a header. Bcc is in the envelope and nowhere else.
 *
 * @returns only when the mail is durable.
 * @throws HttpProblem 400, 403, 413, 422 naming every wrong field at once, 429, 503; MessageRefused
 */
export async function composeMessage(
  request: IncomingMessage,
  client: Client,
  options: HandInOptions & { sendBody: () => void; budget: ByteBudget },
): Promise<MessageTaken> {
  const { organization, quotas, acceptor } = options;
  const snapshot = organization.current();
  const { settings, hostname } = snapshot;
  const keyed = await openKeyed(headerValues(request, 'idempotency-key'), client.name, options.idempotency);
  let release = (): void => {};
  try {
    if (keyed?.answered === undefined) requireLine(acceptor);
    options.sendBody();
    const body = await readBody(request, maxComposeBytes, options.budget);
    ({ release } = body);
    const message = readMessage(body.bytes, settings.limits.recipientsPerMessage);
    const recipients = recipientsOf(message, settings.limits.recipientsPerMessage);
    const digest = requestDigest('messages:compose', {}).update(body.bytes).digest('hex');
    requireRelay(recipients, client.who, (name) => snapshot.domain(name));
    requireSenders(client, () => [
      { address: message.from.address, pointer: '/from' },
      ...(message.sender === undefined ? [] : [{ address: message.sender.address, pointer: '/sender' }]),
    ]);
    if (keyed !== undefined) {
      await keyed.confirm(digest);
      if (keyed.answered !== undefined) return { rootId: keyed.rootId, ...keyed.answered, repeated: true };
    }
    const rootId = keyed?.rootId ?? newRootId();
    const at = Date.now();
    const { parts } = await compose(compositionOf(message), {
      rootId,
      at,
      hostname,
      mailbox: (address) => smtpMailbox(address) ?? '',
    });
    const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0);
    await takeQuota(client, recipients.length, sizeBytes, quotas);
    const { envid, ret } = message;
    const mail = {
      sender: (message.sender ?? message.from).address,
      recipients,
      smtputf8: true,
      ...(envid === undefined ? {} : { envid }),
      ...(ret === undefined ? {} : { ret }),
      rootId,
      at,
      trust: 'inside' as const,
    };
    const taken = await handInWhole(parts, mail, client, request, options);
    await keyed?.done({ digest, recipients: taken.recipients, sizeBytes: taken.sizeBytes });
    return { ...taken, repeated: false };
  } catch (error) {
    await keyed?.withdraw();
    throw error;
  } finally {
    release();
  }
}

/** Values of a message besides its recipients, and of each recipient: far more than any has. */
const mostValues = 10_000;
const valuesPerRecipient = 10;

function readMessage(bytes: Buffer, maxRecipients: number): ComposedMessage {
  const most = mostValues + valuesPerRecipient * maxRecipients;
  if (!hasFewValues(bytes, most)) throw new HttpProblem(422, 'message', `the message has more than ${most} values`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new HttpProblem(400, 'json', 'the body is no JSON in UTF-8');
  }
  const reserved = reservedKeys(value);
  const parsed = ComposedMessage.safeParse(value);
  if (parsed.success && reserved.length === 0) return parsed.data;
  const told = new Set(reserved.map(({ pointer }) => pointer));
  const wrong = parsed.error?.issues.flatMap(problemsOf).filter(({ pointer }) => !told.has(pointer)) ?? [];
  const errors = [...reserved, ...wrong].slice(0, 100);
  throw new HttpProblem(422, 'message', 'the message has fields that are wrong or unknown', { errors });
}

function problemsOf(issue: z.core.$ZodIssue): NonNullable<Problem['errors']> {
  const at = (path: readonly PropertyKey[]) => `/${path.map(pointerStep).join('/')}`.slice(0, 200);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ detail: 'there is no such field', pointer: at([...issue.path, key]) }));
  }
  // Of the forms a value may have, the one that came nearest: what is wrong inside it says more than that it is none of them.
  if (issue.code === 'invalid_union') {
    const nearest = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0] ?? [];
    if (nearest.length > 0) return nearest.flatMap((inner) => problemsOf({ ...inner, path: [...issue.path, ...inner.path] }));
  }
  return [{ detail: issue.message, pointer: at(issue.path) }];
}

function depth(issues: readonly z.core.$ZodIssue[]): number {
  return Math.max(...issues.map(({ path, code }) => path.length * 2 + (code === 'invalid_type' ? 0 : 1)));
}

/** Everybody the message is for, each once. */
function recipientsOf({ to, cc, bcc, notify }: ComposedMessage, most: number): ForeignRecipient[] {
  const addresses = new Set([...to, ...cc, ...bcc].map(({ address }) => address));
  if (addresses.size === 0) {
    throw new HttpProblem(422, 'envelope', 'nobody to send it to', { errors: [{ detail: 'an address in to, cc or bcc', pointer: '/to' }] });
  }
  if (addresses.size > most) {
    const detail = `more than ${most} recipients: send it in parts`;
    throw new HttpProblem(422, 'too-many-recipients', detail, { errors: [{ detail, pointer: '/to' }] });
  }
  return [...addresses].map((address) => ({ address, ...(notify === undefined ? {} : { notify }) }));
}

function compositionOf(message: ComposedMessage): Composition {
  const { from, sender, replyTo, to, cc, subject, text, html, attachments, inReplyTo, references, headers } = message;
  return {
    from,
    ...(sender === undefined ? {} : { sender }),
    ...(replyTo === undefined ? {} : { replyTo }),
    to,
    cc,
    subject,
    text,
    ...(html === undefined ? {} : { html }),
    files: attachments.map(({ name, type, content, cid }) => ({
      name,
      bytes: content,
      ...(type === undefined ? {} : { type }),
      ...(cid === undefined ? {} : { cid }),
    })),
    kept: [
      ...(inReplyTo === undefined ? [] : [{ name: 'In-Reply-To', value: inReplyTo }]),
      ...(references === undefined ? [] : [{ name: 'References', value: references.join(' ') }]),
      ...Object.entries(headers).map(([name, value]) => ({ name, value })),
    ],
  };
}
