import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import {
  compose,
  readForm,
  type Reject,
  sendgridKey,
  type Verdict,
  verifyMailgun,
  verifySendgrid,
  type WebhookMail,
  type WebhookRequest,
  webhookDialects,
} from '@mailrail/foreign';
import type { Ledger } from '@mailrail/ledger';
import { oneLine, smtpMailbox } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import type { ForeignRecipient } from '../accept.ts';
import { headerSplit } from '../eml/header-split.ts';
import { lineEnds } from '../eml/line-ends.ts';
import { mailboxOf, recipientOf, relayRefusal } from '../eml/mailbox.ts';
import { missingFields } from '../eml/missing-fields.ts';
import { MessageRefused } from '../eml/refusal.ts';
import type { Webhook } from './access-file.ts';
import { type Client, type Credentials, requireScope } from './credentials.ts';
import { type HandInOptions, handInWhole, requireLine } from './hand-in.ts';
import { headerValues } from './header-values.ts';
import { keyedRequest } from './idempotency.ts';
import { messageFields } from './message-envelope.ts';
import { HttpProblem, refusalProblem, tryLater } from './problem.ts';
import { type ByteBudget, readBody } from './read-body.ts';
import { type SnsDeps, verifyTopic } from './sns-topic.ts';

/** Larger than what any of the providers posts: 35 MB of mail as base64. */
export const maxWebhookBytes = 50 * 1_048_576;

/**
 * SNS says at most 256 KB, which JSON writes in up to six times as many. Its body is parsed before anybody has proved anything, and
 * as objects it may be many times as large.
 */
const maxSnsBytes = 2 * 1_048_576;

export interface WebhookOptions extends HandInOptions {
  claims: Pick<Ledger, 'claim'>;
  credentials: Credentials;
  budget: ByteBudget;
  sns: SnsDeps;
  sendBody: () => void;
  now?: () => number;
}

/** What came of a request. All of it is 200: two providers take no other code for a yes. */
export type WebhookTaken =
  | { kind: 'taken'; rootId: string; recipients: number; sizeBytes: number; repeated: boolean }
  | { kind: 'no-mail'; reason: string };

/**
 * Takes mail that a provider posts. Who posts is proved before anything is read out of the body; the mail is from outside (S1, S7),
 * whatever it says. A repeat has the same identity, so the line drops it.
 *
 * Each provider has its own idea of "again later" and "never again", and a mail it gives up is lost: what may pass is 503 for all,
 * what never will has the code that ends the provider's attempts.
 *
 * @throws HttpProblem
 */
export async function receiveWebhook(request: IncomingMessage, hook: Webhook, options: WebhookOptions): Promise<WebhookTaken> {
  try {
    return await receive(request, hook, options);
  } catch (error) {
    throw inTheirWords(hook.kind, error);
  }
}

async function receive(request: IncomingMessage, hook: Webhook, options: WebhookOptions): Promise<WebhookTaken> {
  if (hook.kind === 'postmark' || (hook.kind === 'sendgrid' && hook.publicKey === undefined)) {
    requireScope(options.credentials(request.headers.authorization, true), `webhook:${hook.name}`);
  }
  requireLine(options.acceptor);
  options.sendBody();
  const { bytes, release } = await readBody(request, hook.kind === 'ses' ? maxSnsBytes : maxWebhookBytes, options.budget);
  try {
    const form = await readForm(request.headers['content-type'] ?? '', bytes);
    if (form !== undefined && 'kind' in form) throw refused(form);
    const posted: WebhookRequest = {
      header: (name) => {
        const values = headerValues(request, name);
        return values.length === 0 ? undefined : values.join(', ');
      },
      body: bytes,
      form,
    };
    const proof = await verified(hook, posted, options);
    const read = webhookDialects[hook.kind].read(posted);
    if (read.kind === 'reject') throw refused(read);
    if (read.kind === 'no-mail') return read;
    if (proof.once !== undefined) await requireUnused(hook, proof.once, read.id, options);
    return await hand(request, hook, read, options);
  } finally {
    release();
  }
}

/** @throws HttpProblem 401, 403 */
async function verified(hook: Webhook, posted: WebhookRequest, { sns, now = Date.now }: WebhookOptions): Promise<{ once?: string }> {
  let verdict: Verdict = { ok: true };
  switch (hook.kind) {
    case 'mailgun':
      verdict = verifyMailgun(posted.form, hook.signingKey, now(), hook.window);
      break;
    case 'sendgrid': {
      const key = hook.publicKey === undefined ? undefined : sendgridKey(hook.publicKey);
      if (key !== undefined) verdict = verifySendgrid(posted, key, now(), hook.window);
      break;
    }
    case 'ses':
      verdict = await verifyTopic(posted.body, hook, sns, now());
      break;
    case 'postmark':
      break;
  }
  if (verdict.ok) return verdict;
  throw new HttpProblem(403, verdict.code, verdict.reason);
}

