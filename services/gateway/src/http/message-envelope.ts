import { oneLine } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import type { ForeignRecipient } from '../accept.ts';
import { blindFields, envelopeFields, headerRecipients, headerSender } from '../eml/header-envelope.ts';
import { type HeaderFields, headerFields, requireFields } from '../eml/header-fields.ts';
import { type ForeignMailbox, mailboxOf, mayHave, recipientOf } from '../eml/mailbox.ts';
import { requiredFields } from '../eml/missing-fields.ts';
import type { Who } from '../may-relay.ts';
import { HttpProblem } from './problem.ts';
import type { MessageQuery, Problem } from './schemas.ts';

export interface MessageEnvelope {
  sender: string | null; // typed
  recipients: ForeignRecipient[]; // at least one
  /** Bcc goes only when the recipients were read from the header: what a program names in the query it has arranged itself (E2). */
  removeFields: readonly string[];
}

/** What the query says by itself, before a byte of the message is read. */
export interface QueryEnvelope {
  sender: string | null | undefined; // undefined: read it from the header
  recipients: ForeignRecipient[] | undefined;
}

const wanted = new Set([...envelopeFields, ...requiredFields]);

/** The fields an envelope and its completion need. */
export function messageFields(header: Buffer): HeaderFields {
  return headerFields(header, wanted);
}

/** What limits and completes an envelope. */
export interface EnvelopeRules {
  maxRecipients: number;
  postmaster: string; // mailbox
}

/** @throws HttpProblem 422 naming every wrong address at once. */
export function queryEnvelope({ from, to }: MessageQuery, { maxRecipients, postmaster }: EnvelopeRules): QueryEnvelope {
  const errors: NonNullable<Problem['errors']> = [];
  const read = (text: string, pointer: string): ForeignMailbox => {
    const inner = /^\s*<(.*)>\s*$/s.exec(text)?.[1] ?? text.trim();
    const mailbox = mailboxOf(inner);
    if (mailbox === undefined) errors.push({ detail: `"${oneLine(inner, 100)}" is no mail address`, pointer });
    return mailbox ?? { mailbox: '', address: '' };
  };
  const sender = from === undefined ? undefined : /^\s*(<\s*>)?\s*$/.test(from) ? null : read(from, '/query/from').address;
  if (typeof to === 'object' && to.length > maxRecipients) {
    const detail = `more than ${maxRecipients} recipients: send it in parts`;
    throw new HttpProblem(422, 'too-many-recipients', detail, { errors: [{ detail, pointer: '/query/to' }] });
  }
  const recipients =
    typeof to === 'string'
      ? [recipientOf(read(to, '/query/to'), postmaster)]
      : to?.map((text, at) => recipientOf(read(text, `/query/to/${at}`), postmaster));
  if (errors.length > 0)
    throw new HttpProblem(422, 'envelope', 'an address of the envelope is no mail address', { errors: errors.slice(0, 100) });
  return { sender, recipients };
}

/**
 * The whole envelope: of the query what it says, of the header the rest.
 *
 * Here, unlike in a folder, one bad recipient refuses the message: the client is there to correct it.
 *
 * @throws HttpProblem 422; MessageRefused for what the header says
 */
export function messageEnvelope(
  query: QueryEnvelope,
  header: Buffer,
  found: HeaderFields,
  { maxRecipients, postmaster }: EnvelopeRules,
): MessageEnvelope {
  if (query.sender !== undefined && query.recipients !== undefined) {
    return { sender: query.sender, recipients: query.recipients, removeFields: [] };
  }
  requireFields(header, found);
  const sender = query.sender === undefined ? headerSender(found.fields).address : query.sender;
  if (query.recipients !== undefined) return { sender, recipients: query.recipients, removeFields: [] };

  const { recipients, unreadable } = headerRecipients(found.fields, maxRecipients);
  if (unreadable.length > 0) {
    const errors = unreadable
      .slice(0, 100)
      .map(({ text, field }) => ({ detail: `"${text}" is no mail address`, pointer: `/header/${field}` }));
    throw new HttpProblem(422, 'envelope', 'an address in the header is no mail address', { errors });
  }
  if (recipients.length === 0) {
    const detail = 'nobody to send it to: there is no "to" in the query and no address in To, Cc and Bcc';
    throw new HttpProblem(422, 'envelope', detail, { errors: [{ detail: 'missing', pointer: '/query/to' }] });
  }
  return { sender, recipients: recipients.map(({ mailbox }) => recipientOf(mailbox, postmaster)), removeFields: blindFields };
}

/** Rule S1. @throws HttpProblem 403 naming the recipients it is about */
export function requireRelay(recipients: readonly ForeignRecipient[], who: Who, known: OrganizationSnapshot['domain']): void {
  const errors: NonNullable<Problem['errors']> = [];
  for (const [at, recipient] of recipients.entries()) {
    if (mayHave(recipient, who, known)) continue;
    errors.push({ detail: `no mail to ${oneLine(recipient.address.slice('SMTP:'.length), 100)} from here`, pointer: `/envelope/to/${at}` });
  }
  if (errors.length === 0) return;
  throw new HttpProblem(403, 'relay-denied', 'this client may not send to domains that are not ours', { errors: errors.slice(0, 100) });
}
