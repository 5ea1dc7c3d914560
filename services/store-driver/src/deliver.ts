import { type LocalDelivery, type MailboxRecipient, progressOf, type Recipient, type RecipientStatus } from '@mailrail/contracts';
import type { Effect, Ledger } from '@mailrail/ledger';
import { contentMissing, type MailboxOutcome, type MailboxStore } from '@mailrail/mailbox-store';
import { type Counted, done, type Emit, failureReport, later, type Stage, toStation, transient } from '@mailrail/pipeline';
import { missingContent } from './content-failure.ts';
import { copyName, deliveriesOf, type MailboxDelivery, recipientWay } from './deliveries.ts';

export interface DeliverDeps {
  mailboxes: Pick<MailboxStore, 'deliver'>;
  ledger: Pick<Ledger, 'effects' | 'complete' | 'countOnce'>;
  redelivered: boolean; // somebody had this mail before and may have delivered it
  /** The ledger was silent, so so many copies may come twice (R4). */
  possibleDuplicates: (copies: number) => void;
}

export const stageName = 'store-driver.deliver';

/** Local delivery: into each mailbox, once. What one mailbox cannot take is tried again for that one alone. */
export const deliver: Stage<LocalDelivery, DeliverDeps> = async (mail, deps) => {
  const { ledger } = deps;
  const all = deliveriesOf(mail);
  const effects = await ledger.effects(all.map(({ effectKey }) => effectKey));
  const silent = effects === 'silent';
  const before = all.map((_, i) => (silent ? undefined : outcomeBefore(effects[i])));
  const fresh = all.filter((_, i) => before[i] === undefined);

  const name = copyName(mail);
  const outcomes =
    fresh.length === 0
      ? []
      : await deps.mailboxes.deliver(
          mail.content,
          fresh.map(({ mailbox }) => ({ mailbox, name })),
          { repeat: deps.redelivered || mail.attempt > 1 || silent },
        );
  const sorted = sortOut(fresh, outcomes);

  const noted = sorted.delivered.length === 0 || (await ledger.complete(sorted.delivered.flatMap((one) => completion(mail, one))));
  if (silent || !noted) deps.possibleDuplicates(fresh.length);
  const merged = all.flatMap(({ recipients }, i) => recipients.filter((one) => isMerged(mail, one, before[i])));
  if (merged.length > 0) {
    await ledger.countOnce(merged.map((one) => ({ key: `merged:${recipientWay(mail, one)}`, count: { field: 'merged', by: 1 } })));
  }

  const again = sorted.transient.flatMap(({ recipients }) => recipients);
  const reasons = sorted.transient.map((one) => one.reason);
  const reason = reasons.find((one) => one === contentMissing) ?? reasons[0];
  if (reason !== undefined && again.length === mail.recipients.length) {
    return reason === contentMissing ? missingContent(mail.attempt) : transient(reason, { ladder: 'internal' });
  }

  const inMailbox = [...all.filter((_, i) => before[i] !== undefined), ...sorted.delivered].flatMap(({ recipients }) => recipients);
  const deliveredNow = sorted.delivered.reduce((sum, { recipients }) => sum + recipients.length, 0);
  const emits: Emit[] = [];
  if (reason !== undefined) emits.push(later({ ...mail, recipients: again }, reason, { ladder: 'internal' }));
  const told = [...sorted.failed, ...inMailbox.filter(wantsSuccess).map(success)];
  if (told.length > 0) emits.push(toStation('aq.reports', failureReport(mail, told, stageName)));

  const counted: Counted[] = [];
  if (deliveredNow > 0) counted.push({ event: 'delivered', recipients: deliveredNow });
  if (merged.length > 0) counted.push({ event: 'merged', recipients: merged.length });
  const facts = {
    mailboxes: all.length,
    delivered: deliveredNow,
    before: all.length - fresh.length,
    later: again.length,
    failed: sorted.failed.length,
  };
  return done(emits, { facts, counted });
};

/** What was noted when a mailbox got its copy: the recipients it was for, each by its way. */
function outcomeBefore(effect: Effect | undefined): string | undefined {
  return effect?.kind === 'done' ? effect.outcome : undefined;
}

function completion(mail: LocalDelivery, { effectKey, recipients }: MailboxDelivery) {
  const outcome = recipients.map((recipient) => recipientWay(mail, recipient)).join();
  const progress = progressOf(mail, recipients, { state: 'delivered' });
  return [{ key: effectKey, outcome, count: { field: 'delivered' as const, by: recipients.length } }, ...progress];
}

function isMerged(mail: LocalDelivery, recipient: MailboxRecipient, before: string | undefined): boolean {
  return before !== undefined && !before.split(',').includes(recipientWay(mail, recipient));
}

function sortOut(deliveries: readonly MailboxDelivery[], outcomes: readonly MailboxOutcome[]) {
  const delivered: MailboxDelivery[] = [];
  const again: (MailboxDelivery & { reason: string })[] = [];
  const failed: RecipientStatus[] = [];
  for (const [i, delivery] of deliveries.entries()) {
    const outcome = outcomes[i];
    if (outcome === undefined) throw new Error('the mailbox store left a mailbox without an outcome');
    switch (outcome.kind) {
      case 'delivered':
      case 'present':
        delivered.push(delivery);
        break;
      case 'transient':
        again.push({ ...delivery, reason: outcome.reason });
        break;
      case 'permanent':
        failed.push(...delivery.recipients.map((recipient) => status(recipient, 'failed', outcome.status, outcome.reason)));
        break;
      default:
        outcome satisfies never;
    }
  }
  return { delivered, transient: again, failed };
}

/** RFC 3461 §4.1; what the sender left open means no report of success. */
function wantsSuccess({ notify }: Recipient): boolean {
  return Array.isArray(notify) && notify.includes('success');
}

function success(recipient: MailboxRecipient): RecipientStatus {
  return status(recipient, 'delivered', '2.0.0', 'delivered to the mailbox');
}

function status(of: MailboxRecipient, action: 'failed' | 'delivered', code: string, reason: string): RecipientStatus {
  const { mailbox: _, ...recipient } = of;
  return { recipient, action, status: code, reason };
}
