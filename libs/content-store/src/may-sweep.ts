/** A queue that mail with a body may wait in: every work queue and rung, not the badmail lanes and `hold`, whose bodies are pinned. */
export interface WaitingMail {
  queue: string;
  mails: number;
  consumers: number;
  /** Time the oldest mail has waited since it was accepted or published; undefined when nobody could say. */
  oldestAgeMs: number | undefined;
  /** A rung of the ladder has no consumer by nature: it empties itself. */
  emptiesItself?: boolean;
}

export type Verdict = { ok: true } | { ok: false; reason: string };

const dayMs = 86_400_000;

/**
 * Whether bodies may go by age now (R13): only while each queue with mail has a consumer and its oldest mail is younger than the
 * retention minus a day. A line that stands still keeps its bodies, however old they get.
 *
 * @param retentionMs how long a body is kept. Where it is under two days, half of it is the margin instead of a day.
 * @param queues `silent` when the broker did not answer: not knowing is no permission.
 */
export function maySweep(queues: readonly WaitingMail[] | 'silent', retentionMs: number): Verdict {
  if (queues === 'silent') return { ok: false, reason: 'the broker does not say what waits' };
  const oldestAllowedMs = retentionMs - Math.min(dayMs, retentionMs / 2);
  for (const { queue, mails, consumers, oldestAgeMs, emptiesItself = false } of queues) {
    if (mails === 0) continue;
    if (consumers === 0 && !emptiesItself) return { ok: false, reason: `${queue} has ${mails} mails and no consumer` };
    if (oldestAgeMs === undefined) return { ok: false, reason: `${queue} has ${mails} mails of unknown age` };
    if (oldestAgeMs >= oldestAllowedMs)
      return { ok: false, reason: `${queue} has a mail ${hours(oldestAgeMs)} old; bodies are kept ${hours(retentionMs)}` };
  }
  return { ok: true };
}

function hours(ms: number): string {
  return `${Math.floor(ms / 3_600_000)} h`;
}
