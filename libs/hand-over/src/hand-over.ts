import type { Recipient, RecipientStatus, RoutedMail } from '@mailrail/contracts';
import type { Count, Ledger } from '@mailrail/ledger';
import { smtpMailbox } from '@mailrail/mail';
import { type Counted, done, type Emit, failureReport, later, type Outcome, poison, toStation, transient } from '@mailrail/pipeline';
import type { BackoffSchedule, DestinationState } from './destination-state.ts';
import { claim, effectKey, encode, interrupted, type Settled } from './effects.ts';
import type { Answer, Sent, Transport } from './transport.ts';

export interface HandOverDeps {
  /** Service and connector, for reports: `connectors/smtp.internet`. */
  stage: string;
  connector: string;
  transport: Transport;
  ledger: Ledger;
  destinations: DestinationState;
  schedule: () => BackoffSchedule;
  /** Counts recipients that may have got the mail twice (R4). */
  possibleDuplicate: (cause: 'remote reply lost' | 'ledger silent', recipients: number) => void;
  /** Everything about one mail is over after this; an offer lives a little longer (R10). */
  sessionLimitMs: number;
  /** Work in hand by copy: a redelivery to the same process waits for it instead of doing it twice (R9). */
  running: Map<string, Promise<unknown>>;
}

export interface HandOverContext {
  now: number;
  signal?: AbortSignal;
  redelivered: boolean;
}

const offerMarginMs = 30_000;
const heldDelayMs = 60_000;

/**
 * Hands one mail to its next hop (step 9). Each recipient ends in one of: handed over, with the remote's words in the ledger; refused,
 * with a report to the sender; to be tried again, alone with those of the same fate. A destination in back-off costs no session.
 */
export async function handOver(mail: RoutedMail, deps: HandOverDeps, context: HandOverContext): Promise<Outcome> {
  if (context.redelivered) {
    await deps.running.get(mail.copyId);
    const unsure = await interrupted(deps.ledger, mail);
    if (unsure > 0) deps.possibleDuplicate('remote reply lost', unsure);
  }
  const work = attempt(mail, deps, context);
  const settledWork = work.catch(() => {});
  deps.running.set(mail.copyId, settledWork);
  try {
    return await work;
  } finally {
    if (deps.running.get(mail.copyId) === settledWork) deps.running.delete(mail.copyId);
  }
}

async function attempt(mail: RoutedMail, deps: HandOverDeps, context: HandOverContext): Promise<Outcome> {
  const { ledger, destinations } = deps;
  const destination = `${deps.connector}/${mail.destination}`;
  const passage = await destinations.pass(destination, deps.schedule());
  if (passage.kind === 'closed') {
    const facts = { destination: mail.destination, backoff: true };
    return transient(passage.reason, { delayMs: passage.delayMs, ladder: 'transport', countAttempt: false, facts });
  }

  const deadlineMs = context.now + deps.sessionLimitMs;
  const { distinct, twins } = apart(mail);
  const { open, settled, held, silent } = await claim(ledger, mail, distinct, deadlineMs + offerMarginMs);
  const fates: Fate[] = settled.map(({ recipient, kept }) => ({
    recipient,
    fate: kept.settled,
    as: kept.recipientId === recipient.id ? 'repeated' : 'merged',
  }));
  for (const recipient of held) fates.push({ recipient, fate: { kind: 'held' } });
  let sent: Sent | undefined;

  if (open.length > 0) {
    const { addressed, rejected } = addressable(mail, open);
    for (const fate of rejected) fates.push(fate);
    if (addressed.length > 0) {
      sent = await deps.transport.send({
        destination: mail.destination,
        sender: mail.sender === null ? null : (smtpMailbox(mail.sender) ?? null),
        recipients: addressed.map(({ recipient, mailbox }) => ({ mailbox, notify: recipient.notify, orcpt: recipient.orcpt })),
        content: mail.content,
        envid: mail.envid,
        ret: mail.ret,
        site: {
          rootId: mail.rootId,
          mailId: mail.mailId,
          hop: mail.hop + 1,
          traceparent: mail.trace.parent,
          trust: mail.origin.authenticated ? 'authenticated' : mail.origin.trust,
        },
        deadlineMs,
        signal: context.signal,
      });
      if (sent.kind === 'no-content') {
        await withdraw(deps, mail, open);
        return sent.missing ? poison(sent.reason) : transient(sent.reason, { ladder: 'internal' });
      }
      const mta = sent.kind === 'answered' ? sent.peer.mta : undefined;
      for (const [at, { recipient }] of addressed.entries()) fates.push({ recipient, fate: fateOf(sent, at, mta) });
    }
  }
  for (const { recipient, like } of twins) {
    const first = fates.find((one) => one.recipient === like);
    if (first !== undefined) fates.push({ recipient, fate: first.fate, as: 'merged' });
  }
  const [told] = await Promise.all([record(deps, mail, fates), mark(deps, destination, sent)]);
  const accepted = fates.filter(({ fate, as }) => fate.kind === 'accepted' && as === undefined).length;
  const lost = fates.filter(({ fate }) => fate.kind === 'unsure').length;
  if (accepted > 0 && (silent > 0 || !told)) deps.possibleDuplicate('ledger silent', told ? Math.min(silent, accepted) : accepted);
  if (lost > 0) deps.possibleDuplicate('remote reply lost', lost);
  return outcome(mail, deps.stage, fates, sent);
}

