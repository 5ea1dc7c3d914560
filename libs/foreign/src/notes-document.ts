import { type Notify, oneLine } from '@mailrail/mail';
import type { Composition, HeaderAddress } from './compose.ts';
import { internetId, keptField, messageIdFor } from './foreign-id.ts';
import { type Entry, type EntryRecipient, nobodyToSendTo, type Reject, reject } from './foreign-file.ts';
import { notesAddress, notesList } from './notes-address.ts';
import { notesDate } from './notes-date.ts';

/** A Notes document, in whatever format it was exported: its form and its items. */
export interface NotesDocument {
  form: string;
  unid?: string;
  /** By name in lower case. */
  items: ReadonlyMap<string, NotesItem>;
}

export interface NotesItem {
  title: string; // as written
  values: readonly string[];
}

/** What the envelope of a document says. `sender` is null for reports. */
export type NotesEnvelope = Omit<Entry, 'kind' | 'bytes'>;

const letters = new Set(['memo', 'reply', 'reply with history']);
const reports = new Set(['nondelivery report', 'delivery report', 'return receipt', 'trace report', 'nondelivery', 'delivery']);

const isReport = ({ form }: NotesDocument): boolean => reports.has(form.toLowerCase());

/** Sender and recipients, or why the document is no mail that can be carried. */
export function notesEnvelope(document: NotesDocument, maxRecipients: number): NotesEnvelope | Reject {
  const form = document.form.toLowerCase();
  if (!letters.has(form) && !reports.has(form)) {
    return reject('unsupported-type', `documents of the form "${oneLine(document.form, 60)}" are not mail`, 'Form');
  }
  const seal = [...document.items.keys()].find((name) => name.startsWith('$seal'));
  if (seal !== undefined) return reject('unsupported-type', 'it is encrypted, and only its reader can open it', seal);
  const from = fromOf(document);
  if (from === undefined && !isReport(document)) {
    return reject('envelope', 'nobody to answer to: From is missing or no address', 'From');
  }
  const notify = notifyOf(one(document, 'deliveryreport'));
  const recipients: EntryRecipient[] = [];
  const unreadable: Entry['unreadable'] = [];
  const known = new Set<string>();
  const fields = entriesOf(document, 'recipients').length > 0 ? ['Recipients'] : ['SendTo', 'CopyTo', 'BlindCopyTo'];
  for (const where of fields) {
    for (const text of entriesOf(document, where.toLowerCase())) {
      const read = notesAddress(text);
      if (!read.ok) unreadable.push({ text: oneLine(text, 100), where, reason: `is no address: ${oneLine(read.reason, 200)}` });
      else if (!known.has(read.value.address)) {
        known.add(read.value.address);
        recipients.push({ address: read.value.address, where, ...(notify === undefined ? {} : { notify }) });
      }
      if (recipients.length + unreadable.length > maxRecipients)
        return reject('too-many-recipients', `more than ${maxRecipients} recipients`, where);
    }
  }
  if (recipients.length === 0) return nobodyToSendTo(unreadable, 'SendTo, CopyTo and BlindCopyTo are empty', 'SendTo');
  return { sender: isReport(document) ? null : (from?.address ?? null), recipients, unreadable };
}

