/**
 * Which attribute of a directory says what. All names are matched without case. A list means: the first that the entry has;
 * for `addresses` and `members`: all of them together.
 */
export interface EntryProfile {
  readonly name: string;
  /** Object classes by what they make of an entry. */
  readonly classes: {
    readonly contact: readonly string[];
    readonly group: readonly string[];
    readonly queryGroup: readonly string[];
  };
  readonly id: readonly string[]; // stable identity; bytes are written as hex
  readonly addresses: readonly string[]; // typed: `SMTP:ada@corp.example`, an upper-case type is the primary of that type
  readonly mailbox: readonly string[]; // one bare SMTP address, used when `addresses` has none
  readonly legacyDn: readonly string[];
  readonly targetAddress: readonly string[];
  readonly displayName: readonly string[];
  readonly nickname: readonly string[];
  readonly givenName: readonly string[];
  readonly surname: readonly string[];
  readonly initials: readonly string[];
  readonly homeMdb: readonly string[]; // DN
  readonly homeServerName: readonly string[]; // `/o=.../cn=Servers/cn=EX1`, or a bare name
  readonly homeMta: readonly string[]; // DN
  readonly altRecipient: readonly string[]; // DN
  readonly deliverAndRedirect: readonly string[]; // boolean
  readonly members: readonly string[]; // DNs
  readonly filter: readonly string[];
  readonly filterBase: readonly string[]; // DN
  readonly expansionServer: readonly string[];
  readonly managedBy: readonly string[]; // DN
  readonly hideMembership: readonly string[]; // boolean
  readonly reportToOwner: readonly string[]; // boolean
  readonly reportToOriginator: readonly string[]; // boolean
  readonly replyToOriginator: readonly string[]; // boolean; FALSE suppresses automatic replies
  readonly richText: readonly string[]; // boolean
  readonly bodyFormat: readonly string[]; // flags of PidTagSendInternetEncoding
  readonly acceptFrom: readonly string[]; // DNs
  readonly rejectFrom: readonly string[]; // DNs
  readonly acceptMembersOf: readonly string[]; // DNs
  readonly rejectMembersOf: readonly string[]; // DNs
  readonly requireAuthentication: readonly string[]; // boolean
  readonly maxReceiveKb: readonly string[];
  readonly maxSendKb: readonly string[];
  readonly maxRecipients: readonly string[];
}

/** Active Directory with the Exchange 2000/2003 schema: the reference. */
export const activeDirectory: EntryProfile = {
  name: 'active-directory',
  classes: {
    contact: ['contact'],
    group: ['group'],
    queryGroup: ['msExchDynamicDistributionList'],
  },
  id: ['objectGUID', 'entryUUID'],
  addresses: ['proxyAddresses'],
  mailbox: ['mail'],
  legacyDn: ['legacyExchangeDN'],
  targetAddress: ['targetAddress'],
  displayName: ['displayName', 'cn'],
  nickname: ['mailNickname'],
  givenName: ['givenName'],
  surname: ['sn'],
  initials: ['initials'],
  homeMdb: ['homeMDB'],
  homeServerName: ['msExchHomeServerName'],
  homeMta: ['homeMTA'],
  altRecipient: ['altRecipient'],
  deliverAndRedirect: ['deliverAndRedirect'],
  members: ['member'],
  filter: ['msExchDynamicDLFilter'],
  filterBase: ['msExchDynamicDLBaseDN'],
  expansionServer: ['msExchExpansionServerName'],
  managedBy: ['managedBy'],
  hideMembership: ['hideDLMembership'],
  reportToOwner: ['reportToOwner'],
  reportToOriginator: ['reportToOriginator'],
  replyToOriginator: ['oOFReplyToOriginator'],
  richText: ['mAPIRecipient'],
  bodyFormat: ['internetEncoding'],
  acceptFrom: ['authOrig'],
  rejectFrom: ['unauthOrig'],
  acceptMembersOf: ['dLMemSubmitPerms'],
  rejectMembersOf: ['dLMemRejectPerms'],
  requireAuthentication: ['msExchRequireAuthToSendTo'],
  maxReceiveKb: ['delivContLength'],
  maxSendKb: ['submissionContLength'],
  maxRecipients: ['msExchRecipLimit'],
};

/** Attributes whose values are bytes, in lower case. */
export const binaryAttributes: ReadonlySet<string> = new Set([
  'objectguid',
  'objectsid',
  'msexchmailboxguid',
  'msexchmailboxsecuritydescriptor',
  'usercertificate',
  'jpegphoto',
  'thumbnailphoto',
]);
