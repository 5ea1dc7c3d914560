import type { Envelope } from '@mailrail/contracts';

/** One thing that is to happen because of a mail, before the mail itself is acknowledged. */
export type Emit =
  /** Hand a mail to a station. The pipeline gives it a new `copyId`, resets attempts and adds the hop to its trace. */
  | { kind: 'mail'; station: string; mail: Envelope }
  /** Some recipients of the mail at hand must be tried again here: the same mail with only those (a transient outcome for a part). */
  | { kind: 'later'; mail: Envelope; reason: string; delayMs?: number; ladder?: LadderName; countAttempt?: boolean };

/** `internal` for our own stores and directory (1 s, 10 s, 60 s, 10 min), `transport` for the schedule of the organization. */
export type LadderName = 'internal' | 'transport';

/** Facts a stage adds to its log line and its tracking events. Numbers and short words; never addresses or content. */
export type Facts = Record<string, string | number | boolean | undefined>;

/** Changes of recipients' state that the stage itself knows (E5); the pipeline turns them into metrics and tracking events. */
export interface Counted {
  event: 'split' | 'members' | 'expanded' | 'merged' | 'delivered' | 'handed-over' | 'failed' | 'reports' | 'suppressed' | 'cancelled';
  recipients: number;
  status?: string;
  reason?: string;
}

/** What a stage decided about one mail. Only the pipeline turns it into an ack, a retry or a dead letter. */
export type Outcome =
  | { kind: 'done'; emits: readonly Emit[]; facts?: Facts; counted?: readonly Counted[] }
  | { kind: 'transient'; reason: string; delayMs?: number; ladder?: LadderName; countAttempt?: boolean; facts?: Facts }
  | { kind: 'permanent'; reason: string; status: string; facts?: Facts } // every recipient fails; the sender is told (RFC 3463 status)
  | { kind: 'poison'; reason: string; facts?: Facts }; // we cannot even read it; a person looks

export function done(emits: readonly Emit[] = [], more: { facts?: Facts; counted?: readonly Counted[] } = {}): Outcome {
  return { kind: 'done', emits, ...more };
}

/**
 * The same mail may succeed later.
 *
 * @param options `delayMs` waits at least so long instead of the ladder's next rung; `countAttempt: false` for a wait that was
 *        no attempt (not due yet, another pod is at it).
 */
export function transient(
  reason: string,
  options: { delayMs?: number; ladder?: LadderName; countAttempt?: boolean; facts?: Facts } = {},
): Outcome {
  return { kind: 'transient', reason, ...options };
}

export function permanent(reason: string, status: string, facts?: Facts): Outcome {
  return { kind: 'permanent', reason, status, ...(facts === undefined ? {} : { facts }) };
}

export function poison(reason: string): Outcome {
  return { kind: 'poison', reason };
}

export function toStation(station: string, mail: Envelope): Emit {
  return { kind: 'mail', station, mail };
}

export function later(
  mail: Envelope,
  reason: string,
  options: { delayMs?: number; ladder?: LadderName; countAttempt?: boolean } = {},
): Emit {
  return { kind: 'later', mail, reason, ...options };
}

/** A stage: a function of a mail and what it needs. No channel, no ack, no clock of its own, no environment (design section 4). */
export type Stage<Mail extends Envelope, Deps> = (mail: Mail, deps: Deps) => Promise<Outcome> | Outcome;
