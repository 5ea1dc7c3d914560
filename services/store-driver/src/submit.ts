import type { ContentStore } from '@mailrail/content-store';
import type { SubmittedMail, TransferMail } from '@mailrail/contracts';
import { done, poison, type Stage, toStation } from '@mailrail/pipeline';
import { contentFailure } from './content-failure.ts';

export interface SubmitDeps {
  content: Pick<ContentStore, 'size'>;
  now: number; // milliseconds since the epoch
}

/** Submission to the store: the message is there, as large as the mail says. From here on it is the store's. */
export const submit: Stage<SubmittedMail, SubmitDeps> = async (mail, { content, now }) => {
  let sizeBytes: number;
  try {
    sizeBytes = await content.size(mail.content.ref);
  } catch (error) {
    return contentFailure(error, mail.attempt);
  }
  // A body appears whole or not at all, so another size is another body.
  if (sizeBytes !== mail.content.sizeBytes) return poison(`content has ${sizeBytes} bytes, not ${mail.content.sizeBytes}`);
  const stored: TransferMail = { ...mail, storedAt: now };
  return done([toStation('mta', stored)], { facts: { sizeBytes } });
};
