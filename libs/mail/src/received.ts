import { splitAddress } from './address.ts';
import { formatDateTime } from './date-time.ts';
import { addressLiteral, asciiDomain, isAddressLiteral } from './domains.ts';
import { oneLine } from './one-line.ts';

export interface ReceivedClauses {
  /** What the client called itself in HELO, EHLO or LHLO. Foreign text. */
  from?: string | undefined;
  /** The client's IP address. */
  peer?: string | undefined;
  by: string; // our host name
  with: string; // `ESMTPSA`, `HTTP`, ...: RFC 5321 §4.4, RFC 3848
  tls?: string | undefined; // `TLSv1.3 TLS_AES_256_GCM_SHA384`
  id: string;
  /** Only when there is one recipient (E2: others were told to each other otherwise). A bare mailbox. */
  for?: string | undefined;
  at: number; // milliseconds since the epoch
}

/** Longest line of a header without its line end, RFC 5322 §2.1.1. */
const maxLineBytes = 998;

/**
 * The `Received` field of RFC 5321 §4.4 with its line end, folded; ASCII but for an internationalized HELO name or `for`.
 * A HELO name that is neither domain nor address literal stands in a comment, so that the field stays readable for programs.
 */
export function receivedField(clauses: ReceivedClauses): string {
  const literal = clauses.peer === undefined ? undefined : addressLiteral(clauses.peer);
  const said = clauses.from === undefined ? '' : oneLine(clauses.from);
  const proper = said !== '' && (isAddressLiteral(said) || asciiDomain(said) !== undefined);
  const lines: string[] = [];
  if (proper) lines.push(`from ${said}${literal === undefined ? '' : ` (${literal})`}`);
  else if (literal !== undefined) lines.push(`from ${literal}${said === '' ? '' : ` (helo=${comment(said)})`}`);
  else if (said !== '') lines.push(`from unknown (helo=${comment(said)})`);
  lines.push(
    `by ${clauses.by} (Mailrail) with ${clauses.with}${clauses.tls === undefined ? '' : ` (${comment(oneLine(clauses.tls, 100))})`}`,
  );
  lines.push(`id ${clauses.id}`);
  if (clauses.for !== undefined) {
    const mailbox = clauses.for.replace(/[\p{Cc}<>]/gu, '');
    if (Buffer.byteLength(mailbox) < maxLineBytes - 10) lines.push(`for <${mailbox}>`);
  }
  return `Received: ${lines.join('\r\n\t')};\r\n\t${formatDateTime(clauses.at)}\r\n`;
}

/**
 * The `Return-Path` line that begins the stored form (E1), one line with its line end.
 *
 * @param sender typed address or null. One of another system stands as a quoted local part, which no domain can be taken for.
 */
export function returnPathField(sender: string | null): string {
  if (sender === null) return 'Return-Path: <>\r\n';
  const { type, value } = splitAddress(sender.replace(/\p{Cc}/gu, ' '));
  return type === 'SMTP' ? `Return-Path: <${value}>\r\n` : `Return-Path: <"${type}:${value.replace(/["\\]/g, '\\$&')}">\r\n`;
}

function comment(text: string): string {
  return text.replace(/[()\\]/g, '\\$&');
}
