import { type DeliveryReport, Envelope, type RecipientStatus } from '@mailrail/contracts';
import { derivedId, oneLine } from '@mailrail/mail';

/** The fields of `mail` that every contract has; what a station added, and what only its own waits need, stays behind. */
export function envelopeOf(mail: Envelope): Envelope {
  const { dueAt: _due, waits: _waits, faults: _faults, ...rest } = Envelope.parse(mail);
  return rest;
}

/**
 * What a stage tells the report stage about some recipients of a mail. Its identity is derived from the mail, the recipients
 * and what happened, so that a repeat tells the same (R1).
 *
 * @param reportTo someone other than the sender (a group's owner); null tells nobody.
 */
export function failureReport(mail: Envelope, about: readonly RecipientStatus[], stage: string, reportTo?: string | null): DeliveryReport {
  const what = about.map(({ recipient, action, status }) => `${recipient.id}:${action}:${status}`).sort();
  return {
    ...envelopeOf(mail),
    mailId: derivedId(mail.mailId, `${stage}:report:${what.join(',')}`),
    parentId: mail.mailId,
    recipients: about.map(({ recipient }) => recipient),
    about: about.map((one) => ({ ...one, reason: oneLine(one.reason, 480) })),
    reportedBy: stage,
    ...(reportTo === undefined ? {} : { reportTo }),
  };
}

/** The same for every recipient of the mail. */
export function allFailed(mail: Envelope, status: string, reason: string, stage: string): DeliveryReport {
  return failureReport(
    mail,
    mail.recipients.map((recipient) => ({ recipient, action: 'failed', status, reason })),
    stage,
  );
}
