import { type Notify, oneLine } from '@mailrail/mail';
import type { OrganizationSnapshot } from '@mailrail/organization';
import type { ForeignRecipient } from '../accept.ts';
import { authorAddresses } from '../eml/author-addresses.ts';
import { blindFields, envelopeFields, fieldTitle, headerRecipients, headerSender } from '../eml/header-envelope.ts';
import { type HeaderFields, headerFields, requireFields } from '../eml/header-fields.ts';
import { type ForeignMailbox, mailboxOf, recipientOf, relayRefusal } from '../eml/mailbox.ts';
import { requiredFields } from '../eml/missing-fields.ts';
import { pathAndParameters, wishOf } from '../eml/path-parameters.ts';
import type { Who } from '../may-relay.ts';
import { HttpProblem } from './problem.ts';
import type { EnvelopeWords } from './envelope-words.ts';
import type { Problem } from './schemas.ts';

export interface MessageEnvelope {
  sender: string | null; // typed
  recipients: ForeignRecipient[]; // at least one
  /** Bcc goes only when the recipients were read from the header: what a program names in the query it has arranged itself (E2). */
  removeFields: readonly string[];
}

/** What the request says by itself, before a byte of the message is read. */
export interface QueryEnvelope {
  sender: string | null | undefined; // undefined: read it from the header
  recipients: ForeignRecipient[] | undefined;
  notify?: Notify; // for recipients without a wish of their own
  envid?: string;
  ret?: 'full' | 'hdrs';
  smtputf8: boolean;
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
export function queryEnvelope({ words, placeOf }: EnvelopeWords, { maxRecipients, postmaster }: EnvelopeRules): QueryEnvelope {
  const { from, to, notify, ret, envid } = words;
  const smtputf8 = words.smtputf8 !== 'false';
  const errors: NonNullable<Problem['errors']> = [];
  const read = (text: string, pointer: string): ForeignMailbox => {
    const inner = /^\s*<(.*)>\s*$/s.exec(text)?.[1] ?? text.trim();
    const mailbox = mailboxOf(inner);
    if (mailbox === undefined) errors.push({ detail: `"${oneLine(inner, 100)}" is no mail address`, pointer });
    else if (!smtputf8 && /\P{ASCII}/u.test(mailbox.address)) {
      errors.push({ detail: `"${oneLine(inner, 100)}" needs internationalized mail, and smtputf8 is false`, pointer });
    }
    return mailbox ?? { mailbox: '', address: '' };
  };
  const readRecipient = (text: string, pointer: string): ForeignRecipient => {
    // `<path> PARAMETERS`, as after RCPT TO; anything else is an address and nothing more.
    if (!/^\s*<.*>\s+\S/s.test(text)) return recipientOf(read(text, pointer), postmaster);
    const { path, parameters } = pathAndParameters(text.trim());
    const recipient = recipientOf(read(path, pointer), postmaster);
    for (const [key, value] of parameters) {
      const wish = wishOf(key, value);
      if (wish === undefined) errors.push({ detail: `"${oneLine(key, 40)}" is no parameter here, or has no such value`, pointer });
      else Object.assign(recipient, wish);
    }
    return recipient;
  };
  const sender = from === undefined ? undefined : /^\s*(<\s*>)?\s*$/.test(from) ? null : read(from, placeOf('from')).address;
  if (typeof to === 'object' && to.length > maxRecipients) {
    const detail = `more than ${maxRecipients} recipients: send it in parts`;
    throw new HttpProblem(422, 'too-many-recipients', detail, { errors: [{ detail, pointer: placeOf('to') }] });
  }
  const recipients =
    typeof to === 'string' ? [readRecipient(to, placeOf('to'))] : to?.map((text, at) => readRecipient(text, `${placeOf('to')}/${at}`));
  if (errors.length > 0)
    throw new HttpProblem(422, 'envelope', 'an address of the envelope is no mail address', { errors: errors.slice(0, 100) });
  return {
    sender,
    recipients: recipients === undefined ? undefined : withDefault(recipients, notify),
    smtputf8,
    ...(notify === undefined ? {} : { notify }),
    ...(ret === undefined ? {} : { ret }),
    ...(envid === undefined ? {} : { envid }),
  };
}

function withDefault(recipients: ForeignRecipient[], notify: Notify | undefined): ForeignRecipient[] {
  return notify === undefined ? recipients : recipients.map((recipient) => ({ notify, ...recipient }));
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
  const meant = recipients.map(({ mailbox }) => recipientOf(mailbox, postmaster));
  return { sender, recipients: withDefault(meant, query.notify), removeFields: blindFields };
}

/**
 * Who the message says wrote and sent it, typed, with the place. A field in which readers may find different people, and a `From` that
 * is not there, are told too, as somebody nobody may be: a mail program may show anyone there.
 */
export function authorsOf(fields: HeaderFields['fields']): { address: string; pointer: string }[] {
  const names = new Set(['from', 'sender', 'resent-from', 'resent-sender']);
  const authors = fields
    .filter(({ name }) => names.has(name))
    .flatMap(({ name, value }) => {
      const pointer = `/header/${fieldTitle(name)}`;
      return (authorAddresses(value) ?? [`SMTP:${oneLine(value, 60)} (no plain address)`]).map((address) => ({ address, pointer }));
    });
  const isSigned = fields.some(({ name }) => name === 'from');
  return isSigned ? authors : [...authors, { address: 'SMTP:nobody (there is no From)', pointer: '/header/From' }];
}

/** Rule S1. @throws HttpProblem 403 naming the recipients it is about */
export function requireRelay(recipients: readonly ForeignRecipient[], who: Who, known: OrganizationSnapshot['domain']): void {
  const errors: NonNullable<Problem['errors']> = [];
  for (const [at, recipient] of recipients.entries()) {
    if (relayRefusal(recipient, who, known) === undefined) continue;
    errors.push({ detail: `no mail to ${oneLine(recipient.address.slice('SMTP:'.length), 100)} from here`, pointer: `/envelope/to/${at}` });
  }
  if (errors.length === 0) return;
  throw new HttpProblem(403, 'relay-denied', 'this client may not send to domains that are not ours', { errors: errors.slice(0, 100) });
}