interface Fate {
  recipient: Recipient;
  fate: Settled | { kind: 'deferred' | 'unsure'; code?: number; reason: string } | { kind: 'held' };
  /** `repeated`: an earlier run settled it. `merged`: another recipient with the same next-hop address got the one copy. */
  as?: 'repeated' | 'merged';
}

/** Recipients that differ in their next-hop address, and those that turned out to be the same one again. */
function apart(mail: RoutedMail): { distinct: readonly Recipient[]; twins: readonly { recipient: Recipient; like: Recipient }[] } {
  if (mail.recipients.length === 1) return { distinct: mail.recipients, twins: [] };
  const first = new Map<string, Recipient>();
  const twins: { recipient: Recipient; like: Recipient }[] = [];
  for (const recipient of mail.recipients) {
    const key = effectKey(mail, recipient);
    const like = first.get(key);
    if (like === undefined) first.set(key, recipient);
    else twins.push({ recipient, like });
  }
  return { distinct: [...first.values()], twins };
}

/** Only SMTP mailboxes can be handed over here; the rest is a mistake of the directory or of routing, and permanent. */
function addressable(mail: RoutedMail, open: readonly Recipient[]) {
  const addressed: { recipient: Recipient; mailbox: string }[] = [];
  const rejected: Fate[] = [];
  const refused = (recipient: Recipient, status: string, reason: string) =>
    rejected.push({ recipient, fate: { kind: 'refused', code: 0, status, reason, reply: undefined, mta: undefined } });
  const senderFits = mail.sender === null || smtpMailbox(mail.sender) !== undefined;
  for (const recipient of open) {
    const mailbox = smtpMailbox(recipient.address);
    if (!senderFits) refused(recipient, '5.1.7', 'the sender has no SMTP address');
    else if (mailbox === undefined) refused(recipient, '5.1.3', 'the recipient has no SMTP address');
    else addressed.push({ recipient, mailbox });
  }
  return { addressed, rejected };
}

function fateOf(sent: Exclude<Sent, { kind: 'no-content' }>, at: number, mta: string | undefined): Fate['fate'] {
  if (sent.kind === 'unreachable') return { kind: 'deferred', reason: sent.reason };
  if (sent.kind === 'undeliverable') {
    return { kind: 'refused', code: 0, status: sent.status, reason: sent.reason, reply: undefined, mta: undefined };
  }
  const answer: Answer = sent.answers[at] ?? { kind: 'unknown', reason: 'the session gave no answer for this recipient' };
  switch (answer.kind) {
    case 'accepted':
      return { ...answer, mta: sent.peer.mta, dsn: sent.peer.dsn };
    case 'refused': {
      const { kind, code, status, reason, reply } = answer;
      return { kind, code, status, reason, reply, mta: reply === undefined ? undefined : mta };
    }
    case 'deferred':
      return { kind: 'deferred', code: answer.code, reason: answer.reason };
    case 'unknown':
      return { kind: 'unsure', reason: answer.reason };
  }
}

/** Tells the ledger: what is settled for good stays with its words, what is not is open again. @returns false when it did not listen. */
async function record(deps: HandOverDeps, mail: RoutedMail, fates: readonly Fate[]): Promise<boolean> {
  const final: { key: string; outcome: string; count?: Count }[] = [];
  const again: Recipient[] = [];
  for (const { recipient, fate, as } of fates) {
    const key = effectKey(mail, recipient);
    if (as === 'merged') {
      if (fate.kind === 'accepted') final.push({ key: `${key}:merged:${recipient.id}`, outcome: '', count: { field: 'merged', by: 1 } });
    } else if (fate.kind === 'accepted' || fate.kind === 'refused') {
      if (as === 'repeated') continue;
      const count: { count?: Count } = fate.kind === 'accepted' ? { count: { field: 'handedOver', by: 1 } } : {};
      final.push({ key, outcome: encode(fate, recipient.id), ...count });
    } else if (fate.kind !== 'held') again.push(recipient);
  }
  const [told] = await Promise.all([final.length === 0 ? true : deps.ledger.complete(final), withdraw(deps, mail, again)]);
  return told;
}

async function withdraw(deps: HandOverDeps, mail: RoutedMail, recipients: readonly Recipient[]): Promise<void> {
  if (recipients.length > 0) await Promise.all(recipients.map((one) => deps.ledger.withdraw(effectKey(mail, one), mail.copyId)));
}

async function mark(deps: HandOverDeps, destination: string, sent: Sent | undefined): Promise<void> {
  if (sent === undefined || sent.kind === 'undeliverable' || sent.kind === 'no-content') return;
  const trouble = sent.kind === 'unreachable' ? (sent.trouble ? sent.reason : undefined) : sent.trouble;
  if (trouble !== undefined) await deps.destinations.failed(destination, trouble, deps.schedule());
  else if (sent.kind === 'answered') await deps.destinations.succeeded(destination);
}

function outcome(mail: RoutedMail, stage: string, fates: readonly Fate[], sent: Sent | undefined): Outcome {
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
        if (!fate.dsn && wantsSuccess(recipient)) about.push(relayed(recipient, fate));
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

/** The next hop promises no reports, so this is the last that can be said of it (RFC 3461 §5.2.2). */
function relayed(recipient: Recipient, fate: Extract<Settled, { kind: 'accepted' }>): RecipientStatus {
  const reason = `handed over to ${fate.mta}, which promises no delivery reports`;
  return { recipient, action: 'relayed', status: fate.status, reason, remote: { mta: fate.mta, reply: fate.reply } };
}
