import { type Recipient, type RoutedMail, underWaySince, progressOf } from '@mailrail/contracts';
import type { Count, Ledger } from '@mailrail/ledger';
import { oneLine, smtpMailbox } from '@mailrail/mail';
import { type Outcome, poison, transient } from '@mailrail/pipeline';
import type { BackoffSchedule, DestinationState } from './destination-state.ts';
import { claim, effectKey, encode, interrupted } from './effects.ts';
import { type Fate, outcomeOf } from './outcome-of.ts';
import type { Answer, Sent, Transport } from './transport.ts';
import type { UnprovenDestinations } from './unproven.ts';

export interface HandOverDeps {
  /** Service and connector, for reports: `connectors/smtp.internet`. */
  stage: string;
  connector: string;
  transport: Transport;
  ledger: Ledger;
  destinations: DestinationState;
  /** Absent where all mail has the same next hop. */
  unproven?: UnprovenDestinations;
  schedule: () => BackoffSchedule;
  /** Counts recipients that may have got the mail twice (R4). */
  possibleDuplicate: (cause: 'remote reply lost' | 'ledger silent', recipients: number) => void;
  /** A mail whose sender waits for a word longer than this is reported delayed when an attempt ends; milliseconds from its origin. */
  delayReportAfterMs: () => number;
  /** Everything about one mail up to its closing dot is over after this. */
  sessionLimitMs: number;
  /** Longest wait for the reply to the closing dot. An offer lives a little longer than both (R10). */
  finalMs: number;
  /** Work in hand by copy: a redelivery to the same process waits for it instead of doing it twice (R9). */
  running: Map<string, Promise<unknown>>;
}

export interface HandOverContext {
  now: number;
  signal?: AbortSignal;
  redelivered: boolean;
}

const offerMarginMs = 30_000;
/** Timers may be a little early; the report must be due when a hurried attempt has ended. */
const timerSlackMs = 50;

/** When the mail's own time is over: its sender is to be told that it is late, or that it ends here. */
function hurryAt(mail: RoutedMail, delayReportAfterMs: number): number {
  const told = mail.delayReported || mail.sender === null;
  if (told) return timerSlackMs + mail.expiresAt;
  const by = mail.deliverBy?.mode === 'notify' ? mail.deliverBy.at : Number.POSITIVE_INFINITY;
  return timerSlackMs + Math.min(mail.expiresAt, by, underWaySince(mail) + delayReportAfterMs);
}

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
  const destination = `${deps.connector}/${mail.destination}`;
  const passage = await deps.destinations.pass(destination, deps.schedule());
  if (passage.kind === 'closed') return wait(mail, passage.reason, passage.delayMs);
  const entry = deps.unproven?.enter(destination) ?? { kind: 'go' };
  if (entry.kind === 'wait') return wait(mail, 'waits until the destination has answered the first mails', entry.delayMs);
  let answered = false;
  try {
    return await send(mail, deps, context, destination, () => {
      answered = true;
    });
  } finally {
    deps.unproven?.leave(destination, answered);
  }
}

/** Nothing was tried, so nothing is counted. */
function wait(mail: RoutedMail, reason: string, delayMs: number): Outcome {
  return transient(reason, { delayMs, ladder: 'transport', countAttempt: false, facts: { destination: mail.destination, backoff: true } });
}

async function send(
  mail: RoutedMail,
  deps: HandOverDeps,
  context: HandOverContext,
  destination: string,
  answered: () => void,
): Promise<Outcome> {
  const deadlineMs = context.now + deps.sessionLimitMs;
  const { distinct, twins } = apart(mail);
  const { open, settled, held, silent } = await claim(deps.ledger, mail, distinct, deadlineMs + deps.finalMs + offerMarginMs);
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
        transfer: mail.contentForm?.transfer,
        envid: mail.envid,
        ret: mail.ret,
        priority: mail.priority,
        deliverBy: mail.deliverBy,
        requireTls: mail.requireTls,
        site: {
          rootId: mail.rootId,
          mailId: mail.mailId,
          hop: mail.hop + 1,
          traceparent: mail.trace.parent,
          trust: mail.origin.authenticated ? 'authenticated' : mail.origin.trust,
        },
        bounds: { deadlineMs, hurryAtMs: hurryAt(mail, deps.delayReportAfterMs()), signal: context.signal },
      });
      if (sent.kind === 'no-content') {
        await withdraw(deps, mail, open);
        return sent.missing ? poison(sent.reason) : transient(sent.reason, { ladder: 'internal' });
      }
      if (sent.kind === 'answered' && sent.trouble === undefined && sent.hurried !== true) answered();
      const mta = sent.kind === 'answered' ? sent.peer.mta : undefined;
      for (const [at, { recipient }] of addressed.entries()) fates.push({ recipient, fate: fateOf(sent, at, mta, mail) });
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
  return outcomeOf(mail, deps.stage, fates, sent);
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

function fateOf(
  sent: Exclude<Sent, { kind: 'no-content' }>,
  at: number,
  mta: string | undefined,
  { deliverBy }: Pick<RoutedMail, 'deliverBy'>,
): Fate['fate'] {
  if (sent.kind === 'unreachable') return { kind: 'deferred', reason: sent.reason };
  if (sent.kind === 'undeliverable') {
    return { kind: 'refused', code: 0, status: sent.status, reason: sent.reason, reply: undefined, mta: undefined };
  }
  const answer: Answer = sent.answers[at] ?? { kind: 'unknown', reason: 'the session gave no answer for this recipient' };
  switch (answer.kind) {
    case 'accepted':
      return { ...answer, mta: sent.peer.mta, dsn: sent.peer.dsn && (sent.peer.keepsTime || deliverBy === undefined) };
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
      if (fate.kind === 'accepted') {
        const told = { state: 'handed-over' as const, status: fate.status, detail: oneLine(`${fate.mta}: ${fate.reply}`) };
        final.push(...progressOf(mail, [recipient], told));
      }
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
  else if (sent.kind === 'answered' && sent.hurried !== true) await deps.destinations.succeeded(destination);
}
