import type { Envelope } from '@mailrail/contracts';
import type { Ledger } from '@mailrail/ledger';
import type { Log } from '@mailrail/telemetry';
import type { Pin } from './parking.ts';

/** Pins a body whose mail is about to be parked. The mail is parked all the same: a person finds it, and why its body may not outlive retention. */
export async function pinBody(content: Pin | undefined, mail: Envelope, log: Log): Promise<void> {
  try {
    await content?.hold(mail.content.ref);
  } catch (error) {
    log.error('badmail.not-pinned', { mailId: mail.mailId, reason: error instanceof Error ? error.message : String(error) });
  }
}

/** What a person sees of a parked mail in the console's list (B9), beside the reason. */
export function parkedFacts({ mailId, recipients, content, attempt }: Envelope) {
  return { 'mail-id': mailId, recipients: recipients.length, size: content.sizeBytes, attempt };
}

/** Counts the end of its recipients, once, whoever parks it (E5). */
export async function countParked(ledger: Ledger, { mailId, recipients }: Envelope): Promise<void> {
  await ledger.countOnce([{ key: `badmail:${mailId}`, count: { field: 'badmail', by: recipients.length } }]);
}
