/** The least that is known of a recipient before it is resolved; whoever asks gets his own recipients back. */
export interface Incoming {
  address: string; // typed
  /** What reports call him, when he came through a group whose members are not to be named. */
  hidden?: string;
}

/** What the resolution of a mail's recipients depends on. */
export interface ResolveInput<R extends Incoming> {
  sender: string | null; // null is the empty reverse-path
  recipients: readonly R[];
  sizeBytes: number;
  /** The sender is who he says: authenticated, or from inside (S1). Others satisfy no allow-list (S7). */
  trusted: boolean;
  /** A report this organization made: restrictions do not apply to it (E3). */
  report: boolean;
  /** Groups the mail came through; their restrictions and the sender's limits were checked where they were expanded. */
  expandedVia: readonly string[];
}

/** Who hears of a failure: whoever the reverse-path of the copy names. */
export type ReversePath = { kind: 'sender' } | { kind: 'owner'; address: string } | { kind: 'nobody' };

/** What the entry of a recipient outside says of the mail he can read. */
export interface ReaderWish {
  richText?: boolean;
  bodyFormat?: 'plain' | 'as-sent';
}

/** How somebody was reached. */
export interface Way<R extends Incoming> {
  source: R;
  /** The typed address he is known by, when he is not the recipient the sender wrote: a group's member, a second copy of a forwarding. */
  member?: string;
  groups: readonly string[]; // addresses of the groups passed, outermost first
  /** What reports call him: a group whose members are not to be named (E3). */
  hidden?: string;
  reverse: ReversePath;
  /** A group passed wishes no automatic replies (oOFReplyToOriginator is FALSE). */
  suppressOof?: true;
  /** Of the last entry that stood for an address elsewhere. */
  reader?: ReaderWish;
}

/** A mailbox here. */
export interface LocalRecipient<R extends Incoming> {
  way: Way<R>;
  address: string; // typed primary
  mailbox: { id: string; address: string }; // directory object; primary address in lower case
}

/** An address that leaves this line. */
export interface Hop<R extends Incoming> {
  way: Way<R>;
  address: string; // typed
  /** Where in the organization it is expected: the home of a mailbox, or the server that expands a group. */
  server?: { name: string; site: string };
  /** What his system can read is less than anything. */
  form?: WantedForm;
}

/** What a copy for another organization is to be like; leaving out concerns what the message has of it. */
export interface WantedForm {
  without?: ('tnef' | 'html')[];
  transfer?: '7bit';
}

/** A recipient that fails. */
export interface Failure<R extends Incoming> {
  way: Way<R>;
  recipient: string; // typed address a report may name
  status: string; // RFC 3463
  reason: string;
}

/** A group that was replaced by its members. */
export interface ExpandedGroup<R extends Incoming> {
  way: Way<R>; // how the group itself was reached
  id: string;
  address: string; // typed
}

/**
 * A group the directory has wrong: a member that does not exist or has no address, a query that cannot be run. The rest of its
 * members get the mail; its owner is to hear of it, since nobody else can mend it.
 */
export interface BrokenGroup {
  id: string;
  address: string; // typed
  owner?: string; // typed; absent when nobody owns it, or who does has no address
  problems: number;
  reason: string; // the first of them, with the DN it is about
}

/** Members of a large group, to be resolved as mails of their own (R14); sorted by object id, each once. */
export interface LargeGroup<R extends Incoming> {
  id: string; // of the group the walk began at
  way: Way<R>; // of the members
  members: readonly { id: string; address: string }[];
}

/** What becomes of a mail's recipients. */
export type Resolution<R extends Incoming> =
  | {
      kind: 'resolved';
      local: LocalRecipient<R>[];
      hops: Hop<R>[];
      reports: Failure<R>[];
      groups: ExpandedGroup<R>[];
      large: LargeGroup<R>[];
      merged: number; // reached once more and dropped
      broken: BrokenGroup[];
      problems: number; // members that do not exist or have no address
    }
  | Stop;

/** Why nothing was decided recipient by recipient: the mail as a whole is over a limit, or the directory did not answer. */
export type Stop = { kind: 'refused'; status: string; reason: string } | { kind: 'unavailable'; reason: string };