/** The message as mail has it, without text and files. */
export function notesComposition(document: NotesDocument, dialect: string, hostname: string): Omit<Composition, 'text' | 'files'> {
  const from = fromOf(document);
  const principal = addressIn(document, 'principal');
  const posted = one(document, 'posteddate') ?? one(document, 'composeddate');
  const date = notesDate(posted ?? '');
  const subject = one(document, 'subject');
  const about = one(document, 'in_reply_to') ?? one(document, '$ref');
  const messageId = internetId(one(document, '$messageid'));
  const importance = importances[one(document, 'importance') ?? ''];
  const priority = priorities[(one(document, 'deliverypriority') ?? '').toUpperCase()];
  const replyTo = entriesOf(document, 'replyto').flatMap((text) => addressOrNone(text));
  const isOnBehalf = principal !== undefined && from !== undefined && principal.address !== from.address;
  return {
    ...(from === undefined ? {} : { from: isOnBehalf ? principal : from }),
    ...(isOnBehalf ? { sender: from } : {}),
    ...(replyTo.length === 0 ? {} : { replyTo }),
    to: entriesOf(document, 'sendto').flatMap((text) => addressOrNone(text)),
    cc: entriesOf(document, 'copyto').flatMap((text) => addressOrNone(text)),
    ...(subject === undefined ? {} : { subject }),
    ...(date === undefined ? {} : { date: date.at }),
    ...(messageId === undefined && document.unid === undefined
      ? {}
      : { messageId: messageId ?? messageIdFor(document.unid ?? '', dialect, hostname) }),
    ...(about === undefined ? {} : { inReplyTo: messageIdFor(about, dialect, hostname) }),
    ...(importance === undefined ? {} : { importance }),
    ...(priority === undefined ? {} : { priority }),
    ...(one(document, '$keepprivate') === '1' ? { sensitivity: 'Private' as const } : {}),
    ...(one(document, 'returnreceipt') === '1' && from !== undefined ? { receiptTo: from } : {}),
    isAutomatic: isReport(document),
    kept: keptOf(document, date === undefined || !date.hasZone),
  };
}

const importances: Readonly<Record<string, Composition['importance']>> = { 1: 'high', 2: 'normal', 3: 'low' };
const priorities: Readonly<Record<string, Composition['priority']>> = { H: 'urgent', N: 'normal', L: 'non-urgent' };

/** Items that have a field of their own or are the message itself. Those that name people are not kept: a blind copy stays blind. */
const carried = new Set([
  'form',
  'from',
  'inetfrom',
  'principal',
  'replyto',
  'subject',
  'body',
  '$file',
  '$messageid',
  'in_reply_to',
  '$ref',
  'importance',
  'deliverypriority',
  'returnreceipt',
  '$keepprivate',
]);
const maxKept = 100;

function keptOf(document: NotesDocument, keepDate: boolean): Composition['kept'] {
  const blind = entriesOf(document, 'blindcopyto').map((text) => text.toLowerCase());
  const kept: { name: string; value: string }[] = document.unid === undefined ? [] : [{ name: 'X-Foreign-ID', value: document.unid }];
  for (const [key, { title, values }] of document.items) {
    if (carried.has(key) || /sendto|copyto|recipient|bcc|storageto|storagecc/.test(key)) continue;
    if (!keepDate && (key === 'posteddate' || key === 'composeddate')) continue;
    const name = keptField(title);
    const value = values.join(', ').slice(0, 1_000).trim();
    const lower = value.toLowerCase();
    if (name === undefined || value === '' || blind.some((one) => lower.includes(one))) continue;
    kept.push({ name, value: oneLine(value, 900) });
    if (kept.length > maxKept) break;
  }
  return kept;
}

/** Texts in which Notes keeps a `DeliveryReport`: none, only when it fails, always, with a trace (which is not carried). */
function notifyOf(text: string | undefined): Notify | undefined {
  return notifies[text?.toUpperCase() ?? ''];
}
const notifies: Readonly<Record<string, Notify>> = { N: 'never', B: ['failure'], C: ['success', 'failure'], T: ['success', 'failure'] };

function fromOf(document: NotesDocument): HeaderAddress | undefined {
  return addressIn(document, 'inetfrom') ?? addressIn(document, 'from');
}

function addressIn(document: NotesDocument, key: string): HeaderAddress | undefined {
  const text = one(document, key);
  return text === undefined ? undefined : addressOrNone(text)[0];
}

function addressOrNone(text: string): HeaderAddress[] {
  const read = notesAddress(text);
  return read.ok ? [read.value] : [];
}

/** The first value of an item that is not empty. */
function one({ items }: NotesDocument, key: string): string | undefined {
  return items
    .get(key)
    ?.values.find((value) => value.trim() !== '')
    ?.trim();
}

/** The people an item names. */
function entriesOf({ items }: NotesDocument, key: string): string[] {
  return (items.get(key)?.values ?? []).flatMap((value) => notesList(value));
}
