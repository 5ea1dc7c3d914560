import type { Content, DeliverBy } from '@mailrail/contracts';
import { asciiDomain, isAscii } from '@mailrail/mail';
import type { Capabilities } from '@mailrail/smtp';
import { relayedBytes } from './body.ts';

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
  /** The body is 8-bit or binary, and the peer does not take it so, or one behind it does not. */
  convert: '8bit' | 'binary' | undefined;
  /** RFC 2852: what is left of the time, in seconds, for a peer that heeds it. */
  bySeconds?: number;
}

/** What a mail asks of the systems on its way, beside its bytes. */
export interface Asks {
  sender: string | null;
  recipients: readonly { mailbox: string }[];
  content: Content;
  transfer?: '7bit' | undefined; // wished for, whatever the peer says it takes
  deliverBy?: DeliverBy | undefined;
  requireTls?: boolean | undefined;
}

/**
 * Compares what a mail needs with what the peer offers (E4). Sizes by RFC 1870 §6.2, addresses by RFC 6531 §3: without SMTPUTF8 a
 * domain may still be said by its A-labels, a local part or a header in UTF-8 may not.
 *
 * @param verified the session is inside TLS with a certificate that was verified.
 * @returns a misfit when nobody can have it.
 */
export function fit(mail: Asks, peer: Capabilities, verified: boolean, now = Date.now()): Fit | Misfit {
  const { content, deliverBy } = mail;
  const unsafe = unsafeFor(mail, peer, verified);
  if (unsafe !== undefined) return unsafe;
  const bySeconds = secondsLeft(deliverBy, now);
  const late = tooLateFor(deliverBy, bySeconds, peer);
  if (late !== undefined) return late;
  const by = bySeconds === undefined || peer.deliverBy === undefined ? {} : { bySeconds };
  const bytes = relayedBytes(content);
  if (peer.size !== undefined && peer.size > 0 && bytes > peer.size) {
    return { status: '5.3.4', reason: `the message has ${bytes} bytes, the next system takes ${peer.size}` };
  }
  const convert = conversion(content, peer, mail.transfer);
  if (peer.smtputf8) {
    const smtputf8 = content.smtputf8 || !isAscii(mail.sender ?? '') || mail.recipients.some(({ mailbox }) => !isAscii(mailbox));
    return { sender: mail.sender, recipients: mail.recipients.map(({ mailbox }) => mailbox), smtputf8, convert, ...by };
  }
  if (content.smtputf8) return { status: '5.6.7', reason: 'the message needs SMTPUTF8, which the next system does not offer' };
  const sender = mail.sender === null ? null : asciiMailbox(mail.sender);
  if (sender === undefined) return { status: '5.6.7', reason: 'the sender address needs SMTPUTF8, which the next system does not offer' };
  const recipients = mail.recipients.map(
    ({ mailbox }) =>
      asciiMailbox(mailbox) ?? { status: '5.6.7', reason: 'the recipient address needs SMTPUTF8, which the next system does not offer' },
  );
  return { sender, recipients, smtputf8: false, convert, ...by };
}

/** What the body has to be converted from, for the peer itself and for one behind it that takes 7-bit only. */
export function conversion({ body }: Content, peer: Capabilities, transfer?: '7bit'): Fit['convert'] {
  if (body === '8bit') return peer.eightBit && transfer === undefined ? undefined : '8bit';
  if (body === 'binary') return peer.binary && peer.chunking && transfer === undefined ? undefined : 'binary';
  return undefined;
}

/**
 * RFC 8689 §4.2.1: only over TLS with a certificate that was verified, and only to a peer that goes on so. A report is sent all the
 * same, since it would be lost otherwise (§5).
 */
function unsafeFor({ sender, requireTls }: Asks, peer: Capabilities, verified: boolean): Misfit | undefined {
  if (requireTls !== true || sender === null) return undefined;
  const status = '5.7.30';
  if (!verified) return { status, reason: 'its sender requires TLS, and the certificate of the next system could not be verified' };
  return peer.requireTls ? undefined : { status, reason: 'its sender requires TLS, and the next system does not promise REQUIRETLS' };
}

/** What is left of the time, rounded down; with `notify` it may be over. */
function secondsLeft(deliverBy: DeliverBy | undefined, now: number): number | undefined {
  if (deliverBy === undefined) return undefined;
  return Math.max(-999_999_999, Math.min(999_999_999, Math.floor((deliverBy.at - now) / 1_000)));
}

/** RFC 2852 §4: with `return` a mail goes only to who takes the time with it, and can keep it. */
function tooLateFor(deliverBy: DeliverBy | undefined, seconds = 0, peer: Capabilities): Misfit | undefined {
  if (deliverBy?.mode !== 'return') return undefined;
  if (peer.deliverBy === undefined)
    return { status: '5.4.7', reason: 'its sender set a time, which the next system would not keep (DELIVERBY)' };
  if (seconds > 0 && seconds >= peer.deliverBy) return undefined;
  return {
    status: '5.4.7',
    reason: `its sender set a time, of which ${Math.max(0, seconds)} s are left; the next system needs ${peer.deliverBy} s`,
  };
}

function asciiMailbox(mailbox: string): string | undefined {
  if (isAscii(mailbox)) return mailbox;
  const at = mailbox.lastIndexOf('@');
  const local = mailbox.slice(0, at);
  const domain = asciiDomain(mailbox.slice(at + 1));
  return at > 0 && domain !== undefined && isAscii(local) ? `${local}@${domain}` : undefined;
}
