import { type ForeignMessage, type Hooks, noHooks, type SubmittedMail } from '@mailrail/contracts';
import { decidedBy, done, type Outcome, poison, type Stage, toStation, transient } from '@mailrail/pipeline';
import type { Dialect, DialectDeps } from './dialects/dialect.ts';

export interface TranslateDeps extends DialectDeps {
  dialects: ReadonlyMap<string, Dialect>;
  hooks?: Hooks;
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
      const { hooks = noHooks } = deps;
      return hooks === noHooks ? passOn(submitted) : hooked(submitted, hooks);
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

function passOn(mail: SubmittedMail): Outcome {
  const { origin, header, content } = mail;
  return done([toStation('mts-in', mail)], {
    facts: { dialect: origin.dialect, headerBytes: header.headerBytes, sizeBytes: content.sizeBytes },
  });
}

async function hooked(mail: SubmittedMail, hooks: Hooks): Promise<Outcome> {
  const result = await hooks.run('translate', mail, mail);
  return decidedBy(result) ?? passOn(result.kind === 'replace' ? result.value : mail);
}
