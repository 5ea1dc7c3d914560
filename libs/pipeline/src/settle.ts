import { type Envelope, underWaySince } from '@mailrail/contracts';
import { derivedId, newCopyId, oneLine } from '@mailrail/mail';
import { exchanges, laneAt, routingKey, rungQueue } from '@mailrail/topology';
import { allFailed, failureReport } from './failure-report.ts';
import { rungFor, waitMs } from './ladder.ts';
import type { Emit, Outcome } from './outcome.ts';
import type { ServiceOptions } from './service.ts';
import type { RunnerDeps } from './stage-runner.ts';

type Later = Extract<Emit, { kind: 'later' }>;

/**
 * The one place that turns an outcome into publications. Resolves when the broker has confirmed them all; only then may the mail
 * be acknowledged, so that a crash repeats work and never loses it.
 *
 * @throws PublishError through the returned function when any of them is not known to be safe.
 */
export function settlement(
  options: Pick<ServiceOptions<never>, 'stage' | 'station' | 'metrics'>,
  { bus, writer, tracker, parking, schedule, encode }: RunnerDeps,
  epoch: number,
) {
  const { stage, station, metrics } = options;

  const pass = (emit: Extract<Emit, { kind: 'mail' }>, now: number): Promise<void> => {
    const { faults: _, waits: __, dueAt, ...mail } = emit.mail;
    const next: Envelope = {
      ...mail,
      copyId: newCopyId(),
      attempt: 1,
      ...(dueAt !== undefined && dueAt > now ? { dueAt } : {}), // deferred delivery, not a retry that is over
      trace: { parent: mail.trace.parent, hops: [...mail.trace.hops.slice(-63), { stage, at: now }] },
    };
    tracker.tell({
      at: now,
      event: 'passed',
      rootId: mail.rootId,
      mailId: mail.mailId,
      recipients: mail.recipients.length,
      station: emit.station,
    });
    return writer.add(emit.station, next, epoch);
  };

  const retry = (
    original: Envelope,
    { mail, reason, delayMs, ladder = 'internal', countAttempt = true }: Later,
    now: number,
  ): Promise<void>[] => {
    const isReport = station === 'aq.reports';
    const by = isReport ? undefined : mail.deliverBy;
    // It comes back when its sender wants to hear of the delay, or wants it back (RFC 2852).
    const mostMs = by !== undefined && by.at > now ? by.at - now : Number.POSITIVE_INFINITY;
    const wait = Math.max(1_000, Math.min(mostMs, delayMs ?? waitMs(mail.attempt, ladder, schedule())));
    const late = by?.mode === 'notify' && by.at <= now;
    const part = mail.recipients.length < original.recipients.length;
    const { waits, ...rest } = mail;
    const delayed =
      !mail.delayReported &&
      mail.sender !== null &&
      !isReport &&
      (late || (countAttempt && now - underWaySince(mail) >= schedule().delayReportAfter));
    const next: Envelope = {
      ...rest,
      // A part of the recipients is another mail, or two parts with the same identity would claim each other away.
      ...(part
        ? {
            mailId: derivedId(
              mail.mailId,
              `later:${mail.recipients
                .map(({ id }) => id)
                .sort()
                .join()}`,
            ),
            parentId: mail.mailId,
          }
        : {}),
      copyId: newCopyId(),
      attempt: countAttempt ? mail.attempt + 1 : mail.attempt,
      ...(countAttempt ? {} : { waits: (waits ?? 0) + 1 }),
      dueAt: now + wait,
      lastReason: oneLine(reason, 480),
      delayReported: mail.delayReported || delayed,
    };
    tracker.tell({
      at: now,
      event: 'retry',
      rootId: mail.rootId,
      mailId: next.mailId,
      recipients: mail.recipients.length,
      reason: oneLine(reason),
      attempt: mail.attempt,
    });
    const publications = [toLadder(next, wait, now)];
    if (delayed) {
      const about = mail.recipients.map((recipient) => ({ recipient, action: 'delayed' as const, status: '4.4.7', reason }));
      publications.push(pass({ kind: 'mail', station: 'aq.reports', mail: failureReport(mail, about, stage) }, now));
    }
    return publications;
  };

  return async (mail: Envelope, outcome: Outcome, now: number): Promise<void> => {
    switch (outcome.kind) {
      case 'done': {
        const publications = outcome.emits.flatMap((emit) => (emit.kind === 'mail' ? [pass(emit, now)] : retry(mail, emit, now)));
        await Promise.all(publications);
        for (const { event, recipients, status, reason } of outcome.counted ?? []) {
          metrics.recipients.inc({ event }, recipients);
          tracker.tell({
            at: now,
            event,
            rootId: mail.rootId,
            mailId: mail.mailId,
            recipients,
            ...(status === undefined ? {} : { status }),
            ...(reason === undefined ? {} : { reason: oneLine(reason) }),
          });
        }
        return;
      }
      case 'transient': {
        const faults = outcome.facts?.['faults'];
        const early = outcome.facts?.['early'] === true;
        const again: Envelope = typeof faults === 'number' ? { ...mail, faults } : mail;
        // It came early and nobody tried (R12): back unchanged, nothing counted; its next copy is as good as this one.
        if (early && mail.dueAt !== undefined) {
          tracker.tell({
            at: now,
            event: 'retry',
            rootId: mail.rootId,
            mailId: mail.mailId,
            recipients: mail.recipients.length,
            reason: oneLine(outcome.reason),
            attempt: mail.attempt,
          });
          await toLadder({ ...mail, copyId: newCopyId() }, mail.dueAt - now, now);
        } else await Promise.all(retry(mail, { ...outcome, kind: 'later', mail: again }, now));
        return;
      }
      case 'permanent':
        if (station === 'aq.reports') throw new Error('a report about a report that failed would never end');
        await pass({ kind: 'mail', station: 'aq.reports', mail: allFailed(mail, outcome.status, outcome.reason, stage) }, now);
        return;
      case 'poison':
        await parking.mail(mail, outcome.reason, 'poison', epoch);
        tracker.tell({
          at: now,
          event: 'badmail',
          rootId: mail.rootId,
          mailId: mail.mailId,
          recipients: mail.recipients.length,
          reason: oneLine(outcome.reason),
        });
        metrics.recipients.inc({ event: 'badmail' }, mail.recipients.length);
        return;
      default:
        outcome satisfies never;
    }
  };

  /** Onto the rung that fits; the ladder hands it back to this station by `return-to`. */
  function toLadder(mail: Envelope, remainingMs: number, now: number): Promise<void> {
    const rung = rungFor(remainingMs);
    metrics.retries.inc({ rung: rung.name });
    const { schema, mail: written } = encode(station, mail);
    return bus.publish(
      {
        exchange: exchanges.mail,
        key: rungQueue(rung.name),
        body: Buffer.from(JSON.stringify({ schema, mails: [written] })),
        messageId: mail.copyId,
        type: schema,
        headers: {
          mails: 1,
          'mail-id': mail.mailId,
          lane: mail.lane,
          recipients: mail.recipients.length,
          size: mail.content.sizeBytes,
          'return-to': routingKey(station, laneAt(station, mail.lane)),
          reason: oneLine(mail.lastReason ?? 'not due yet'),
          attempt: mail.attempt,
          'sent-at-ms': now,
        },
      },
      epoch,
    );
  }
}
