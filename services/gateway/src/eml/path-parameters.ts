import type { Recipient } from '@mailrail/contracts';
import { decodeXtext, parseNotify } from '@mailrail/mail';

/** A path with the parameters that follow it in MAIL and RCPT, as text: `<a@corp.example> NOTIFY=NEVER ORCPT=rfc822;b@corp.example`. */
export interface PathParameters {
  path: string; // without its brackets
  parameters: [key: string, value: string][]; // keys in upper case
}

/** A quoted local part may hold `>` and blanks. At most 20 parameters are looked at. */
export function pathAndParameters(line: string): PathParameters {
  const found = /^(?:<((?:"(?:[^"\\]|\\.)*"|[^">])*)>|(\S*))(.*)$/.exec(line);
  const path = (found?.[1] ?? found?.[2] ?? '').trim();
  const words = (found?.[3] ?? '').trim().split(/\s+/).filter(Boolean);
  const parameters = words.slice(0, 20).map((word): [string, string] => {
    const equals = word.indexOf('=');
    return equals < 0 ? [word.toUpperCase(), ''] : [word.slice(0, equals).toUpperCase(), word.slice(equals + 1)];
  });
  return { path, parameters };
}

/** What a recipient's parameter of RFC 3461 §4 says. @returns `undefined` for another parameter or a value that is none. */
export function wishOf(key: string, value: string): Pick<Recipient, 'notify'> | Pick<Recipient, 'orcpt'> | undefined {
  const notify = key === 'NOTIFY' ? parseNotify(value) : undefined;
  if (notify !== undefined) return { notify };
  const orcpt = key === 'ORCPT' && /^[A-Za-z0-9-]{1,40};/.test(value) ? decodeXtext(value) : undefined;
  return orcpt !== undefined && isPlain(orcpt, 500) ? { orcpt } : undefined;
}

/** xtext can carry controls; none of them may reach a report's header (S6). */
export function isPlain(text: string, maxLength: number): boolean {
  return text !== '' && text.length <= maxLength && !/[\p{Cc}\u2028\u2029]/u.test(text);
}