/** A signature that does not cover the mail is good for one mail only; the ledger silent, the window alone protects. */
async function requireUnused(hook: Webhook, once: string, id: string, { claims }: WebhookOptions): Promise<void> {
  const token = createHash('sha256').update(once).digest('hex');
  if ((await claims.claim(`webhook:${hook.name}:${token}`, id)) !== 'other') return;
  throw new HttpProblem(403, 'signature', 'the signature was used for another mail');
}

async function hand(request: IncomingMessage, hook: Webhook, mail: WebhookMail, options: WebhookOptions): Promise<WebhookTaken> {
  const snapshot = options.organization.current();
  const sender = mail.sender === null ? null : mailboxOf(mail.sender)?.address;
  if (sender === undefined) throw new HttpProblem(422, 'envelope', `"${oneLine(mail.sender ?? '', 100)}" is no mail address`);
  const recipients = ours(hook.deliverTo ?? mail.recipients, snapshot);
  const client: Client = { name: `webhook:${hook.name}`, who: 'outside', may: () => false, maySee: () => false };
  const keyed = await keyedRequest(`${client.name}\n${mail.id}`, options.idempotency);
  if (keyed.answered !== undefined) return { kind: 'taken', rootId: keyed.rootId, ...keyed.answered, repeated: true };
  try {
    const { rootId } = keyed;
    const at = Date.now();
    const parts = await partsOf(mail, { rootId, at, hostname: snapshot.hostname, headerBytes: snapshot.settings.limits.headerBytes });
    const handed = { sender, recipients, smtputf8: true, rootId, at, trust: 'outside' as const };
    const taken = await handInWhole(parts, handed, client, request, options);
    const { recipients: count, sizeBytes } = taken;
    await keyed.done({ digest: mail.id, recipients: count, sizeBytes });
    return { kind: 'taken', rootId, recipients: count, sizeBytes, repeated: false };
  } catch (error) {
    await keyed.withdraw();
    throw error;
  }
}

/** Those of the recipients that are of the organization: a provider may name others of the same mail. @throws HttpProblem */
function ours(mailboxes: readonly string[], snapshot: OrganizationSnapshot): ForeignRecipient[] {
  const { postmaster, limits } = snapshot.settings;
  const known = (name: string) => snapshot.domain(name);
  const recipients = mailboxes.flatMap((text) => {
    const mailbox = mailboxOf(text);
    const recipient = mailbox === undefined ? undefined : recipientOf(mailbox, postmaster);
    return recipient !== undefined && relayRefusal(recipient, 'outside', known) === undefined ? [recipient] : [];
  });
  if (recipients.length === 0)
    throw new HttpProblem(403, 'relay-denied', 'no recipient of this mail is of the organization, or may be sent to from outside');
  if (recipients.length > limits.recipientsPerMessage) throw new HttpProblem(422, 'too-many-recipients', 'too many recipients');
  return recipients;
}

interface Making {
  rootId: string;
  at: number;
  hostname: string;
  headerBytes: number;
}

/** A message that came whole passes byte for byte but for its line ends; of another one is made anew. */
async function partsOf({ content }: WebhookMail, making: Making): Promise<Buffer[]> {
  if (content.kind === 'parsed') {
    const { parts } = await compose(content.composition, { ...making, mailbox: (address) => smtpMailbox(address) ?? '' });
    return parts;
  }
  const lines = lineEnds();
  const message = Buffer.concat([lines.push(content.bytes), lines.end()]);
  if (message.length === 0) throw new HttpProblem(422, 'empty', 'the message is empty');
  const split = headerSplit(making.headerBytes);
  const header = split.push(message)?.header ?? split.end();
  const found = messageFields(header);
  return [Buffer.from(missingFields(found.fields, making)), message.subarray(found.start)];
}

function refused({ code, reason, where }: Reject): MessageRefused {
  return new MessageRefused(code, reason, where);
}

/** Codes by which a provider stops; where there is none, any 4xx is one. */
const never: Readonly<Partial<Record<Webhook['kind'], number>>> = { mailgun: 406, postmark: 403 };

/** A refusal as this provider understands it. */
export function inTheirWords(kind: Webhook['kind'], error: unknown): unknown {
  const problem = error instanceof MessageRefused ? refusalProblem(error) : error;
  if (!(problem instanceof HttpProblem)) return problem;
  const { status, code, message, errors, headers } = problem;
  // In hand twice, or too much at once: it passes, and some providers take these codes for a no.
  if (status === 409 || status === 429) return tryLater(503, code, message, Number(headers['retry-after'] ?? 1));
  // Who is not let in may be a mistake of ours: the provider goes on, and the mail is not lost when it is mended.
  const isAboutSecrets = status === 401 || code === 'signature' || code === 'timestamp' || code === 'scope';
  if (status >= 500 || isAboutSecrets) return problem;
  return new HttpProblem(never[kind] ?? status, code, message, { ...(errors === undefined ? {} : { errors }), headers });
}
