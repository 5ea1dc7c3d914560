import { ContentStoreError } from '@mailrail/content-store';
import { type Outcome, poison, transient } from '@mailrail/pipeline';

/** Attempts at a body that is not there: a replica or a volume may be behind. About an hour on the internal ladder. */
export const maxMissingAttempts = 8;

/**
 * What becomes of a mail whose content could not be had. A store that does not answer is asked for as long as the mail lives;
 * a body that is truly gone is a person's business.
 *
 * @param attempt the mail's, at this station.
 * @throws `error` when it is no failure of the store.
 */
export function contentFailure(error: unknown, attempt: number): Outcome {
  if (!(error instanceof ContentStoreError)) throw error;
  switch (error.code) {
    case 'unavailable':
      return transient(`content store: ${error.message}`, { ladder: 'internal' });
    case 'missing':
      return missingContent(attempt);
    case 'invalid':
      return poison(`content: ${error.message}`);
    default:
      return error.code satisfies never;
  }
}

export function missingContent(attempt: number): Outcome {
  return attempt > maxMissingAttempts ? poison(`content missing, ${attempt} times`) : transient('content missing', { ladder: 'internal' });
}
