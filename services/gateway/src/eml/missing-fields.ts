import { formatDateTime } from '@mailrail/mail';
import type { HeaderField } from './header-fields.ts';

/** Fields that are looked for; ask for these. */
export const requiredFields = ['date', 'message-id'];

/**
 * What a program left out and every mail needs (RFC 5322 §3.6, RFC 6409 §8): lines to put on top, each with its CRLF; often none.
 * They derive from the identity and its time, so that a repeat makes the same bytes (R5).
 *
 * @param at milliseconds since the epoch.
 */
export function missingFields(
  fields: readonly HeaderField[],
  { rootId, hostname, at }: { rootId: string; hostname: string; at: number },
): string {
  const date = fields.some(({ name }) => name === 'date') ? '' : `Date: ${formatDateTime(at)}\r\n`;
  const messageId = fields.some(({ name }) => name === 'message-id') ? '' : `Message-ID: <${rootId}@${hostname}>\r\n`;
  return date + messageId;
}
