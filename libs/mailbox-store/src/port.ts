/** One copy for one mailbox. */
export interface MailboxCopy {
  mailbox: string; // primary address in lower case; the adapter makes it a safe name (S5)
  /** Identity of the delivery: the same for every repeat, never the same for two mails. Letters, digits, `-` and `.`. */
  name: string;
}

export type MailboxOutcome =
  | { kind: 'delivered' } // durable: file linked and folder flushed
  | { kind: 'present' } // an earlier attempt had put it there; durable now
  | { kind: 'transient'; reason: string }
  | { kind: 'permanent'; reason: string; status: string };

/**
 * Where mailboxes live. One stored form goes to many mailboxes: everything is linked first, then the folders are flushed
 * side by side (E1). Outcomes come back in the order of `copies`; one bad mailbox never holds the others.
 */
export interface MailboxStore {
  deliver(content: { ref: string; sizeBytes: number }, copies: readonly MailboxCopy[]): Promise<MailboxOutcome[]>;
  probe(): Promise<void>;
}
