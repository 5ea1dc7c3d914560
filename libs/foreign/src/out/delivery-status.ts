import { oneLine, readHeaderBlock } from '@mailrail/mail';

/** What a delivery report (RFC 3464) says of one recipient. */
export interface RecipientReport {
  recipient: string; // without a type
  action: 'failed' | 'delayed' | 'delivered' | 'relayed' | 'expanded';
  status: string;
  reason: string;
}

export interface StatusReport {
  recipients: RecipientReport[]; // at least one
  /** The id the foreign system gave the message the report is about, when it came from one. */
  foreignId?: string;
}

const maxRecipients = 200;
const actions = ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const;

/** @param heads of the enclosed messages of a mail, in order, with their types in lower case. */
export function statusIn(heads: readonly { type: string; head: Buffer }[]): StatusReport | undefined {
  const status = heads.find(({ type }) => /^message\/(?:global-)?delivery-status$/.test(type));
  if (status === undefined) return undefined;
  const recipients = blocksOf(status.head).slice(1).flatMap(recipientIn).slice(0, maxRecipients);
  if (recipients.length === 0) return undefined;
  const original = heads.find(({ type }) => /^(?:message\/(?:rfc822|global|global-headers)|text\/rfc822-headers)$/.test(type));
  const foreignId = original === undefined ? undefined : readHeaderBlock(original.head).first('X-Foreign-ID');
  return { recipients, ...(foreignId === undefined || foreignId === '' ? {} : { foreignId: oneLine(foreignId, 200) }) };
}

function recipientIn(block: Buffer): RecipientReport[] {
  const fields = readHeaderBlock(block);
  const word = fields.first('Action')?.trim().toLowerCase();
  const action = actions.find((one) => one === word);
  if (action === undefined) return [];
  const typed = fields.first('Original-Recipient') ?? fields.first('Final-Recipient') ?? '';
  return [
    {
      recipient: oneLine(typed.slice(typed.indexOf(';') + 1).trim(), 200),
      action,
      status: oneLine(fields.first('Status') ?? '', 20),
      reason: oneLine((fields.first('Diagnostic-Code') ?? '').replace(/^[^;]*;\s*/, ''), 300),
    },
  ];
}

/** Groups of fields, each with the blank line behind it. */
function blocksOf(bytes: Buffer): Buffer[] {
  return bytes
    .toString('latin1')
    .split(/\r?\n\r?\n/)
    .filter((block) => block.trim() !== '')
    .map((block) => Buffer.from(`${block.trimStart()}\r\n\r\n`, 'latin1'));
}
