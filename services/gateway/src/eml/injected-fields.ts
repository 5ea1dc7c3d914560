import type { Recipient } from '@mailrail/contracts';
import { decodeXtext, oneLine } from '@mailrail/mail';
import type { HeaderField } from './header-fields.ts';
import { type ForeignMailbox, mailboxOf } from './mailbox.ts';
import { isPlain, pathAndParameters, wishOf } from './path-parameters.ts';
import { MessageRefused } from './refusal.ts';

/** Lines an Exchange export puts before a message; ask for these. They count only at the top, one after the other. */
export const injectedFields = [
  'x-sender',
  'x-receiver',
  'x-createdby',
  'x-endofinjectedxheaders',
  'x-extendedprops',
  'x-extendedmessageprops',
  'x-messageprops',
  'x-helodomain',
  'x-source',
  'x-sourceipaddress',
];

export interface InjectedLines {
  lines: HeaderField[]; // the leading ones
  end: number; // where the message proper begins
  /** Envelope lines behind other fields: they are part of the message, and a sign that something put them there wrongly. */
  misplaced: number;
}

/** @param fields in order, with `injectedFields` among those asked for. @param start where the header begins. */
export function injectedLines(fields: readonly HeaderField[], start: number): InjectedLines {
  const lines: HeaderField[] = [];
  let end = start;
  for (const field of fields) {
    if (field.start !== end || !injectedFields.includes(field.name)) break;
    lines.push(field);
    end = field.end;
    if (field.name === 'x-endofinjectedxheaders') break;
  }
  const misplaced = fields.filter(({ name, start: at }) => at >= end && (name === 'x-sender' || name === 'x-receiver')).length;
  return { lines, end, misplaced };
}

export interface ReplayEnvelope {
  sender: ForeignMailbox | null; // null for the empty reverse-path
  envid?: string;
  ret?: 'full' | 'hdrs';
  recipients: { mailbox: ForeignMailbox; notify?: Recipient['notify']; orcpt?: string }[];
  unreadable: { text: string; field: string }[];
  helo?: string;
  peer?: string; // the address the message came from, before it was exported
  ignored: string[]; // parameters that mean nothing here
}

/**
 * The envelope of a file in replay mode: one `X-Sender`, and an `X-Receiver` for each recipient, with the parameters of
 * RFC 3461 (RET, ENVID; NOTIFY, ORCPT). AUTH and BODY are not obeyed: a file proves no login, and the bytes show what they are.
 *
 * @throws MessageRefused `envelope`, `too-many-recipients`
 */
export function replayEnvelope({ lines, misplaced }: InjectedLines, maxRecipients: number): ReplayEnvelope {
  const all = (name: string) => lines.filter((line) => line.name === name).map(({ value }) => value);
  const senders = all('x-sender');
  const receivers = all('x-receiver');
  const [senderLine] = senders;
  if (senderLine === undefined || receivers.length === 0) {
    const missing = senderLine === undefined ? 'X-Sender' : 'X-Receiver';
    const why = misplaced > 0 ? 'those that stand behind other fields do not count' : 'a message without them belongs into a pickup folder';
    throw new MessageRefused('envelope', `no ${missing} line at the top of the file; ${why}`, missing);
  }
  if (senders.length > 1) throw new MessageRefused('envelope', `${senders.length} X-Sender lines, and there must be one`, 'X-Sender');
  if (receivers.length > maxRecipients)
    throw new MessageRefused('too-many-recipients', `more than ${maxRecipients} recipients`, 'X-Receiver');

  const from = pathAndParameters(senderLine);
  const sender = from.path === '' ? null : mailboxOf(from.path);
  if (sender === undefined) throw new MessageRefused('envelope', `X-Sender is no mail address: "${oneLine(from.path, 100)}"`, 'X-Sender');
  const envelope: ReplayEnvelope = { sender, recipients: [], unreadable: [], ignored: [] };
  for (const [key, value] of from.parameters) {
    const envid = key === 'ENVID' ? decodeXtext(value) : undefined;
    const ret = key === 'RET' ? value.toLowerCase() : undefined;
    if (envid !== undefined && isPlain(envid, 100)) envelope.envid = envid;
    else if (ret === 'full' || ret === 'hdrs') envelope.ret = ret;
    else if (key !== 'BODY' && key !== 'AUTH' && key !== 'SIZE' && key !== 'SMTPUTF8')
      envelope.ignored.push(oneLine(`X-Sender ${key}`, 60));
  }
  for (const line of receivers) {
    const { path, parameters } = pathAndParameters(line);
    const mailbox = mailboxOf(path);
    if (mailbox === undefined) {
      envelope.unreadable.push({ text: oneLine(line, 100), field: 'X-Receiver' });
      continue;
    }
    const recipient: ReplayEnvelope['recipients'][number] = { mailbox };
    for (const [key, value] of parameters) {
      const wish = wishOf(key, value);
      if (wish !== undefined) Object.assign(recipient, wish);
      else envelope.ignored.push(oneLine(`X-Receiver ${key}`, 60));
    }
    envelope.recipients.push(recipient);
  }
  const [helo] = all('x-helodomain');
  const [peer] = all('x-sourceipaddress');
  if (helo !== undefined && helo !== '') envelope.helo = oneLine(helo);
  if (peer !== undefined && peer !== '') envelope.peer = oneLine(peer, 100);
  return envelope;
}
