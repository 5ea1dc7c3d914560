import type { Envelope, Lane } from '@mailrail/contracts';
import type { MailCommand } from '@mailrail/smtp';
import type { SmtpSettings } from './smtp-listeners.ts';

/** What a sender wishes of when, how urgently and how safely its mail is to travel, as the envelope carries it. */
export type Wishes = Pick<Envelope, 'heldUntil' | 'deliverBy' | 'priority' | 'requireTls'>;

/**
 * The wishes of MAIL, in times of the clock.
 *
 * @param priority as `grantedPriority` has it.
 * @param at when MAIL was said. The time of DELIVERBY is counted from the end of a hold: before it nothing is to be delivered.
 */
export function wishesOf({ holdUntil, deliverBy, requireTls }: MailCommand, priority: number | undefined, at: number): Wishes {
  const start = Math.max(at, holdUntil ?? 0);
  return {
    ...(holdUntil === undefined || holdUntil <= at ? {} : { heldUntil: holdUntil }),
    ...(deliverBy === undefined
      ? {}
      : { deliverBy: { at: start + deliverBy.seconds * 1_000, mode: deliverBy.mode, trace: deliverBy.trace } }),
    ...(priority === undefined ? {} : { priority }),
    ...(requireTls === true ? { requireTls } : {}),
  };
}

/** RFC 6710 §4.1: a server may lower a priority by its policy, and says so. Lowering one's own is everybody's right. */
export function grantedPriority(
  wanted: number | undefined,
  inside: boolean,
  { raisePriority }: Pick<SmtpSettings, 'raisePriority'>,
): number | undefined {
  if (wanted === undefined || wanted <= 0) return wanted;
  return raisePriority === 'anybody' || (raisePriority === 'inside' && inside) ? wanted : 0;
}

/** The lane of a priority, where a station has lanes. */
export function laneOfPriority(priority = 0): Lane {
  if (priority === 0) return 'normal';
  return priority > 0 ? 'high' : 'low';
}

/**
 * When a mail has had its time, milliseconds since the epoch: counted from the moment it is let go, and no later than the time by
 * which its sender wants it back.
 */
export function expiryOf({ heldUntil = 0, deliverBy }: Wishes, now: number, expireAfterMs: number): number {
  const expiresAt = Math.max(now, heldUntil) + expireAfterMs;
  return deliverBy?.mode === 'return' ? Math.min(expiresAt, deliverBy.at) : expiresAt;
}
