/** One copy for one mailbox. */
export interface MailboxCopy {
  mailbox: string; // primary address in lower case; the adapter makes it a safe name (S5)
  /** Identity of the delivery: the same for every repeat, never the same for two mails. Letters, digits, `-` and `.`, at most 64. */
  name: string;
}

export type MailboxOutcome =
  | { kind: 'delivered' } // durable: file linked and folder flushed
  | { kind: 'present' } // an earlier attempt had put it there; durable now
  | { kind: 'transient'; reason: string }
  | { kind: 'permanent'; reason: string; status: string };

/** The reason of every outcome when the stored form is not there (any more). */
export const contentMissing = 'content missing';

/**
 * Where mailboxes live. One stored form goes to many mailboxes: everything is linked first, then the folders are flushed
 * side by side (E1). Outcomes come back in the order of `copies`; one bad mailbox never holds the others.
 */
export interface MailboxStore {
  /**
   * Never rejects for what a disk or a mailbox does: that is an outcome of the copies it concerns.
   *
   * @param options `repeat`: an earlier attempt may have delivered without anybody having noted it, so that a copy the owner's
   *        client has since taken for seen must be found, too. It costs a look into each mailbox.
   */
  deliver(content: StoredForm, copies: readonly MailboxCopy[], options?: { repeat?: boolean }): Promise<MailboxOutcome[]>;
  /** @throws Error when mailboxes cannot be written now. */
  probe(): Promise<void>;
}

export interface StoredForm {
  ref: string; // of the content store
  sizeBytes: number;
  body?: '7bit' | '8bit' | 'binary'; // E4; left out: nothing is known
}
