import type { Recipient, RecipientStatus, RoutedMail } from '@mailrail/contracts';
import { type Counted, done, type Emit, failureReport, later, type Outcome, toStation, transient } from '@mailrail/pipeline';
import type { Settled } from './effects.ts';
import type { Sent } from './transport.ts';

/** What became of one recipient in this run. */
export interface Fate {
  recipient: Recipient;
  fate: Settled | { kind: 'deferred' | 'unsure'; code?: number; reason: string } | { kind: 'held' };
  /** `repeated`: an earlier run settled it. `merged`: another recipient with the same next-hop address got the one copy. */
  as?: 'repeated' | 'merged';
}

const heldDelayMs = 60_000;

/** All fates of one mail in one outcome: what is reported, what waits, what is counted. */
export function outcomeOf(mail: RoutedMail, stage: string, fates: readonly Fate[], sent: Sent | undefined): Outcome {
  const about: RecipientStatus[] = [];
  const again: Recipient[] = [];
  const held: Recipient[] = [];
  const reasons = new Set<string>();
  let accepted = 0;
  let merged = 0;
  let repeated = 0;
  let code = 0;
  for (const { recipient, fate, as } of fates) {
    if (as === 'repeated') repeated += 1;
    switch (fate.kind) {
      case 'accepted':
        if (as === 'merged') merged += 1;
        else accepted += 1;
        code = fate.code;
        if (isTold(mail, recipient, fate)) about.push(relayed(recipient, fate));
        break;
      case 'refused':
        code ||= fate.code;
        about.push(failed(recipient, fate));
        break;
      case 'held':
        held.push(recipient);
        break;
      case 'deferred':
      case 'unsure':
        code ||= fate.code ?? 0;
        again.push(recipient);
        reasons.add(fate.reason);
    }
  }

  const facts = {
    destination: mail.destination,
    handedOver: accepted,
    refused: about.filter(({ action }) => action === 'failed').length,
    deferred: again.length,
    ...(held.length === 0 ? {} : { held: held.length }),
    ...(merged === 0 ? {} : { merged }),
    ...(repeated === 0 ? {} : { repeated }),
    ...(code === 0 ? {} : { code }),
    ...(sent?.kind === 'answered' ? { reused: sent.peer.reused, tls: sent.peer.tls, bytes: sent.bytes } : {}),
  };
  const heldReason = 'another consumer is handing it over';
  if (again.length === mail.recipients.length) return transient(said(reasons), { ladder: 'transport', facts });
  if (held.length === mail.recipients.length) {
    return transient(heldReason, { delayMs: heldDelayMs, ladder: 'transport', countAttempt: false, facts });
  }

  const emits: Emit[] = [];
  if (about.length > 0) emits.push(toStation('aq.reports', failureReport(mail, about, stage)));
  if (again.length > 0) emits.push(later({ ...mail, recipients: again }, said(reasons), { ladder: 'transport' }));
  if (held.length > 0) {
    const options = { delayMs: heldDelayMs, ladder: 'transport', countAttempt: false } as const;
    emits.push(later({ ...mail, recipients: held }, heldReason, options));
  }
  const counted: Counted[] = [];
  if (accepted > 0) counted.push({ event: 'handed-over', recipients: accepted });
  if (merged > 0) counted.push({ event: 'merged', recipients: merged });
  return done(emits, { facts, counted });
}

/** One reason for a mail that waits; that others differ is said. */
function said(reasons: ReadonlySet<string>): string {
  const [first = 'not handed over'] = reasons;
  return reasons.size > 1 ? `${first} (and ${reasons.size - 1} other reasons)` : first;
}

function wantsSuccess(recipient: Recipient): boolean {
  return Array.isArray(recipient.notify) && recipient.notify.includes('success');
}

function failed(recipient: Recipient, fate: Extract<Settled, { kind: 'refused' }>): RecipientStatus {
  const { status, reason, reply, mta } = fate;
  const remote = reply === undefined || mta === undefined ? {} : { remote: { mta, reply } };
  return { recipient, action: 'failed', status, reason, ...remote };
}

/**
 * The next hop promises no reports, so this is the last that can be said of it (RFC 3461 §5.2.2); or the sender wants to hear of each
 * hand-over (RFC 2852 §4, trace).
 */
function isTold(mail: RoutedMail, recipient: Recipient, { dsn }: Extract<Settled, { kind: 'accepted' }>): boolean {
  if (mail.deliverBy?.trace === true && recipient.notify !== 'never') return true;
  return !dsn && wantsSuccess(recipient);
}

function relayed(recipient: Recipient, fate: Extract<Settled, { kind: 'accepted' }>): RecipientStatus {
  const reason = `handed over to ${fate.mta}${fate.dsn ? '' : ', which promises no report of what becomes of it'}`;
  return { recipient, action: 'relayed', status: fate.status, reason, remote: { mta: fate.mta, reply: fate.reply } };
}
