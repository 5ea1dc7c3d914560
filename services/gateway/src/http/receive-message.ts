import type { IncomingMessage } from 'node:http';
import { newRootId } from '@mailrail/mail';
import type { Intake } from '../accept.ts';
import { headerSplit, type SplitMessage } from '../eml/header-split.ts';
import { requireFields } from '../eml/header-fields.ts';
import { lineEnds } from '../eml/line-ends.ts';
import { missingFields } from '../eml/missing-fields.ts';
import { MessageRefused } from '../eml/refusal.ts';
import type { Client } from './credentials.ts';
import type { EnvelopeWords } from './envelope-words.ts';
import { type HandedIn, type HandInOptions, handIn, notTaken, requireLine, requireSenders, takeQuota } from './hand-in.ts';
import { headerValues } from './header-values.ts';
import { openKeyed } from './idempotency.ts';
import { authorsOf, messageEnvelope, messageFields, queryEnvelope, requireRelay } from './message-envelope.ts';
import { noteAccepted } from './message-status.ts';
import { HttpProblem } from './problem.ts';
import { chunksOf } from './read-body.ts';
import { requestDigest } from './request-digest.ts';

/** A message that is durable, as the client is told. */
export interface MessageTaken {
  rootId: string;
  recipients: number;
  sizeBytes: number; // of the stored form
  repeated: boolean; // the answer to an earlier request with the same key
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
  said: EnvelopeWords,
  client: Client,
  options: HandInOptions & { sendBody: () => void },
): Promise<MessageTaken> {
  const { acceptor, organization, quotas } = options;
  const snapshot = organization.current();
  const { settings, hostname } = snapshot;
  const known = (name: string) => snapshot.domain(name);
  const { messageBytes, headerBytes } = settings.limits;
  const rules = { maxRecipients: settings.limits.recipientsPerMessage, postmaster: settings.postmaster };
  const fromQuery = queryEnvelope(said, rules);
  if (fromQuery.recipients !== undefined) requireRelay(fromQuery.recipients, client.who, known);
  const keyed = await openKeyed(headerValues(body, 'idempotency-key'), client.name, options.idempotency);
  const digest = keyed === undefined ? undefined : requestDigest('messages', said.words);

  const lines = lineEnds();
  const split = headerSplit(headerBytes);
  let intake: Intake | undefined;
  let mail: HandedIn | undefined;

  const begin = async ({ header, rest }: SplitMessage): Promise<void> => {
    const found = messageFields(header);
    const { sender, recipients, removeFields } = messageEnvelope(fromQuery, header, found, rules);
    if (fromQuery.recipients === undefined) requireRelay(recipients, client.who, known);
    // Behind a line that is no field we would not see another From, and a mail program might.
    if (client.maySendAs !== undefined) requireFields(header, found);
    requireSenders(client, () => [
      ...(sender === null ? [] : [{ address: sender, pointer: '/envelope/from' }]),
      ...authorsOf(found.fields),
    ]);
    await takeQuota(client, recipients.length, Number(body.headers['content-length'] ?? 0), quotas);
    const rootId = keyed?.rootId ?? newRootId();
    const at = Date.now();
    const { envid, ret, smtputf8 } = fromQuery;
    mail = {
      sender,
      recipients,
      removeFields,
      smtputf8,
      ...(envid === undefined ? {} : { envid }),
      ...(ret === undefined ? {} : { ret }),
      rootId,
      at,
      trust: 'inside', // an API key is inside (S1)
    };
    const begun = handIn(mail, client, body, options);
    intake = begun;
    for (const part of [Buffer.from(missingFields(found.fields, { rootId, hostname, at })), header.subarray(found.start), rest]) {
      if (part.length > 0) await begun.write(part);
    }
  };
  const pass = async (part: Buffer): Promise<void> => {
    if (lines.sizeBytes > messageBytes) throw new MessageRefused('too-large', `a message may have ${messageBytes} bytes`);
    if (part.length === 0 || keyed?.answered !== undefined) return;
    if (intake === undefined) {
      const found = split.push(part);
      if (found !== undefined) await begin(found);
    } else {
      const wait = intake.write(part);
      if (wait !== undefined) await wait;
    }
  };

  try {
    if (keyed?.answered === undefined) requireLine(acceptor);
    options.sendBody();
    for await (const chunk of chunksOf(body)) {
      digest?.update(chunk);
      await pass(lines.push(chunk));
    }
    await pass(lines.end());
    if (lines.sizeBytes === 0) throw new HttpProblem(400, 'empty', 'the body is empty: it must be the message');
    const whole = digest?.digest('hex');
    if (keyed !== undefined && whole !== undefined) {
      await keyed.confirm(whole);
      if (keyed.answered !== undefined) return { rootId: keyed.rootId, ...keyed.answered, repeated: true };
    }
    if (intake === undefined) await begin({ header: split.end(), rest: Buffer.alloc(0) });
    const result = await (intake as Intake | undefined)?.finish();
    if (result === undefined) throw new Error('finish before begin');
    if (!result.ok) throw notTaken(result);
    const { rootId, recipients, sizeBytes } = result;
    if (mail !== undefined) noteAccepted(options.idempotency.ledger, mail, client, sizeBytes);
    if (keyed !== undefined && whole !== undefined) await keyed.done({ digest: whole, recipients, sizeBytes });
    if (client.quota !== undefined && body.headers['content-length'] === undefined) {
      await quotas.charge(client.name, client.quota, { mails: 0, recipients: 0, bytes: lines.sizeBytes });
    }
    return { rootId, recipients, sizeBytes, repeated: false };
  } catch (error) {
    await Promise.all([(intake as Intake | undefined)?.abort(), keyed?.withdraw()]);
    throw error;
  }
}
