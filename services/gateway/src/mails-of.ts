import type { Envelope, OutboundMail, Recipient } from '@mailrail/contracts';
import { derivedId, newCopyId, newRootId, recipientId } from '@mailrail/mail';
import type { AcceptRequest, ForeignRecipient } from './accept.ts';
import { laneOfPriority } from './wishes.ts';

/** What is known of a message before its bytes are. */
export interface MailFacts {
  request: AcceptRequest;
  rootId: string;
  form: string; // of the stored content, with the rootId its key (R5)
  station: 'gateway.in' | 'mts-out';
  hop: number;
  recipients: readonly Recipient[];
  organizationVersion: string;
  expiresAt: number;
}

const maxRecipientsPerMail = 100; // R15

/**
 * Identities and recipients of a message.
 *
 * Mail of a peer site gets identities of our own, derived from the peer's (UUIDv5 with the peer's name): a repeat of the same
 * hand-over is recognised here as it would be there (R1), and whatever ids a peer sends, they never meet ours or another peer's,
 * so it cannot suppress our mail (S2). The peer's mailId alone is not enough: it tries again with the recipients that were put
 * off, and that must be another mail here, or the claim of Advanced Queuing would drop it as a repeat; so sender and recipients
 * are part of the derivation.
 */
export function mailFacts(request: AcceptRequest, hop: number, organizationVersion: string, expiresAt: number): MailFacts {
  const { site } = request;
  const common = { request, hop, organizationVersion, expiresAt };
  const distinct = dedupe(request.recipients);
  if (site?.rootId === undefined) {
    const rootId = request.rootId ?? newRootId();
    const station = site === undefined ? ('gateway.in' as const) : ('mts-out' as const);
    // An identity that is given stands in the name of a file, and whoever may write there could name another mail's: what was
    // stored under it is looked for among that gateway's own.
    const form = request.rootId === undefined ? 'message' : `message.${request.origin.gateway.replaceAll(/-+/g, '-')}`;
    return { ...common, rootId, form, station, recipients: recipientsOf(distinct, rootId) };
  }
  const rootId = derivedId(site.rootId, `site:${site.peer}`);
  const envelope = [request.sender ?? '', ...distinct.map(({ address }) => address).sort()].join('\n');
  const form = derivedId(site.mailId ?? site.rootId, `site:${site.peer}:${envelope}`);
  return { ...common, rootId, form, station: 'mts-out', recipients: recipientsOf(distinct, rootId) };
}

/** The envelopes of a stored message: one, or part k of n with at most 100 recipients each (R15). */
export function mailsOf(
  facts: MailFacts,
  stored: { ref: string; sizeBytes: number; sha256: string; eightBit: boolean; utf8Header: boolean },
  relayOffset: number,
): Envelope[] {
  const { request, rootId } = facts;
  const { sender, envid, ret, origin, site } = request;
  const n = Math.ceil(facts.recipients.length / maxRecipientsPerMail);
  const base = site?.rootId === undefined ? rootId : facts.form;
  const common = {
    rootId,
    hop: facts.hop,
    content: {
      ref: stored.ref,
      sizeBytes: stored.sizeBytes,
      sha256: stored.sha256,
      body: request.binary === true ? ('binary' as const) : stored.eightBit ? ('8bit' as const) : ('7bit' as const),
      smtputf8: request.smtputf8 === true && (stored.utf8Header || needsUtf8(facts)),
      relayOffset,
    },
    sender,
    ...(envid === undefined ? {} : { envid }),
    ...(ret === undefined ? {} : { ret }),
    origin,
    ...request.wishes,
    lane: laneOfPriority(request.wishes?.priority),
    attempt: 1,
    expiresAt: facts.expiresAt,
    delayReported: false,
    expandedVia: [],
    organizationVersion: facts.organizationVersion,
  };
  const hops = [{ stage: 'gateway', at: origin.at }];
  return Array.from({ length: n }, (_, at) => {
    const k = at + 1;
    const mailId = derivedId(base, `gateway:${k}`);
    const mail: Envelope = {
      ...common,
      mailId,
      copyId: newCopyId(),
      recipients: facts.recipients.slice(at * maxRecipientsPerMail, k * maxRecipientsPerMail),
      ...(n === 1 ? {} : { part: { k, n } }),
      trace: { parent: site?.traceparent ?? newTraceparent(rootId, mailId), hops },
    };
    return facts.station === 'mts-out' ? ({ ...mail, renderedAt: origin.at } satisfies OutboundMail) : mail;
  });
}

function recipientsOf(recipients: readonly ForeignRecipient[], rootId: string): Recipient[] {
  return recipients.map(({ address, original = address, notify, orcpt }) => ({
    id: recipientId(rootId, original),
    address,
    original,
    ...(notify === undefined ? {} : { notify }),
    ...(orcpt === undefined ? {} : { orcpt }),
  }));
}

/** The same address twice is one recipient: two would share one identity (R1), and neither could be told from the other in a report. */
function dedupe(recipients: readonly ForeignRecipient[]): ForeignRecipient[] {
  if (recipients.length === 1) return [...recipients];
  const seen = new Map<string, ForeignRecipient>();
  for (const recipient of recipients) {
    const key = recipient.original ?? recipient.address;
    if (!seen.has(key)) seen.set(key, recipient);
  }
  return [...seen.values()];
}

function needsUtf8({ request, recipients }: MailFacts): boolean {
  const beyondAscii = /\P{ASCII}/u;
  return beyondAscii.test(request.sender ?? '') || recipients.some(({ address }) => beyondAscii.test(address));
}

/** W3C trace context: the trace is the message, so that one search finds it everywhere; the first span is this mail of it. */
function newTraceparent(rootId: string, mailId: string): string {
  return `00-${hex(rootId)}-${hex(mailId).slice(16)}-01`;
}

function hex(uuid: string): string {
  return uuid.replaceAll('-', '');
}
