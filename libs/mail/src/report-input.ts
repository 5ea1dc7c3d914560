import type { ReportAction } from './notify.ts';

/** What a report tells of one recipient. Addresses are typed; everything a remote said is foreign text and is made safe here. */
export interface ReportedRecipient {
  address: string; // as it was when the message was accepted
  orcpt?: string | undefined; // `rfc822;ada@corp.example`, xtext undone
  status: string;
  reason: string;
  remote?: { mta: string; reply: string } | undefined;
}

export interface ReportInput {
  /** A UUID, the same for every repeat: Message-ID and boundary come from it (R5). */
  id: string;
  /** When it happened, milliseconds since the epoch; the same for every repeat. */
  at: number;
  hostname: string; // Reporting-MTA
  postmaster: string; // bare mailbox, From
  to: string; // typed address of the one who is told
  action: ReportAction;
  recipients: readonly ReportedRecipient[]; // at least one
  envid?: string | undefined; // xtext undone
  arrivedAt: number;
  /** Delayed: until then it is tried. */
  retryUntil?: number | undefined;
  original?: OriginalMessage | undefined; // absent: its bytes are gone
}

export interface OriginalMessage {
  /** Its beginning, from the first header field that is to be shown on. */
  head: Buffer;
  /** Whether the whole message is to be enclosed; else its header alone. */
  whole: boolean;
  body: '7bit' | '8bit' | 'binary';
  smtputf8: boolean;
}
