/** Why a recipient fails, or all of them: the status of RFC 3463 and a text for whoever reads the report. */
export interface Refusal {
  readonly status: string;
  readonly reason: string;
}

/**
 * Every failure the categorizer can decide, with the code Exchange gave it. Code and text stand here and nowhere else; what the
 * directory does not answer is none of these, but waits.
 */
export const failures = {
  noMailAddress: { status: '5.1.0', reason: 'the mailbox has no mail address' },
  unknown: { status: '5.1.1', reason: 'no object of the directory has this address' },
  forwardsToNobody: { status: '5.1.1', reason: 'forwards to an object that does not exist' },
  noMailbox: { status: '5.1.1', reason: 'the object of the directory has no mailbox and no address elsewhere' },
  noDomain: { status: '5.1.3', reason: 'the address has no domain' },
  targetWithoutDomain: { status: '5.1.3', reason: 'the address it stands for has no domain' },
  contactWithoutTarget: { status: '5.1.3', reason: 'a contact without the address it stands for' },
  ambiguous: { status: '5.1.4', reason: 'more than one object of the directory has this address' },
  homeRemoved: { status: '5.1.6', reason: 'the server of the mailbox was removed' },
  homeUnknown: { status: '5.1.6', reason: 'the server of the mailbox is not one of the organization' },
  tooLargeForSender: (kb: number) => ({ status: '5.2.3', reason: `the sender may send messages of at most ${kb} KB` }),
  tooLargeForRecipient: (kb: number) => ({ status: '5.2.3', reason: `the recipient takes messages of at most ${kb} KB` }),
  nestedTooDeep: (depth: number) => ({ status: '5.2.4', reason: `groups are nested deeper than ${depth}` }),
  notExpanded: (reason: string) => ({ status: '5.2.4', reason }),
  expansionServerUnknown: { status: '5.2.4', reason: 'the server that expands the group is not one of the organization' },
  circle: { status: '5.4.6', reason: 'forwarding leads in a circle' },
  forwardedTooOften: (times: number) => ({ status: '5.4.6', reason: `forwarded more than ${times} times` }),
  tooManyRecipients: (limit: number) => ({ status: '5.5.3', reason: `more than ${limit} recipients, the members of groups included` }),
  senderRejected: { status: '5.7.1', reason: 'the recipient does not take mail from this sender' },
  senderInRejectedGroup: { status: '5.7.1', reason: 'the recipient does not take mail from members of a group the sender is in' },
  notAuthenticated: { status: '5.7.1', reason: 'the recipient takes mail only from authenticated senders of the organization' },
  senderNotAccepted: { status: '5.7.1', reason: 'the recipient takes mail only from certain senders' },
} as const satisfies Record<string, Refusal | ((detail: never) => Refusal)>;
