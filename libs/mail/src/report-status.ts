import { formatDateTime } from './date-time.ts';
import { oneLine } from './one-line.ts';
import type { ReportedRecipient, ReportInput } from './report-input.ts';
import { encodeUtf8Address, isAscii, reportAddress } from './utf8-address.ts';

/** The machine-readable part, RFC 3464 §2: fields of the message, then a block for each recipient. ASCII throughout. */
export function deliveryStatus(input: ReportInput): string {
  const message = [
    ...(input.envid === undefined || input.envid === '' ? [] : [`Original-Envelope-Id: ${ascii(input.envid)}`]),
    `Reporting-MTA: dns; ${ascii(input.hostname)}`,
    `Arrival-Date: ${formatDateTime(input.arrivedAt)}`,
  ];
  return `${[message, ...input.recipients.map((one) => recipientBlock(one, input))].map((block) => block.join('\r\n')).join('\r\n\r\n')}\r\n`;
}

function recipientBlock(recipient: ReportedRecipient, input: ReportInput): string[] {
  const { remote, orcpt } = recipient;
  return [
    // Only as the sender gave it in ORCPT, RFC 3464 §2.3.1.
    ...(orcpt === undefined ? [] : [`Original-Recipient: ${originalRecipient(orcpt)}`]),
    // The address when we accepted the message (§2.3.2): where it was forwarded to is not the sender's business.
    `Final-Recipient: ${oneLine(reportAddress(recipient.address), 1_000)}`,
    `Action: ${input.action}`,
    `Status: ${recipient.status}`,
    ...(remote === undefined ? [] : [`Remote-MTA: dns; ${ascii(hostOf(remote.mta))}`]),
    `Diagnostic-Code: ${remote === undefined ? `x-mailrail; ${ascii(recipient.reason)}` : `smtp; ${ascii(remote.reply)}`}`,
    `Last-Attempt-Date: ${formatDateTime(input.at)}`,
    ...(input.action === 'delayed' && input.retryUntil !== undefined ? [`Will-Retry-Until: ${formatDateTime(input.retryUntil)}`] : []),
  ];
}

/** `rfc822;ada@corp.example` as the sender gave it; an internationalized one in the form for ASCII fields (RFC 6533 §3). */
function originalRecipient(orcpt: string): string {
  const semicolon = orcpt.indexOf(';');
  const type = oneLine(semicolon < 0 ? 'rfc822' : orcpt.slice(0, semicolon), 40);
  const address = oneLine(orcpt.slice(semicolon + 1), 480);
  if (isAscii(address)) return `${type};${address}`;
  return `${type.toLowerCase() === 'rfc822' ? 'utf-8' : type};${encodeUtf8Address(address)}`;
}

/** One line of printable ASCII: characters beyond are written as `\x{HEX}`. */
function ascii(text: string): string {
  const line = oneLine(text, 480);
  return isAscii(line)
    ? line
    : line.replace(/[^ -~]/gu, (character) => `\\x{${(character.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`);
}

/** `mx.remote.example:25` -> `mx.remote.example`. */
function hostOf(mta: string): string {
  return mta.replace(/:\d{1,5}$/, '');
}
