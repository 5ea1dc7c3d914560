import { smtpAddress } from '@mailrail/mail';

const rcpt = /^RCPT TO: ?<([^<>@\s"]{1,64}@[A-Za-z0-9.-]{1,255})>/gim;

/** More than this is not looked ahead in one piece of input: who names so many may be guessing. */
const most = 50;

/**
 * Recipients of pipelined RCPT commands in a piece of input (RFC 2920), as typed addresses: a hint of what the engine will ask
 * about. What it overlooks (a command cut in two, a quoted local part, a domain beyond ASCII) is asked about on its own.
 *
 * @returns nothing for less than two, since one question is as fast by itself.
 */
export function comingRecipients(chunk: Buffer): string[] {
  const first = chunk.toString('latin1', 0, 16_384);
  const found: string[] = [];
  for (const [, mailbox = ''] of first.matchAll(rcpt)) {
    found.push(smtpAddress(mailbox));
    if (found.length === most) break;
  }
  return found.length < 2 ? [] : found;
}
