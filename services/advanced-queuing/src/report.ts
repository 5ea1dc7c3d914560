import { type DeliveryReport, progressOf, type RecipientStatus } from '@mailrail/contracts';
import type { Ledger } from '@mailrail/ledger';
import { oneLine } from '@mailrail/mail';
import { type Counted, done, type Emit, poison, type Stage, toStation, transient } from '@mailrail/pipeline';
import { type ReportMailDeps, reportMail } from './report-mail.ts';
import { effectKey, tellPlan } from './tell-plan.ts';

export interface ReportDeps extends ReportMailDeps {
  ledger: Pick<Ledger, 'effects' | 'complete'>;
  /** Counts where a duplicate may have come about (R4). */
  possibleDuplicate: (cause: string) => void;
}

/**
 * The way back: counts what failed and tells the sender, if he wants to know, in one mail for each kind of outcome.
 * What only somebody who does not exist could mend is badmail: an operator looks.
 * A mail with the null sender is never reported; its failed recipients count as suppressed (E5).
 */
export const report: Stage<DeliveryReport, ReportDeps> = async (mail, deps) => {
  const about = distinct(mail);
  if (mail.nobodyToTell === true) return poison(`nobody to tell: ${about[0]?.reason ?? ''}`);
  const effects = await deps.ledger.effects(about.map((status) => effectKey(mail.rootId, status)));
  if (effects === 'silent') deps.possibleDuplicate('ledger silent');
  const { reports, fresh } = tellPlan(mail, about, effects);

  const emits: Emit[] = [];
  for (const planned of reports) {
    const made = await reportMail(mail, planned, deps);
    if (made.kind === 'unavailable') return transient(`content store: ${made.reason}`, { ladder: 'internal' });
    emits.push(toStation('mts-out', made.mail));
  }

  const field = mail.sender === null ? ('suppressed' as const) : ('failed' as const);
  const freshReports = new Set(fresh.map(({ outcome }) => outcome));
  const newReports = reports.filter(({ rootId }) => freshReports.has(rootId));
  await deps.ledger.complete([
    ...fresh.map(({ status, key, outcome }) => ({ key, outcome, ...(status.action === 'failed' ? { count: { field, by: 1 } } : {}) })),
    ...fresh.flatMap(({ status: { recipient, action, status, reason } }) =>
      action === 'failed' ? progressOf(mail, [recipient], { state: 'failed', status, detail: oneLine(reason) }) : [],
    ),
    ...newReports.map(({ rootId }) => ({ key: `report:${rootId}`, outcome: 'made', count: { field: 'reports' as const, by: 1 } })),
  ]);

  return done(emits, {
    facts: { reportedBy: mail.reportedBy, told: reports.length, fresh: fresh.length, repeated: reports.length - newReports.length },
    counted: [
      ...countedByStatus(
        fresh.map(({ status }) => status).filter(({ action }) => action === 'failed'),
        field,
      ),
      ...(newReports.length === 0 ? [] : [{ event: 'reports' as const, recipients: newReports.length }]),
    ],
  });
};

/** Each recipient's outcome once, whatever a stage sent. */
function distinct(mail: DeliveryReport): RecipientStatus[] {
  return [...new Map(mail.about.map((status) => [effectKey(mail.rootId, status), status])).values()];
}

function countedByStatus(statuses: readonly RecipientStatus[], event: 'failed' | 'suppressed'): Counted[] {
  const byStatus = new Map<string, Counted>();
  for (const { status, reason } of statuses) {
    const counted = byStatus.get(status);
    if (counted === undefined) byStatus.set(status, { event, recipients: 1, status, reason });
    else counted.recipients += 1;
  }
  return [...byStatus.values()];
}
