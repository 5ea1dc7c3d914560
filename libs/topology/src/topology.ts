import type { WayOut } from '@mailrail/organization';
import {
  anyBadmailKey,
  badmailKey,
  badmailQueue,
  deadLetters,
  exchanges,
  ladder,
  parkedKey,
  queueOf,
  routingKey,
  rungQueue,
  type Station,
  stationOfWayOut,
  stations,
  wayOutStation,
} from './stations.ts';

export interface ExchangeSpec {
  name: string;
  type: 'topic' | 'fanout' | 'headers';
  arguments: Record<string, string>;
}
export interface QueueSpec {
  name: string;
  /** The queue in whose place this one is; what is bound to this one is bound to that one no more. */
  replaces?: string;
  arguments: Record<string, string | number>;
}
export interface BindingSpec {
  source: string;
  queue: string;
  key: string;
  arguments: Record<string, string>;
}
/** Everything a line needs on its broker, derived from the stations and the organization's ways out. */
export interface Topology {
  stations: Record<string, Station>;
  exchanges: ExchangeSpec[];
  queues: QueueSpec[];
  bindings: BindingSpec[];
  /** Bindings of earlier releases that must not be there any more. */
  retiredBindings: BindingSpec[];
}

/**
 * Looking must not change a mail's fate: the delivery limit is far above what any number of peeks reaches, and whatever passes it
 * goes to Advanced Queuing, which parks it in a lane where a person finds it, at least once (R6, R13). `reject-publish` is what makes at-least-once take effect.
 */
const broker = { deliveryLimit: 1_000, parkedDeliveryLimit: 1_000_000 } as const;

function quorum(deadLetterKey: string, deliveryLimit: number): QueueSpec['arguments'] {
  return {
    'x-queue-type': 'quorum',
    'x-delivery-limit': deliveryLimit,
    'x-dead-letter-exchange': exchanges.mail,
    'x-dead-letter-routing-key': deadLetterKey,
    'x-dead-letter-strategy': 'at-least-once',
    'x-overflow': 'reject-publish',
  };
}

/**
 * Derives exchanges, queues and bindings. The order is the order of declaration: targets before what dead-letters into them.
 *
 * @param ways out of the line, as `waysOut` of libs/organization gives them. @param line the stations without them; another release's, for what concerns two of them.
 */
export function topologyOf(ways: readonly WayOut[], line: Readonly<Record<string, Station>> = stations): Topology {
  const all: Record<string, Station> = { ...line };
  for (const way of ways) all[wayOutStation(way)] = stationOfWayOut(way);

  const queues: QueueSpec[] = [{ name: exchanges.unrouted, arguments: { 'x-queue-type': 'quorum' } }];
  const bindings: BindingSpec[] = [
    { source: exchanges.unrouted, queue: exchanges.unrouted, key: '', arguments: {} },
    { source: exchanges.mail, queue: exchanges.unrouted, key: exchanges.unrouted, arguments: {} },
    { source: exchanges.mail, queue: deadLetters, key: anyBadmailKey, arguments: {} },
    { source: exchanges.mail, queue: 'hold', key: 'hold', arguments: {} },
  ];
  const retiredBindings: BindingSpec[] = [];
  queues.push({ name: deadLetters, arguments: quorum(exchanges.unrouted, broker.parkedDeliveryLimit) });
  queues.push({ name: 'hold', arguments: quorum(exchanges.unrouted, broker.parkedDeliveryLimit) });
  for (const [name, station] of Object.entries(all)) {
    queues.push({ name: badmailQueue(name), arguments: quorum(exchanges.unrouted, broker.parkedDeliveryLimit) });
    bindings.push({ source: exchanges.mail, queue: badmailQueue(name), key: parkedKey(name), arguments: {} });
    retiredBindings.push({ source: exchanges.mail, queue: badmailQueue(name), key: badmailKey(name), arguments: {} });
    for (const lane of station.lanes) {
      const queue = queueOf(name, station, lane);
      const generation = station.generation ?? 1;
      const replaces = generation > 1 ? { replaces: queueOf(name, station, lane, generation - 1) } : {};
      const key = routingKey(name, lane);
      queues.push({ name: queue, ...replaces, arguments: quorum(badmailKey(name), broker.deliveryLimit) });
      bindings.push({ source: exchanges.mail, queue, key, arguments: {} });
      bindings.push({ source: exchanges.return, queue, key: '', arguments: { 'x-match': 'all', 'return-to': key } });
    }
  }
  for (const rung of ladder) {
    queues.push({
      name: rungQueue(rung.name),
      arguments: {
        'x-queue-type': 'quorum',
        'x-message-ttl': rung.waitMs,
        'x-dead-letter-exchange': exchanges.return,
        'x-dead-letter-strategy': 'at-least-once',
        'x-overflow': 'reject-publish',
      },
    });
    bindings.push({ source: exchanges.mail, queue: rungQueue(rung.name), key: rungQueue(rung.name), arguments: {} });
  }
  return {
    stations: all,
    exchanges: [
      { name: exchanges.unrouted, type: 'fanout', arguments: {} },
      { name: exchanges.mail, type: 'topic', arguments: {} },
      { name: exchanges.return, type: 'headers', arguments: { 'alternate-exchange': exchanges.unrouted } },
      { name: exchanges.control, type: 'fanout', arguments: {} },
      { name: exchanges.tracking, type: 'topic', arguments: {} },
      { name: exchanges.probe, type: 'fanout', arguments: {} },
    ],
    queues,
    bindings,
    retiredBindings,
  };
}

/** The same as a document that RabbitMQ loads at boot (`load_definitions`) or takes at `POST /api/definitions`. */
export function definitionsOf(topology: Topology, vhost = '/'): object {
  return {
    vhosts: [{ name: vhost }],
    exchanges: topology.exchanges.map((one) => ({
      name: one.name,
      vhost,
      type: one.type,
      durable: true,
      auto_delete: false,
      internal: false,
      arguments: one.arguments,
    })),
    queues: topology.queues.map((one) => ({ name: one.name, vhost, durable: true, auto_delete: false, arguments: one.arguments })),
    bindings: topology.bindings.map((one) => ({
      source: one.source,
      vhost,
      destination: one.queue,
      destination_type: 'queue',
      routing_key: one.key,
      arguments: one.arguments,
    })),
  };
}
