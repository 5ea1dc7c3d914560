import type { OrganizationSnapshot } from '@mailrail/organization';
import { replies, type Reply } from '@mailrail/smtp';
import type { ForeignRecipient } from '../accept.ts';
import { blindFields, envelopeFields, headerRecipients, headerSender } from '../eml/header-envelope.ts';
import { headerFields, requireFields } from '../eml/header-fields.ts';
import { injectedFields, injectedLines, replayEnvelope } from '../eml/injected-fields.ts';
import { recipientOf, relayRefusal } from '../eml/mailbox.ts';
import { missingFields, requiredFields } from '../eml/missing-fields.ts';
import { MessageRefused } from '../eml/refusal.ts';
import type { Who } from '../may-relay.ts';
import type { LeftOut } from './bad.ts';

/** `pickup`: who it is from and for is in its own header. `replay`: in `X-Sender` and `X-Receiver` lines before it. Never guessed. */
export type EmlMode = 'pickup' | 'replay';

/** What the header block of a file says. */
export interface FileEnvelope {
  sender: string | null; // typed
  recipients: ForeignRecipient[]; // at least one
  envid?: string;
  ret?: 'full' | 'hdrs';
  helo?: string;
  leftOut: LeftOut[];
  /** Lines to put before the header. */
  first: string;
  /** Where in the block the message proper begins: what is before is ours to read and nobody's to see. */
  start: number;
  removeFields: readonly string[];
  notes: string[]; // for the log: what was odd and taken all the same
}

export interface FileEnvelopeOptions {
  mode: EmlMode;
  maxRecipients: number;
  who: Who; // for rule S1
  known: OrganizationSnapshot['domain'];
  postmaster: string; // mailbox
  rootId: string;
  hostname: string;
  at: number; // milliseconds since the epoch
}

const wanted = new Set([...envelopeFields, ...injectedFields, ...requiredFields]);

/**
 * Reads the envelope of a file from its header block.
 *
 * @param block with CRLF line ends, without the empty line.
 * @throws MessageRefused `unrecognised`, `syntax`, `envelope`, `too-many-recipients`, `auth`
 */
export function fileEnvelope(block: Buffer, options: FileEnvelopeOptions): FileEnvelope {
  const found = headerFields(block, wanted);
  requireFields(block, found);
  const injected = injectedLines(found.fields, found.start);
  const own = found.fields.filter(({ start }) => start >= injected.end);
  const notes: string[] = [];
  if (injected.misplaced > 0) notes.push('misplaced-x-lines');
  if (found.start > 0) notes.push('mailbox-separator');
  const common = { notes, start: injected.end };
  const first = missingFields(own, options);

  if (options.mode === 'pickup') {
    if (injected.lines.length > 0) notes.push('injected-lines-removed');
    const sender = headerSender(own).address;
    const { recipients, unreadable } = headerRecipients(own, options.maxRecipients);
    const given = recipients.map(({ mailbox, field }) => ({ recipient: recipientOf(mailbox, options.postmaster), field }));
    return { ...common, sender, first, removeFields: blindFields, ...allowed(given, unreadable, options) };
  }

  const envelope = replayEnvelope(injected, options.maxRecipients);
  if (envelope.ignored.length > 0) notes.push(`ignored: ${envelope.ignored.slice(0, 5).join(', ')}`);
  const given = envelope.recipients.map(({ mailbox, ...wishes }) => ({
    recipient: { ...recipientOf(mailbox, options.postmaster), ...wishes },
    field: 'X-Receiver',
  }));
  return {
    ...common,
    sender: envelope.sender === null ? null : envelope.sender.address,
    ...(envelope.envid === undefined ? {} : { envid: envelope.envid }),
    ...(envelope.ret === undefined ? {} : { ret: envelope.ret }),
    ...(envelope.helo === undefined ? {} : { helo: envelope.helo }),
    first: `${envelope.peer === undefined ? '' : `X-Foreign-Peer: ${envelope.peer}\r\n`}${first}`,
    removeFields: [],
    ...allowed(given, envelope.unreadable, options),
  };
}

/** Why a folder may not send to somebody (S1), to be said behind the address. */
export function folderMayNot(refusal: Reply): string {
  return refusal === replies.routingDenied
    ? 'may lead on from a domain we relay to (%, ! or @ before the last @), and this folder is outside'
    : 'this folder may not send to other domains than ours';
}

/** Single bad recipients never hold back the good ones; a mail without a good one is refused whole. */
function allowed(
  given: readonly { recipient: ForeignRecipient; field: string }[],
  unreadable: readonly { text: string; field: string }[],
  { mode, who, known }: FileEnvelopeOptions,
): { recipients: ForeignRecipient[]; leftOut: LeftOut[] } {
  const leftOut = unreadable.map(
    ({ text, field }): LeftOut => ({ recipient: text, field, code: 'envelope', reason: 'is no mail address' }),
  );
  const recipients: ForeignRecipient[] = [];
  for (const { recipient, field } of given) {
    const refusal = relayRefusal(recipient, who, known);
    if (refusal === undefined) recipients.push(recipient);
    else leftOut.push({ recipient: recipient.address.slice('SMTP:'.length), field, code: 'auth', reason: folderMayNot(refusal) });
  }
  if (recipients.length > 0) return { recipients, leftOut };
  const [worst] = leftOut.filter(({ code }) => code === 'auth').concat(leftOut);
  if (worst !== undefined) {
    const others = leftOut.length === 1 ? '' : `, as ${leftOut.length - 1} more`;
    throw new MessageRefused(worst.code, `no recipient is left: "${worst.recipient}" ${worst.reason}${others}`, worst.field);
  }
  const where = mode === 'pickup' ? 'To, Cc and Bcc' : 'X-Receiver';
  throw new MessageRefused('envelope', `nobody to send it to: there is no address in ${where}`, where);
}
