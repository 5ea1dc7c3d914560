import { formatDateTime, visitFields } from '@mailrail/mail';
import type { TranslateContext } from './foreign-file.ts';

/** Lines for what every message needs and this one lacks (RFC 5322 §3.6): they follow from the identity, so that a repeat makes the same. */
export function missingFields(message: Buffer, { rootId, hostname, at }: TranslateContext): string {
  let hasDate = false;
  let hasId = false;
  visitFields(message, (start, nameEnd) => {
    const name = message.toString('latin1', start, Math.min(nameEnd, start + 12)).toLowerCase();
    hasDate ||= name === 'date';
    hasId ||= name === 'message-id';
    return hasDate && hasId ? false : undefined;
  });
  return `${hasDate ? '' : `Date: ${formatDateTime(at)}\r\n`}${hasId ? '' : `Message-ID: <${rootId}@${hostname}>\r\n`}`;
}
