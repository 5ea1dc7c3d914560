import { createHash } from 'node:crypto';
import type { Envelope, Recipient } from '@mailrail/contracts';
import { newCopyId, newRootId, recipientId, smtpAddress } from '@mailrail/mail';

/**
 * A mail on the bus, whole and valid, for tests of stages.
 *
 * @param recipients bare mailboxes (`ada@corp.example`) or typed addresses.
 * @param more fields that differ; `sender` typed, or null for a report.
 */
export function mailTo(recipients: readonly string[], more: Partial<Envelope> = {}): Envelope {
  const rootId = more.rootId ?? newRootId();
  const now = Date.now();
  return {
    rootId,
    mailId: more.mailId ?? rootId,
    copyId: newCopyId(),
    hop: 0,
    content: {
      ref: `${rootId}/smtp`,
      sizeBytes: 4_096,
      sha256: createHash('sha256').update(rootId).digest('hex'),
      body: '7bit',
      smtputf8: false,
      relayOffset: 0,
    },
    sender: 'SMTP:zoe@elsewhere.example',
    recipients: recipients.map((address) => recipientOf(rootId, address)),
    origin: { gateway: 'smtp', dialect: 'smtp', at: now, authenticated: false, trust: 'outside' },
    lane: 'normal',
    attempt: 1,
    expiresAt: now + 2 * 86_400_000,
    delayReported: false,
    expandedVia: [],
    trace: { parent: `00-${rootId.replaceAll('-', '')}-0000000000000001-01`, hops: [] },
    organizationVersion: 'test',
    ...more,
  };
}

/** A recipient as a gateway makes it. */
export function recipientOf(rootId: string, address: string): Recipient {
  const typed = /^[A-Z0-9-]{1,16}:/i.test(address) ? address : smtpAddress(address);
  return { id: recipientId(rootId, typed), address: typed, original: typed };
}

/**
 * An Internet message as bytes, lines ended by CRLF.
 *
 * @param fields header fields that replace or join `From`, `To`, `Subject`, `Date` and `Message-ID`.
 * @param body text; its line ends become CRLF.
 */
export function messageBytes(fields: Readonly<Record<string, string>> = {}, body = 'Hello.\n'): Buffer {
  const header: Record<string, string> = {
    From: 'Zoe <zoe@elsewhere.example>',
    To: 'Ada <ada@corp.example>',
    Subject: 'A test',
    Date: 'Mon, 02 Nov 2026 10:00:00 +0000',
    'Message-ID': `<${newRootId()}@elsewhere.example>`,
    ...fields,
  };
  const lines = Object.entries(header).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${lines.join('')}\r\n${body.replaceAll(/\r?\n/g, '\r\n')}`);
}
