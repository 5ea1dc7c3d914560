import addressparser from 'nodemailer/lib/addressparser';
import { mailboxOf } from './mailbox.ts';

/**
 * The addresses of a `From` or `Sender` field, typed, where every reader must find the same ones in it.
 *
 * @returns undefined when a reader might show another: there is no address in it (a comment alone, a group without members), an
 *   entry is none, or an `@` stands where neither a name in quotes nor a comment may hold it.
 */
export function authorAddresses(value: string): string[] | undefined {
  const bare = withoutQuotesAndComments(value);
  if (bare === undefined) return undefined;
  const entries = addressparser(value, { flatten: true });
  const found = entries.flatMap(({ address }) => {
    const mailbox = mailboxOf(address);
    return mailbox?.mailbox.includes('@') === true ? [mailbox.address] : [];
  });
  const ats = bare.split('@').length - 1;
  return found.length > 0 && found.length === entries.length && found.length === ats ? found : undefined;
}

/** What is left of a field without quoted strings and comments (RFC 5322 §3.2.2, §3.2.4). @returns undefined when one does not end. */
function withoutQuotesAndComments(value: string): string | undefined {
  let bare = '';
  let depth = 0; // of comments
  let quoted = false;
  for (let at = 0; at < value.length; at += 1) {
    const letter = value[at] ?? '';
    if (letter === '\\') {
      if (!quoted && depth === 0) return undefined; // it quotes nothing here
      at += 1;
    } else if (quoted) quoted = letter !== '"';
    else if (letter === '(') depth += 1;
    else if (letter === ')') {
      if (--depth < 0) return undefined;
    } else if (depth === 0) {
      if (letter === '"') quoted = true;
      else bare += letter;
    }
  }
  return quoted || depth > 0 ? undefined : bare;
}
