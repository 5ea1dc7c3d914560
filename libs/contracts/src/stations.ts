import { z } from 'zod';
import { Address, ContentForm, type Envelope, envelope, Recipient } from './mail.ts';
import { type Contract, contract, type EncodedMail, writerOf } from './versions.ts';

// One contract per station, growing along the line. What an old reader cannot read is a new version beside the old one, and
// consumers take the current and the previous version (R17); docs/upgrading.md shows the steps.

/** Step 1: made durable by a gateway; still in the foreign system's form. */
export const ForeignMessage = contract('gateway.in', 1, z.object({ ...envelope }));
export type ForeignMessage = z.output<typeof ForeignMessage.schema>;

/** What the header block says, read once by the translator (step 2). Personal, so it stays in the body of a bag. */
export const HeaderFacts = z.object({
  messageId: z.string().max(998).optional(),
  date: z.int().optional(), // milliseconds since the epoch
  receivedCount: z.int().nonnegative(), // `Received` fields, ours included (E2)
  headerBytes: z.int().nonnegative(),
  autoSubmitted: z.boolean(), // RFC 3834: no automatic answer to it
  priority: z.enum(['non-urgent', 'normal', 'urgent']),
});
export type HeaderFacts = z.output<typeof HeaderFacts>;

const submitted = { ...envelope, header: HeaderFacts };
/** Step 2: an Internet message with addresses in the organization's form, in MTS-IN. */
export const SubmittedMail = contract('mts-in', 1, z.object(submitted));
export type SubmittedMail = z.output<typeof SubmittedMail.schema>;

const transfer = { ...submitted, storedAt: z.int() };
/** Step 3: in the store, handed to the MTA. */
export const TransferMail = contract('mta', 1, z.object(transfer));
export type TransferMail = z.output<typeof TransferMail.schema>;

const queued = { ...transfer, protocol: z.enum(['smtp']) };
/** Step 3: the MTA chose the protocol and let it pass; in its SMTP queue. */
export const QueuedMail = contract('mta.smtp', 1, z.object(queued));
export type QueuedMail = z.output<typeof QueuedMail.schema>;

/**
 * Step 4: content verified and in the form SMTP sends, in MTS-OUT. Reports and mail from a peer site enter here,
 * so what only steps 2 and 3 know is optional from here on.
 */
const outbound = { ...envelope, header: HeaderFacts.optional(), storedAt: z.int().optional(), renderedAt: z.int() };
export const OutboundMail = contract('mts-out', 1, z.object(outbound));
export type OutboundMail = z.output<typeof OutboundMail.schema>;

const accepted = {
  ...outbound,
  submittedAt: z.int(),
  suppressAutoReplies: z.boolean().optional(), // a group it came through wishes none (oOFReplyToOriginator is FALSE)
};
/** Step 5: accepted by Advanced Queuing, waits for the categorizer. Chunks of an expanded group come back to this station (R14). */
export const AcceptedMail = contract('aq.pre-categorization', 1, z.object(accepted));
export type AcceptedMail = z.output<typeof AcceptedMail.schema>;

/** A recipient that was resolved to a mailbox here. */
export const MailboxRecipient = z.object({
  ...Recipient.shape,
  mailbox: z.object({ id: z.string().max(300), address: z.string().max(320) }), // directory object id; primary address in lower case
});
export type MailboxRecipient = z.output<typeof MailboxRecipient>;

/** Step 7: recipients whose mailboxes are here. */
export const LocalDelivery = contract(
  'store.local-delivery',
  1,
  z.object({ ...accepted, recipients: z.array(MailboxRecipient).min(1).max(100) }),
);
export type LocalDelivery = z.output<typeof LocalDelivery.schema>;

