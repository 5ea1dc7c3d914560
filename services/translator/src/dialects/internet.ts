import { readHeader } from '../read-header.ts';
import type { Dialect } from './dialect.ts';

/**
 * Internet mail, however it came: SMTP, LMTP, HTTP or a file of `eml`. Its bytes pass as they are, signatures included; only
 * the header block is read, for what transport wants to know. A header block that cannot be read is no reason to stop a mail:
 * people get odd messages, too.
 */
export const internet: Dialect = {
  names: ['internet', 'smtp', 'lmtp', 'http', 'eml', 'pickup', 'replay'],
  async translate(mail, { content, addresses, organization }) {
    const read = await readHeader(content, mail.content, organization.settings.limits.headerBytes);
    if (read.kind === 'unavailable') return { ...read, reason: `content store: ${read.reason}` };
    if (read.kind === 'missing') return read;
    return {
      kind: 'message',
      content: mail.content,
      sender: mail.sender === null ? null : addresses.map(mail.sender),
      recipients: mail.recipients.map((recipient) => {
        const address = addresses.map(recipient.address);
        return address === recipient.address ? recipient : { ...recipient, address };
      }),
      header: read.header,
    };
  },
};
