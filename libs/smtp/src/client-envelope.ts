import type { Capabilities, OutgoingMail, OutgoingRecipient, RecipientAnswer } from './client-types.ts';
import { formatSite } from './site-extension.ts';
import { encodeXtext } from './xtext.ts';

type Unsupported = RecipientAnswer & { kind: 'unsupported' };

const bodyWords = { '7bit': '7BIT', '8bit': '8BITMIME', binary: 'BINARYMIME' } as const;
const beyondAscii = /\P{ASCII}/u;
// A second lock before the wire: whatever a mailbox holds, it cannot end the path or the line.
const sayable = /^(?:"(?:[^"\\\p{Cc}]|\\[^\p{Cc}])*"|[^\s<>"\p{Cc}]+)(?:@[^\s<>"@\p{Cc}]+)?$/u;

/** Why the whole mail cannot be said to this server; undefined when it can. */
export function unsupportedMail(mail: OutgoingMail, offered: Capabilities): Unsupported | undefined {
  if (mail.sender !== null && !sayable.test(mail.sender)) return unsupported('5.1.7', 'the sender address cannot be said in SMTP');
  const utf8 = mail.smtputf8 === true || (mail.sender !== null && beyondAscii.test(mail.sender));
  if (utf8 && !offered.smtputf8) return unsupported('5.6.7', 'the mail needs SMTPUTF8, which the server does not offer');
  if (mail.body === '8bit' && !offered.eightBit) return unsupported('5.6.3', 'the mail needs 8BITMIME, which the server does not offer');
  if (mail.body === 'binary' && !(offered.binary && offered.chunking && mail.sizeBytes !== undefined)) {
    return unsupported('5.6.1', 'the mail needs BINARYMIME and CHUNKING, which the server does not offer');
  }
  if (offered.size !== undefined && offered.size > 0 && (mail.sizeBytes ?? 0) > offered.size) {
    return unsupported('5.3.4', `the mail is larger than the ${offered.size} bytes the server takes`);
  }
  return undefined;
}

/** Why one recipient cannot be said to this server. */
export function unsupportedRecipient({ mailbox }: OutgoingRecipient, offered: Capabilities): Unsupported | undefined {
  if (!sayable.test(mailbox)) return unsupported('5.1.3', 'the address cannot be said in SMTP');
  if (beyondAscii.test(mailbox) && !offered.smtputf8)
    return unsupported('5.6.7', 'the address needs SMTPUTF8, which the server does not offer');
  return undefined;
}

export function mailCommand(mail: OutgoingMail, offered: Capabilities, utf8: boolean): string {
  let command = `MAIL FROM:<${mail.sender ?? ''}>`;
  if (offered.size !== undefined && mail.sizeBytes !== undefined) command += ` SIZE=${mail.sizeBytes}`;
  if (mail.body !== undefined && (offered.eightBit || mail.body === 'binary')) command += ` BODY=${bodyWords[mail.body]}`;
  if (utf8) command += ' SMTPUTF8';
  if (offered.dsn && mail.ret !== undefined) command += ` RET=${mail.ret.toUpperCase()}`;
  if (offered.dsn && mail.envid !== undefined) command += ` ENVID=${encodeXtext(mail.envid)}`;
  if (offered.priority && mail.priority !== undefined) command += ` MT-PRIORITY=${mail.priority}`;
  if (offered.deliverBy !== undefined && mail.deliverBy !== undefined) {
    const { seconds, mode, trace } = mail.deliverBy;
    command += ` BY=${seconds};${mode === 'return' ? 'R' : 'N'}${trace ? 'T' : ''}`;
  }
  if (offered.requireTls && mail.requireTls === true) command += ' REQUIRETLS';
  if (offered.site && mail.site !== undefined) command += ` XMAILRAIL=${formatSite(mail.site)}`;
  return `${command}\r\n`;
}

export function rcptCommand({ mailbox, notify, orcpt }: OutgoingRecipient, offered: Capabilities): string {
  let command = `RCPT TO:<${mailbox}>`;
  if (offered.dsn && notify !== undefined) {
    command += ` NOTIFY=${(notify === 'never' ? 'never' : notify.join(',')).toUpperCase()}`;
  }
  if (offered.dsn && orcpt !== undefined) command += ` ORCPT=${orcptParameter(orcpt)}`;
  return `${command}\r\n`;
}

export function needsUtf8(mail: OutgoingMail): boolean {
  return (
    mail.smtputf8 === true ||
    (mail.sender !== null && beyondAscii.test(mail.sender)) ||
    mail.recipients.some(({ mailbox }) => beyondAscii.test(mailbox))
  );
}

/** RFC 3461 §4.2; an address beyond ASCII in the form of RFC 6533 §3 that any server may be given. */
function orcptParameter(orcpt: string): string {
  const semicolon = orcpt.indexOf(';');
  const [type, address] = semicolon < 0 ? ['rfc822', orcpt] : [orcpt.slice(0, semicolon), orcpt.slice(semicolon + 1)];
  if (!beyondAscii.test(address)) return `${type};${encodeXtext(address)}`;
  const escaped = address.replace(/[^!-*,-<>-[\]-~]/gu, (char) => `\\x{${(char.codePointAt(0) ?? 0).toString(16).toUpperCase()}}`);
  return `utf-8;${escaped}`;
}

function unsupported(status: string, reason: string): Unsupported {
  return { kind: 'unsupported', status, reason };
}
