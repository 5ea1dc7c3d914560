import type { Content, DeliverBy, Recipient } from '@mailrail/contracts';
import type { SiteParameters } from '@mailrail/smtp';
import type { WorkBounds } from './time-limits.ts';

/** One mail for one next hop. Addresses are bare SMTP mailboxes. */
export interface Order {
  destination: string;
  sender: string | null;
  recipients: readonly { mailbox: string; notify?: Recipient['notify']; orcpt?: string | undefined }[];
  content: Content;
  transfer?: '7bit' | undefined; // whatever the peer says it takes
  envid?: string | undefined; // RFC 3461 §4.4
  ret?: 'full' | 'hdrs' | undefined;
  priority?: number | undefined; // RFC 6710
  deliverBy?: DeliverBy | undefined; // RFC 2852
  requireTls?: boolean | undefined; // RFC 8689
  site: SiteParameters; // what a peer site of the same organization is told beside the envelope (S2)
  bounds: WorkBounds;
}

/** What became of one recipient. `status` is RFC 3463; `reply` the remote's words, made one line. */
export type Answer =
  | { kind: 'accepted'; code: number; status: string; reply: string }
  | { kind: 'refused'; code: number; status: string; reason: string; reply?: string }
  | { kind: 'deferred'; code: number; status: string; reason: string }
  /** The closing dot was sent and no reply came: the remote may have it. */
  | { kind: 'unknown'; reason: string };

export interface Peer {
  mta: string; // the name its greeting gave, or its address: for reports
  host: string; // as it was looked up
  tls: 'none' | 'unverified' | 'verified';
  dsn: boolean; // promises reports, RFC 3461
  keepsTime: boolean; // DELIVERBY, RFC 2852
  reused: boolean; // the session had carried mail before
}

export type Sent =
  /** One answer for each recipient of the order, in its order. `trouble`: the destination as a whole is not well. `hurried`: it was not given its whole time, so nothing is known of it. */
  | { kind: 'answered'; answers: readonly Answer[]; peer: Peer; bytes: number; trouble?: string; hurried?: true }
  /** No session came about, so nothing was said of any recipient. `trouble` says whether the destination is to blame. */
  | { kind: 'unreachable'; reason: string; trouble: boolean }
  /** There is no such next hop, and a complete answer says so. */
  | { kind: 'undeliverable'; status: string; reason: string }
  /** The stored bytes are not to be had. */
  | { kind: 'no-content'; missing: boolean; reason: string };

/** Hands mail to next hops. Never rejects: what goes wrong is an answer. */
export interface Transport {
  send(order: Order): Promise<Sent>;
}
