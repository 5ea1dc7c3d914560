import { smtpMailbox } from './address.ts';
import { formatDateTime } from './date-time.ts';
import { addressLiteral } from './domains.ts';
import { oneLine } from './one-line.ts';
import { returnPathField } from './return-path.ts';

/** What the `Received` field says of the way a message came (RFC 5321 §4.4). All texts may be foreign: they are made safe here. */
export interface ReceivedFrom {
  helo?: string; // as the client named itself
  address?: string; // of the client: `192.0.2.1`, `2001:db8::1`
  with: string; // ESMTP, ESMTPSA, UTF8SMTPS (RFC 3848, RFC 6531 §4.3), HTTP, or a word for a folder
  tls?: string; // protocol and cipher
  comment?: string; // anything else worth a word: the folder and the file
}

export interface FirstLines {
  bytes: Buffer;
  relayOffset: number; // length of the Return-Path line, which is left out on relay (E1)
}

/**
 * The two fields that go before the untouched bytes of a message (E1): `Return-Path`, then our `Received`.
 *
 * @param sender typed address or null.
 * @param onlyRecipient the recipient when there is exactly one: with more, naming one would tell a Bcc (E2).
 * @param at milliseconds since the epoch.
 */
export function firstLines({
  sender,
  from,
  by,
  rootId,
  onlyRecipient,
  at,
}: {
  sender: string | null;
  from: ReceivedFrom;
  by: string;
  rootId: string;
  onlyRecipient?: string;
  at: number;
}): FirstLines {
  const returnPath = returnPathField(sender);
  const recipient = onlyRecipient === undefined ? undefined : smtpMailbox(onlyRecipient);
  const lines = [
    `Received: ${fromClause(from)}by ${by}`,
    `\twith ${token(from.with)}${from.tls === undefined ? '' : ` (${comment(from.tls)})`} id ${rootId}`,
    `${recipient === undefined ? '' : `\tfor <${pathText(recipient)}>`}`,
  ].filter((line) => line !== '');
  const received = `${lines.join('\r\n')};\r\n\t${formatDateTime(at)}\r\n`;
  return { bytes: Buffer.from(returnPath + received), relayOffset: Buffer.byteLength(returnPath) };
}

function fromClause({ helo, address, comment: said }: ReceivedFrom): string {
  const literal = address === undefined ? undefined : addressLiteral(address);
  const words = said === undefined ? '' : `(${comment(said)})\r\n\t`;
  if (helo === undefined && literal === undefined) return words;
  return `from ${helo === undefined ? literal : token(helo)}${literal === undefined ? '' : ` (${literal})`}\r\n\t${words}`;
}

/** One word of the field: whatever could end the word, begin a comment or the date becomes an underscore. */
function token(text: string): string {
  return oneLine(text).replace(/[^\x21-\x7e]|[()<>\\,;"]/g, '_');
}

function comment(text: string): string {
  return oneLine(text).replace(/[()\\]/g, '_');
}

/** Addresses were parsed at the edge; this is the second lock (S6): no line end, whatever a gateway handed over. */
function pathText(mailbox: string): string {
  return mailbox.replace(/[\p{Cc}<>]/gu, '');
}
