import { asciiDomain, isAscii } from '@mailrail/mail';
import type { Capabilities } from '@mailrail/smtp';
import { relayedBytes } from './body.ts';
import type { Order } from './transport.ts';

/** Why a recipient cannot be offered to this peer, found out before a command is sent. */
export interface Misfit {
  status: string;
  reason: string;
}

/** How a mail goes over to a peer with these capabilities. */
export interface Fit {
  sender: string | null;
  /** Recipients in the order's order: the mailbox to name, or why not. */
  recipients: readonly (string | Misfit)[];
  smtputf8: boolean;
  /** The body is 8-bit, and the peer or one behind it takes 7-bit only. Where the peer does, an unconverted one is nobody's. */
  convert: boolean;
}

/**
 * Compares what a mail needs with what the peer offers (E4). Sizes by RFC 1870 §6.2, addresses by RFC 6531 §3: without SMTPUTF8 a
 * domain may still be said by its A-labels, a local part or a header in UTF-8 may not.
 *
 * @returns a misfit when nobody can have it.
 */
export function fit(
  mail: Pick<Order, 'sender' | 'content' | 'transfer'> & { recipients: readonly { mailbox: string }[] },
  peer: Capabilities,
): Fit | Misfit {
  const { content } = mail;
  const bytes = relayedBytes(content);
  if (peer.size !== undefined && peer.size > 0 && bytes > peer.size) {
    return { status: '5.3.4', reason: `the message has ${bytes} bytes, the next system takes ${peer.size}` };
  }
  if (content.body === 'binary') return { status: '5.6.1', reason: 'the message is binary, which needs BINARYMIME and CHUNKING' };

  const convert = content.body === '8bit' && (!peer.eightBit || mail.transfer === '7bit');
  if (peer.smtputf8) {
    const smtputf8 = content.smtputf8 || !isAscii(mail.sender ?? '') || mail.recipients.some(({ mailbox }) => !isAscii(mailbox));
    return { sender: mail.sender, recipients: mail.recipients.map(({ mailbox }) => mailbox), smtputf8, convert };
  }
  if (content.smtputf8) return { status: '5.6.7', reason: 'the message needs SMTPUTF8, which the next system does not offer' };
  const sender = mail.sender === null ? null : asciiMailbox(mail.sender);
  if (sender === undefined) return { status: '5.6.7', reason: 'the sender address needs SMTPUTF8, which the next system does not offer' };
  const recipients = mail.recipients.map(
    ({ mailbox }) =>
      asciiMailbox(mailbox) ?? { status: '5.6.7', reason: 'the recipient address needs SMTPUTF8, which the next system does not offer' },
  );
  return { sender, recipients, smtputf8: false, convert };
}

function asciiMailbox(mailbox: string): string | undefined {
  if (isAscii(mailbox)) return mailbox;
  const at = mailbox.lastIndexOf('@');
  const local = mailbox.slice(0, at);
  const domain = asciiDomain(mailbox.slice(at + 1));
  return at > 0 && domain !== undefined && isAscii(local) ? `${local}@${domain}` : undefined;
}
