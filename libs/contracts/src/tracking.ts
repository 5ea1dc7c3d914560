import { z } from 'zod';

/**
 * What happened to a mail, told on exchange `tracking` for whoever listens: transient, dropped while nobody does.
 * `recipients` counts recipients, as E5 does.
 */
export const TrackingEvent = z.object({
  at: z.int(), // milliseconds since the epoch
  stage: z.string(),
  event: z.enum([
    'accepted', // a sender was told yes
    'passed', // handed on to the next station(s)
    'split', // one mail became several
    'members', // recipients that a group expansion added
    'expanded', // group recipients that were replaced by their members
    'merged', // the same person reached twice
    'delivered',
    'handed-over',
    'failed',
    'reports', // recipients of a report that was made
    'suppressed', // a report about a report, or one nobody asked for
    'retry', // waits in the ladder
    'held',
    'cancelled',
    'badmail',
    'refused', // never accepted: told to the client at the edge
  ]),
  rootId: z.uuid().optional(),
  mailId: z.uuid().optional(),
  recipients: z.int().nonnegative(),
  station: z.string().optional(), // where it went
  status: z.string().optional(),
  reason: z.string().optional(),
  attempt: z.int().optional(),
  durationMs: z.number().optional(),
});
export type TrackingEvent = z.output<typeof TrackingEvent>;

/** Several events in one publication. */
export const TrackingBag = z.object({ schema: z.literal('tracking.v1'), events: z.array(TrackingEvent).max(512) });
