/**
 * The directory in mail's own words. Addresses are typed (`SMTP:ada@corp.example`) and compared by `addressKey` of libs/mail;
 * DNs are compared normalized. An adapter returns entries as they are: who gets mail is the categorizer's business.
 */
export interface Directory {
  /** Who owns these addresses (any proxy address of any type). Two entries for one address means ambiguous, none unknown. */
  byAddress(addresses: readonly string[]): Promise<Answer<Map<string, Entry[]>>>; // keyed by `addressKey`
  /**
   * Entries by DN; a DN that does not exist has no key.
   *
   * @param use `once` says that these are so many that nobody will ask for them again soon: a cache need not keep them.
   */
  byDn(dns: readonly string[], use?: 'once'): Promise<Answer<Map<string, Entry>>>; // keyed by `dnKey`
  /** Entries an LDAP filter finds under a base (query-based groups), at most `limit`; `complete: false` when there were more. */
  search(base: string, filter: string, limit: number): Promise<Answer<{ entries: Entry[]; complete: boolean }>>;
  /**
   * Whether the entry is a member of any of these groups, however deep; DNs. Optional: a directory that cannot answer at once
   * (Active Directory can, by its in-chain rule) leaves it out, and whoever asks walks the groups instead.
   */
  isMember?(person: string, groups: readonly string[]): Promise<Answer<boolean>>;
  /** What changes when all entries may have changed (a file's digest), at most 40 characters; part of every cache key. */
  version?(): string;
  /** Is told, within half a minute, what changed. Optional: a directory whose `version` says so leaves it out. */
  onChange?(listener: (change: DirectoryChange) => void): void;
  /** Answers when the directory can be asked now. */
  probe(): Promise<Answer<undefined>>;
  close(): Promise<void>;
}

/**
 * Unreachable is never unknown: only `ok: true` is a complete answer (design invariant 7). `bad` is a question that can never be
 * answered: a filter that does not parse, a base that does not exist.
 */
export type Answer<Value> = { ok: true; value: Value } | { ok: false; reason: string; bad?: boolean };

/**
 * What changed: entries by their identity (deleted ones, too), with the addresses and DNs they have now; or perhaps everything.
 * The same change may be told twice.
 */
export type DirectoryChange =
  | { kind: 'all'; reason: string }
  | { kind: 'entries'; ids: readonly string[]; addresses: readonly string[]; dns: readonly string[] };

export interface Entry {
  id: string; // objectGUID, entryUUID or a digest of the DN; stable
  dn: string;
  kind: 'mailbox' | 'mail-user' | 'contact' | 'group' | 'query-group' | 'other'; // `other`: not mail-enabled
  displayName?: string;
  nickname?: string; // mailNickname
  givenName?: string; // these three make addresses by a template
  surname?: string;
  initials?: string;
  primary?: string; // primary SMTP address, typed
  addresses: string[]; // every proxy address, typed, primary first
  mailAlone?: true; // not mail-enabled, and has its address in `mail` alone: it takes nobody's address away
  legacyDn?: string; // legacyExchangeDN
  targetAddress?: string; // typed; everything goes there
  homeMdb?: string;
  homeServer?: string; // last part of msExchHomeServerName, or the server in homeMDB
  homeMta?: string; // DN
  altRecipient?: string; // DN
  deliverAndRedirect: boolean;
  members: string[]; // DNs; empty for what is no group
  filter?: string; // msExchDynamicDLFilter
  filterBase?: string; // msExchDynamicDLBaseDN
  expansionServer?: string; // last part of msExchExpansionServerName
  managedBy?: string; // DN
  hideMembership: boolean;
  reportToOwner: boolean;
  reportToOriginator: boolean;
  suppressOof: boolean; // oOFReplyToOriginator is FALSE
  richText?: boolean; // mAPIRecipient: whether rich text (winmail.dat) can be read there
  bodyFormat?: 'plain' | 'as-sent'; // internetEncoding, where it is a wish at all
  restrictions: {
    acceptFrom: string[]; // authOrig, DNs
    rejectFrom: string[]; // unauthOrig
    acceptMembersOf: string[]; // dLMemSubmitPerms
    rejectMembersOf: string[]; // dLMemRejectPerms
    requireAuthentication: boolean;
    maxReceiveKb?: number; // delivContLength
    maxSendKb?: number; // submissionContLength
    maxRecipients?: number; // msExchRecipLimit
  };
}
