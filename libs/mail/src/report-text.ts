import { formatDateTime } from './date-time.ts';
import type { ReportAction } from './notify.ts';
import { oneLine } from './one-line.ts';
import type { ReportedRecipient, ReportInput } from './report-input.ts';
import { statusText } from './status.ts';

const openings: Readonly<Record<ReportAction, { about: string; end: string }>> = {
  failed: { about: 'could not be delivered to:', end: 'Nobody tries again: what you can do stands beside each recipient.' },
  delayed: { about: 'has not been delivered yet to:', end: 'You need not send it again.' },
  delivered: { about: 'was delivered to:', end: 'You asked to be told so.' },
  relayed: {
    about: 'was handed to another mail system for:',
    end: 'That system does not confirm deliveries, so this is the last you hear unless the delivery fails.',
  },
  expanded: {
    about: 'was handed on to the members of this group:',
    end: 'You asked to be told so. The members do not confirm the delivery.',
  },
};

/** Of a delay the time limit itself says nothing: it has not come yet. */
const soFar = { says: 'All attempts have failed so far.', advice: '' };

/** How many recipients the text names; the part for programs names all. */
const maxNamed = 20;

/** The part for people: what happened to which recipient, why, and what to do. Lines end in CRLF. */
export function reportText(input: ReportInput & { subject: string | undefined; date: string | undefined }): string {
  const { about, end } = openings[input.action];
  const subject = oneLine(decodedWords(input.subject ?? ''), 100);
  const date = oneLine(input.date ?? '', 60);
  const named = input.recipients.slice(0, maxNamed);
  const rest = input.recipients.length - named.length;
  const lines = [
    `This is the mail system of ${oneLine(input.hostname)}.`,
    '',
    `Your message${subject === '' ? '' : ` "${subject}"`}${date === '' ? '' : ` of ${date}`}`,
    about,
    '',
    ...named.flatMap((one) => recipientLines(one, input)),
    ...(rest > 0 ? [`and ${rest} more, named in the second part of this report.`, ''] : []),
    end,
    ...(input.action === 'delayed' && input.retryUntil !== undefined
      ? [`Delivery is tried again until ${formatDateTime(input.retryUntil)}. You will be told if it fails for good.`]
      : []),
    '',
    enclosed(input),
    `If you need help, write to ${oneLine(input.postmaster, 320)} and enclose this report.`,
    '',
  ];
  return lines.join('\r\n');
}

function enclosed({ original }: ReportInput): string {
  if (original === undefined) return 'The message itself is no longer here.';
  return original.whole && original.body !== 'binary' ? 'Your message is enclosed.' : 'The header of your message is enclosed.';
}

function recipientLines(recipient: ReportedRecipient, input: ReportInput): string[] {
  const address = oneLine(recipient.address.replace(/^SMTP:/i, ''), 320);
  if (input.action !== 'failed' && input.action !== 'delayed') return [`  ${address}`, ''];
  const { says, advice } = input.action === 'delayed' && recipient.status.endsWith('.4.7') ? soFar : statusText(recipient.status);
  const { remote } = recipient;
  return [
    `  ${address}`,
    `    ${says} (${recipient.status})`,
    ...(input.action === 'failed' ? [`    What to do: ${advice}`] : []),
    ...(remote === undefined
      ? [`    Details: ${oneLine(recipient.reason)}`]
      : [`    ${oneLine(remote.mta)} answered: ${oneLine(remote.reply)}`]),
    '',
  ];
}

/** The text of encoded words (RFC 2047 §4) in UTF-8, ASCII or Latin-1; others stay as they are. */
function decodedWords(text: string): string {
  return text
    .replace(/(=\?[^?\s]+\?[BbQq]\?[^?\s]*\?=)\s+(?==\?)/g, '$1')
    .replace(/=\?([^?\s*]+)(?:\*[^?\s]*)?\?([BbQq])\?([^?\s]*)\?=/g, (word, charset: string, encoding: string, content: string) => {
      const bytes = encoding.toLowerCase() === 'b' ? Buffer.from(content, 'base64') : bytesOfQ(content);
      if (/^(utf-?8|us-ascii)$/i.test(charset)) return bytes.toString('utf8');
      return /^(iso-8859-1|windows-1252)$/i.test(charset) ? bytes.toString('latin1') : word;
    });
}

function bytesOfQ(content: string): Buffer {
  const text = content
    .replaceAll('_', ' ')
    .replace(/=([0-9A-Fa-f]{2})/g, (_all, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(text, 'latin1');
}