const categorized = {
  ...accepted,
  categorizedAt: z.int(),
  targetSite: z.string().max(64).optional(),
  targetServer: z.string().max(64).optional(),
  contentForm: ContentForm.optional(),
};
/** Step 7: resolved, not for a mailbox here. With `targetSite` the recipients live at another site of the organization. */
export const CategorizedMail = contract('aq.post-categorization', 1, z.object(categorized));
export type CategorizedMail = z.output<typeof CategorizedMail.schema>;

/** Step 8: next hop known; waits for its connector. All recipients of one mail share `destination`. */
export const RoutedMail = contract(
  'connector',
  1,
  z.object({
    ...categorized,
    connector: z.string().max(64),
    destination: z.string().max(255), // next hop: a host, `[host]:port` or a domain to look up by MX
    routedBy: z.string().max(300), // why this connector: address space and cost
  }),
);
export type RoutedMail = z.output<typeof RoutedMail.schema>;

/** What a report tells about one recipient, RFC 3464 §2.3. */
export const RecipientStatus = z.object({
  recipient: Recipient,
  action: z.enum(['failed', 'delayed', 'delivered', 'relayed', 'expanded']),
  status: z.string().regex(/^[245]\.\d{1,3}\.\d{1,3}$/),
  reason: z.string().max(500), // for people and for Diagnostic-Code when there is no remote reply
  remote: z.object({ mta: z.string().max(255), reply: z.string().max(500) }).optional(),
});
export type RecipientStatus = z.output<typeof RecipientStatus>;

/** On the way back: what happened to some recipients of a mail; the report stage tells its sender if he is to be told. */
export const DeliveryReport = contract(
  'aq.reports',
  1,
  z.object({
    ...envelope,
    recipients: z.array(Recipient).min(1).max(100), // the same as in `about`, for the common reader
    about: z.array(RecipientStatus).min(1).max(100),
    reportedBy: z.string().max(64), // the stage
    reportTo: Address.nullable().optional(), // other than the sender: a group's owner
    nobodyToTell: z.boolean().optional(), // about something only its owner could mend, who does not exist: an operator looks (badmail)
  }),
);
export type DeliveryReport = z.output<typeof DeliveryReport.schema>;

/** Every contract in use. */
export const contracts = {
  ForeignMessage,
  SubmittedMail,
  TransferMail,
  QueuedMail,
  OutboundMail,
  AcceptedMail,
  LocalDelivery,
  CategorizedMail,
  RoutedMail,
  DeliveryReport,
} as const;

/** Whose contract a station has: connector stations (`connector.<name>`) share one. */
function contractName(station: string): string {
  return station.startsWith('connector.') ? 'connector' : station;
}

/** The contract of a station. */
export function contractOf(station: string): Contract {
  const name = contractName(station);
  const found = Object.values(contracts).find((one) => one.station === name);
  if (found === undefined) throw new RangeError(`no contract for station ${station}`);
  return found;
}

/** Versions to write where they are not this release's own: name of a contract (`mts-in`, `connector`) -> version. */
export type WriteVersions = ReadonlyMap<string, number>;

/** Writes a mail as its next station is to get it. */
export type MailEncoder = (station: string, mail: Envelope) => EncodedMail;

/**
 * The encoder of one process.
 *
 * @param own contracts that stand for those of the same name here.
 * @throws RangeError for a contract or a version that this release does not have; the encoder does for an unknown station.
 */
export function mailEncoder(versions: WriteVersions = new Map(), own: readonly Contract[] = []): MailEncoder {
  const known: readonly Contract[] = [...Object.values(contracts), ...own];
  const byName = new Map(known.map((one) => [one.station, one]));
  const writers = new Map([...byName].map(([name, one]) => [name, writerOf(one, versions.get(name))]));
  for (const name of versions.keys()) {
    if (!writers.has(name)) throw new RangeError(`no contract ${name}; there are ${[...writers.keys()].join(', ')}`);
  }
  return (station, mail) => {
    const write = writers.get(contractName(station));
    if (write === undefined) throw new RangeError(`no contract for station ${station}`);
    return write(mail);
  };
}
