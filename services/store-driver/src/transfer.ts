import type { ContentStore } from '@mailrail/content-store';
import type { OutboundMail, QueuedMail } from '@mailrail/contracts';
import { done, poison, type Stage, toStation } from '@mailrail/pipeline';
import { contentFailure } from './content-failure.ts';

export interface TransferDeps {
  content: Pick<ContentStore, 'verify'>;
  now: number; // milliseconds since the epoch
}

/**
 * Rendering for SMTP: the bytes are read and compared with what was promised when they came in. The stored form of Internet mail
 * is what SMTP sends, so nothing has to be made anew.
 */
export const transfer: Stage<QueuedMail, TransferDeps> = async (mail, { content, now }) => {
  let found: { sizeBytes: number; sha256: string };
  try {
    found = await content.verify(mail.content.ref);
  } catch (error) {
    return contentFailure(error, mail.attempt);
  }
  if (found.sizeBytes !== mail.content.sizeBytes || found.sha256 !== mail.content.sha256) {
    return poison('content does not match its digest');
  }
  const { protocol: _, ...rest } = mail;
  const rendered: OutboundMail = { ...rest, renderedAt: now };
  return done([toStation('mts-out', rendered)], { facts: { sizeBytes: found.sizeBytes } });
};
