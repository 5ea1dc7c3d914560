import { z } from 'zod';

/** `TYPE:value`, at most 1,200 characters (an X.400 or X500 address may be long). */
export const Address = z
  .string()
  .max(1_200)
  .regex(/^[A-Za-z0-9-]{1,16}:[^\r\n\0]*$/);

export const Lane = z.enum(['high', 'normal', 'low']);
export type Lane = z.output<typeof Lane>;

/** A wish about reports, RFC 3461 §4.1; absent means the default (failure and delay). */
export const Notify = z.union([
  z.literal('never'),
  z
    .array(z.enum(['success', 'failure', 'delay']))
    .min(1)
    .max(3),
]);

/** Who a mail is for. `address` may change on the way (mapping, forwarding); `id` and `original` never do. */
export const Recipient = z.object({
  id: z.uuid(),
  address: Address,
  original: Address, // as the sender gave it
  notify: Notify.optional(),
  orcpt: z.string().max(500).optional(), // RFC 3461 §4.2, xtext undone: `rfc822;ada@corp.example`
});
export type Recipient = z.output<typeof Recipient>;

/** Where the bytes are and what is known of them (E1, E4). */
export const Content = z.object({
  ref: z.string().min(1).max(300), // the content store's name for the stored form
  sizeBytes: z.int().nonnegative(), // of the stored form, our first lines included
  sha256: z.string().length(64),
  body: z.enum(['7bit', '8bit', 'binary']),
  smtputf8: z.boolean(),
  relayOffset: z.int().nonnegative(), // bytes to leave out on relay: the Return-Path line (E1)
});
export type Content = z.output<typeof Content>;

/** What a copy's content is, other than what came in, since its recipients' systems want it so. */
export const ContentForm = z.object({
  without: z
    .array(z.enum(['tnef', 'html']))
    .min(1)
    .optional(), // parts that are left out of `content`
  transfer: z.literal('7bit').optional(), // to be sent so, whatever the peer says it takes (RFC 6152 §3)
});
export type ContentForm = z.output<typeof ContentForm>;

/** Where a mail entered, and how far it is to be trusted (S1, S7). */
export const Origin = z.object({
  gateway: z.string().max(64),
  dialect: z.string().max(32),
  peer: z.string().max(200).optional(), // address of the client, or the file's name
  helo: z.string().max(200).optional(),
  at: z.int(), // milliseconds since the epoch
  authenticated: z.boolean(),
  user: z.string().max(200).optional(),
  trust: z.enum(['inside', 'outside']),
});
export type Origin = z.output<typeof Origin>;

/** RFC 2852: when a mail is to be delivered, and what is to happen when it is not: it is returned, or its sender told of the delay. */
export const DeliverBy = z.object({
  at: z.int(), // milliseconds since the epoch
  mode: z.enum(['return', 'notify']),
  trace: z.boolean(),
});
export type DeliverBy = z.output<typeof DeliverBy>;

/** What every mail on the bus carries, from the first station to the last. */
export const envelope = {
  rootId: z.uuid(),
  mailId: z.uuid(),
  copyId: z.uuid(),
  parentId: z.uuid().optional(), // the mail this one was split from
  hop: z.int().min(0).max(255), // sites passed
  content: Content,
  sender: Address.nullable(), // null is the empty reverse-path of a report, RFC 5321 §4.5.5
  recipients: z.array(Recipient).min(1).max(100), // R15
  envid: z.string().max(100).optional(), // RFC 3461 §4.4
  ret: z.enum(['full', 'hdrs']).optional(), // RFC 3461 §4.3
  origin: Origin,
  lane: Lane,
  attempt: z.int().min(1), // of the station the mail is at
  waits: z.int().min(0).optional(), // returns from the ladder that were no attempt
  faults: z.int().min(0).optional(), // times a handler threw on it
  dueAt: z.int().optional(), // not before, milliseconds since the epoch
  expiresAt: z.int(), // milliseconds since the epoch
  heldUntil: z.int().optional(), // its sender wanted it held so long (RFC 4865); milliseconds since the epoch
  deliverBy: DeliverBy.optional(),
  priority: z.int().min(-9).max(9).optional(), // RFC 6710
  requireTls: z.boolean().optional(), // RFC 8689: over verified TLS to hosts that heed it, too, or not at all
  delayReported: z.boolean(),
  lastReason: z.string().max(500).optional(),
  expandedVia: z.array(z.string().max(300)).max(32), // groups this mail came through (R14)
  part: z.object({ k: z.int().min(1), n: z.int().min(1) }).optional(), // part k of n of a large envelope (R15)
  resentOf: z.uuid().optional(),
  trace: z.object({
    parent: z.string().max(60), // W3 traceparent
    hops: z.array(z.object({ stage: z.string().max(64), at: z.int() })).max(64),
  }),
  organizationVersion: z.string().max(64),
} as const;

export const Envelope = z.object(envelope);
export type Envelope = z.output<typeof Envelope>;

/** Since when a mail is under way, for delays and expiry: it came, or its sender let it go. Milliseconds since the epoch. */
export function underWaySince({ origin, heldUntil = 0 }: Pick<Envelope, 'origin' | 'heldUntil'>): number {
  return Math.max(origin.at, heldUntil);
}
