import { z } from 'zod';
import type { Envelope, Recipient } from './mail.ts';

/**
 * The end of one recipient, as the ledger keeps it for whoever asks by the identity of the message. Only of mail that came in by
 * HTTP: nobody else can ask, and other mail pays nothing for it.
 */
export const Progress = z.object({
  state: z.enum(['delivered', 'handed-over', 'failed']),
  status: z.string().max(20).optional(), // RFC 3463
  detail: z.string().max(500).optional(), // the other server's answer, the reason of a failure
});
export type Progress = z.output<typeof Progress>;

export function progressKey(rootId: string, recipientId: string): string {
  return `p:${rootId}:${recipientId}`;
}

/** Entries for `Ledger.complete`, beside the effect itself; the first end that is noted stays. */
export function progressOf(
  mail: Pick<Envelope, 'rootId' | 'origin'>,
  recipients: readonly Pick<Recipient, 'id'>[],
  progress: Progress,
): { key: string; outcome: string }[] {
  if (mail.origin.dialect !== 'http') return [];
  const outcome = JSON.stringify(progress);
  return recipients.map(({ id }) => ({ key: progressKey(mail.rootId, id), outcome }));
}
