import type { DeliveryReport, RecipientStatus } from '@mailrail/contracts';
import type { Effect } from '@mailrail/ledger';
import { derivedId, isWanted, type ReportAction } from '@mailrail/mail';

/** One report to be made: who is told what of which recipients. */
export interface PlannedReport {
  rootId: string; // derived from what it tells, so that a repeat makes the same report (R1)
  to: string;
  action: ReportAction;
  about: RecipientStatus[];
}

export interface TellPlan {
  reports: PlannedReport[];
  /** What is known for the first time, each with its effect (R2). */
  fresh: { status: RecipientStatus; key: string; outcome: string }[];
}

/** The effect of having dealt with one recipient's outcome (R2). */
export function effectKey(rootId: string, { recipient, action }: RecipientStatus): string {
  return `r:${rootId}:${recipient.id}:${action}`;
}

/**
 * Decides who is told (E3, RFC 3461 §5.2) and what is new.
 *
 * A repeat of this same work plans the same reports again, by identities derived from their recipients, and submission drops
 * them if they were published: so a crash between recording and publishing costs no report. A recipient that an earlier, other
 * report told of is left out.
 *
 * @param effects what the ledger knows, in the order of `about`; `silent` takes everything for new.
 */
export function tellPlan(
  mail: DeliveryReport,
  about: readonly RecipientStatus[],
  effects: readonly (Effect | undefined)[] | 'silent',
): TellPlan {
  const to = mail.sender === null ? null : mail.reportTo === undefined ? mail.sender : mail.reportTo;
  const plan: TellPlan = { reports: [], fresh: [] };
  const fresh = new Map<ReportAction, RecipientStatus[]>();
  const told = new Map<string, RecipientStatus[]>(); // by the report that told them
  const unwanted: RecipientStatus[] = [];

  about.forEach((status, at) => {
    const effect = effects === 'silent' ? undefined : effects[at];
    const wanted = to !== null && isTold(mail, status);
    if (effect?.kind === 'done') {
      if (wanted) addTo(told, effect.outcome, status);
    } else if (wanted) addTo(fresh, status.action, status);
    else if (status.action === 'failed') unwanted.push(status); // to be counted once; other outcomes leave no trace
  });

  if (to !== null) {
    for (const [action, statuses] of fresh) {
      const rootId = reportRootId(mail.rootId, action, statuses);
      plan.reports.push({ rootId, to, action, about: statuses });
      plan.fresh.push(...statuses.map((status) => ({ status, key: effectKey(mail.rootId, status), outcome: rootId })));
    }
    for (const [rootId, statuses] of told) {
      const action = statuses[0]?.action ?? 'failed';
      if (reportRootId(mail.rootId, action, statuses) === rootId) plan.reports.push({ rootId, to, action, about: statuses });
    }
  }
  plan.fresh.push(...unwanted.map((status) => ({ status, key: effectKey(mail.rootId, status), outcome: 'nobody is told' })));
  return plan;
}

/** A report's own root: derived from the mail it is about, the recipients and what happened to them. */
export function reportRootId(rootId: string, action: ReportAction, about: readonly RecipientStatus[]): string {
  const ids = about.map(({ recipient }) => recipient.id).sort();
  return derivedId(rootId, `report:${ids.join(',')}:${action}`);
}

/** A wish is the sender's: it does not bind the owner of a group, who is told of failures. The wish of a time may want more than that of reports. */
function isTold(mail: DeliveryReport, { recipient, action }: RecipientStatus): boolean {
  // RFC 2852 §4: with trace, each hand-over to another system is told.
  if (mail.deliverBy?.trace === true && action === 'relayed') return recipient.notify !== 'never';
  if (mail.reportTo !== undefined && action === 'failed') return true;
  return isWanted(recipient.notify, action);
}

function addTo<Key>(groups: Map<Key, RecipientStatus[]>, key: Key, status: RecipientStatus): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [status]);
  else group.push(status);
}
