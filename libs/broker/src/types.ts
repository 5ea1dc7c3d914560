import type { Log, Metrics } from '@mailrail/telemetry';
import type { ConsumeMessage } from 'amqplib';

/** A message on its way to the broker: persistent and mandatory unless said otherwise. */
export interface OutgoingMessage {
  exchange: string;
  key: string;
  body: Buffer;
  messageId: string; // unique among unconfirmed publications: a returned message is found by it
  type: string;
  headers: Record<string, string | number>;
}

/** A delivery in hand. It stays the broker's until `ack`; after its channel is lost `ack` does nothing (R9). */
export interface Delivery {
  readonly queue: string;
  readonly content: Buffer;
  readonly properties: ConsumeMessage['properties'];
  readonly redelivered: boolean;
  readonly epoch: number;
  ack(): void;
}

/**
 * Why a publication did not succeed.
 * `unknown`: no answer in time or the connection went; the message may be in the queue. `returned`: nothing is bound for its key.
 * `refused`: the broker said no (full queue). `stale`: its delivery's channel is gone, nothing was sent (R9). `down`: no connection, nothing was sent.
 */
export class PublishError extends Error {
  readonly kind: 'unknown' | 'returned' | 'refused' | 'stale' | 'down';
  constructor(kind: PublishError['kind'], message: string) {
    super(message);
    this.name = 'PublishError';
    this.kind = kind;
  }
}

export interface BusOptions {
  url: string; // amqp:// or amqps://; several hosts, separated by commas, are tried in turn
  name: string; // shown in the console's list of connections
  log: Log;
  metrics?: Pick<Metrics, 'broker' | 'reconnects'>;
  consume?: {
    queues: readonly string[];
    prefetch: number;
    ackAlone?: boolean;
    onDelivery: (delivery: Delivery) => void;
  };
  confirmTimeoutMs?: number; // default 5,000: after this the outcome is unknown and the pair of connections is made anew
  probeEveryMs?: number; // default 2,000; how soon an alarm is noticed when nothing is published
  maxUnconfirmed?: number; // default 512 messages; further ones wait
  backoffMs?: { first: number; most: number }; // default 100 and 5,000
  random?: () => number;
}

/** `up`: connected and confirmed lately. `blocked`: connected, but the broker takes nothing (alarm). `down`: not connected. */
export type BusState = 'up' | 'blocked' | 'down';
