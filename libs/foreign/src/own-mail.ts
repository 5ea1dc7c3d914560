import { HeaderFilter } from '@mailrail/mail';
import type { TranslateContext, Translated } from './foreign-file.ts';
import { withCrlf } from './line-ends.ts';
import { missingFields } from './missing-fields.ts';

/**
 * A message that is Internet mail already, without a CR alone in it, passes byte for byte, but for its line ends, what every message needs and this one lacks, and
 * fields that must go: blind copies are known to us alone.
 *
 * @param remove further fields that go, lower case. @param first fields to put on top, whole lines.
 */
export function ownMail(
  message: Buffer,
  context: TranslateContext,
  { remove = [], first = '' }: { remove?: readonly string[]; first?: string } = {},
): Translated {
  const content = withCrlf(message);
  const parts: Buffer[] = [Buffer.from(missingFields(content, context) + first)];
  const filter = new HeaderFilter(new Set(['bcc', 'resent-bcc', ...remove]), new Set());
  const pass = (part: Buffer): void => {
    parts.push(part);
  };
  filter.push(content, pass);
  if (!filter.ended) filter.end(pass);
  return { kind: 'message', parts };
}
