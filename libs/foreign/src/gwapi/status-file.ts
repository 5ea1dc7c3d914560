import { oneLine } from '@mailrail/mail';

/** A value in a keyword file: one line, its semicolons and commas protected. */
export function keywordText(text: string): string {
  return oneLine(text, 500).replaceAll(/[;\\]/g, '\\$&');
}

/**
 * A status to GroupWise about a message of its own: which it was, who did not get it, and why. The words of it are our reading; what the
 * gateway's own statuses look like is documented nowhere we found.
 */
export function statusFile({
  to,
  foreignId,
  reason,
  code,
  status = 'Undeliverable',
}: {
  to: string;
  foreignId: string;
  reason: string;
  code: string;
  status?: string;
}): Buffer {
  const [domain = '', office = '', user = ''] = splitGroupWise(to);
  const address =
    user === '' ? `CDBA= ${keywordText(to)};` : `WPD= ${keywordText(domain)}; WPPO= ${keywordText(office)}; WPU= ${keywordText(user)};`;
  return Buffer.from(
    [
      'WPC-API= 1.2;',
      'Msg-Type= Status;',
      `To= ${address} ;`,
      `Orig-Msg-ID= ${keywordText(foreignId)};`,
      `Status= ${status};`,
      `Status-Code= ${keywordText(code)};`,
      `Status-Text= ${keywordText(reason)};`,
      '-END-',
      '',
    ].join('\r\n'),
  );
}

function splitGroupWise(address: string): string[] {
  if (!address.startsWith('GWISE:')) return [];
  const [domain = '', office = '', ...user] = address.slice('GWISE:'.length).split('.');
  return [domain, office, user.join('.')];
}
