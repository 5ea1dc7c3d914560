import type { ForeignMessage, SubmittedMail } from '@mailrail/contracts';
import { done, type Outcome, poison, type Stage, toStation, transient } from '@mailrail/pipeline';
import type { Dialect, DialectDeps } from './dialects/dialect.ts';

export interface TranslateDeps extends DialectDeps {
  dialects: ReadonlyMap<string, Dialect>;
}

/** Attempts at what may still come (a body, a dialect this pod does not know yet); about an hour on the internal ladder. */
const maxAttempts = 8;

/** Foreign message in, Internet message with addresses in the organization's form out. */
export const translate: Stage<ForeignMessage, TranslateDeps> = async (mail, deps) => {
  const dialect = deps.dialects.get(mail.origin.dialect);
  if (dialect === undefined) return notYet(mail, `no dialect ${mail.origin.dialect}`);

  const translation = await dialect.translate(mail, deps);
  switch (translation.kind) {
    case 'message': {
      const { content, sender, recipients, header } = translation;
      const submitted: SubmittedMail = { ...mail, content, sender, recipients, header };
      return done([toStation('mts-in', submitted)], {
        facts: { dialect: mail.origin.dialect, headerBytes: header.headerBytes, sizeBytes: content.sizeBytes },
      });
    }
    case 'unavailable':
      return transient(translation.reason, { ladder: 'internal' });
    case 'missing':
      return notYet(mail, `content: ${translation.reason}`);
    case 'unreadable':
      return poison(`${mail.origin.dialect}: ${translation.reason}`);
    default:
      return translation satisfies never;
  }
};

function notYet(mail: ForeignMessage, reason: string): Outcome {
  return mail.attempt < maxAttempts ? transient(reason, { ladder: 'internal' }) : poison(`${reason}, ${mail.attempt} times`);
}
