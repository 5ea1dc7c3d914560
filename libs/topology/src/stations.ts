import type { Lane } from '@mailrail/contracts';
import type { WayOut } from '@mailrail/organization';

/** One step of the line: the queue it is, who takes from it and where its mail may go. */
export interface Station {
  /** The step of the Inbound Message Transfer Process that puts mail here; 9 for the way back. Begins the queue's name. */
  readonly step: number;
  /** Service and role that consume it, `store-driver.submit`. */
  readonly takenBy: string;
  /** Stations its consumer publishes to, beside the side lanes every stage may use. `connector.*` is any connector, `mta.*` any gateway. */
  readonly leadsTo: readonly string[];
  readonly lanes: readonly Lane[];
  /**
   * Raised by one when the arguments of its queue change, which an existing queue cannot: then it is another queue, in the place of the
   * one before (docs/upgrading.md). Default 1.
   */
  readonly generation?: number;
  /** One line for the console page and the diagram. */
  readonly holds: string;
}

/** Every station. Nothing else in the repository declares a work queue. */
export const stations = {
  'gateway.in': {
    step: 1,
    takenBy: 'translator',
    leadsTo: ['mts-in'],
    lanes: ['normal'],
    holds: 'mail a gateway has made durable, still in the foreign system’s form',
  },
  'mts-in': {
    step: 2,
    takenBy: 'store-driver.submit',
    leadsTo: ['mta'],
    lanes: ['normal'],
    holds: 'Internet messages with mapped addresses',
  },
  mta: {
    step: 3,
    takenBy: 'mta',
    leadsTo: ['mta.smtp', 'mta.*'],
    lanes: ['normal'],
    holds: 'messages in the store, and what goes back to foreign systems, waiting for the MTA',
  },
  'mta.smtp': { step: 3, takenBy: 'store-driver.transfer', leadsTo: ['mts-out'], lanes: ['normal'], holds: 'the MTA’s SMTP queue' },
  'mts-out': {
    step: 4,
    takenBy: 'advanced-queuing.submit',
    leadsTo: ['aq.pre-categorization'],
    lanes: ['normal'],
    holds: 'messages in SMTP form, waiting for submission to Advanced Queuing',
  },
  'aq.pre-categorization': {
    step: 5,
    takenBy: 'categorizer',
    leadsTo: ['store.local-delivery', 'aq.post-categorization', 'mta', 'aq.pre-categorization'],
    lanes: ['normal'],
    holds: 'messages awaiting directory lookup',
  },
  'store.local-delivery': {
    step: 7,
    takenBy: 'store-driver.deliver',
    leadsTo: [],
    lanes: ['normal'],
    holds: 'messages for mailboxes here',
  },
  'aq.post-categorization': {
    step: 7,
    takenBy: 'router',
    leadsTo: ['connector.*'],
    lanes: ['normal'],
    holds: 'messages waiting to be routed',
  },
  'aq.reports': {
    step: 9,
    takenBy: 'advanced-queuing.report',
    leadsTo: ['mts-out'],
    lanes: ['normal'],
    holds: 'outcomes that a sender may have to be told of',
  },
} as const satisfies Record<string, Station>;

export type StationName = keyof typeof stations | `connector.${string}` | `mta.${string}`;

/** The station of one connector of the organization file. */
export function connectorStation(name: string): `connector.${string}` {
  return `connector.${name}`;
}

/** The station of one folder gateway that has something behind it. */
export function gatewayStation(name: string): `mta.${string}` {
  return `mta.${name}`;
}

/** Whether a station is that of a gateway: one of the MTA's queues, and not the one for SMTP. */
export function isGatewayStation(station: string): boolean {
  return station.startsWith('mta.') && !Object.hasOwn(stations, station);
}

/** The stations an entry of `leadsTo` means, of those there are. */
export function targetsOf(target: string, names: readonly string[]): readonly string[] {
  if (target === 'connector.*') return names.filter((name) => name.startsWith('connector.'));
  return target === 'mta.*' ? names.filter(isGatewayStation) : [target];
}

/** The station of a way out of the line, by its row. */
export function wayOutStation({ name, kind }: WayOut): StationName {
  return kind === 'foreign' ? gatewayStation(name) : connectorStation(name);
}

/** The station of a way out, as data; the queue is `8.connector.<name>`, or `3.mta.<name>` for what lies behind a gateway. */
export function stationOfWayOut({ name, kind }: WayOut): Station {
  if (kind === 'foreign') {
    return {
      step: 3,
      takenBy: `connectors/foreign.${name}`,
      leadsTo: [],
      lanes: ['normal'],
      holds: `messages for the foreign system behind gateway ${name}`,
    };
  }
  return {
    step: 8,
    takenBy: `connectors/${kind}.${name}`,
    leadsTo: ['aq.post-categorization'],
    lanes: ['normal'],
    holds: `messages for the next hops of connector ${name}`,
  };
}

/** The rungs of the retry ladder, shared by all stages: name and wait. */
export const ladder = [
  { name: '1s', waitMs: 1_000 },
  { name: '10s', waitMs: 10_000 },
  { name: '1m', waitMs: 60_000 },
  { name: '10m', waitMs: 600_000 },
  { name: '15m', waitMs: 900_000 },
  { name: '1h', waitMs: 3_600_000 },
] as const satisfies readonly Rung[];
export interface Rung {
  readonly name: string;
  readonly waitMs: number;
}

/** Exchanges: publishers know `mail` alone; the rest is plumbing. */
export const exchanges = {
  mail: 'mail', // topic, keyed by station
  return: 'return', // headers, by `return-to`: where rungs dead-letter to (R11)
  control: 'control', // fanout: marks, reloads
  tracking: 'tracking', // topic, transient
  probe: 'probe', // fanout, never bound: finds an alarm before a client does
  unrouted: 'unrouted', // fanout, the alternate of `return`
} as const;

/** The lane a mail goes by at a station: its own, where the station has it. */
export function laneAt(station: string, lane: Lane): Lane {
  const lanes: readonly Lane[] = Object.entries(stations).find(([name]) => name === station)?.[1].lanes ?? ['normal'];
  return lanes.includes(lane) ? lane : 'normal';
}

/** The queue of a station: `5.aq.pre-categorization`, `5.aq.pre-categorization.high`. */
export function queueName(station: string, lane: Lane = 'normal'): string {
  return queueOf(station, stationOf(station), lane);
}

/** The same for a station given as data. A later generation says so at the end: `5.aq.pre-categorization.g2`. */
export function queueOf(
  name: string,
  station: Pick<Station, 'step' | 'generation'>,
  lane: Lane,
  generation = station.generation ?? 1,
): string {
  return `${station.step}.${name}${lane === 'normal' ? '' : `.${lane}`}${generation > 1 ? `.g${generation}` : ''}`;
}

function stationOf(name: string): Pick<Station, 'step' | 'generation'> {
  const known: Readonly<Record<string, Station>> = stations;
  const found = name.startsWith('connector.') ? { step: 8 } : isGatewayStation(name) ? { step: 3 } : known[name];
  if (found === undefined) throw new RangeError(`no station ${name}`);
  return found;
}

/** The key a station's mail is published with on exchange `mail`. */
export function routingKey(station: string, lane: Lane = 'normal'): string {
  return lane === 'normal' ? station : `${station}.${lane}`;
}

/** One for all generations: what is parked stays where it is. */
export function badmailQueue(station: string): string {
  return `${stationOf(station).step}.${station}.badmail`;
}
/** The key the broker dead-letters a station's mail with. It leads to `deadLetters`: what the broker gave up is not parked yet. */
export function badmailKey(station: string): string {
  return `${station}.badmail`;
}
/** Every such key, as a binding of a topic exchange says it. */
export const anyBadmailKey = '#.badmail';
/** The key that leads into the badmail lane of a station: what is published with it has a reason, and its body is pinned (R13). */
export function parkedKey(station: string): string {
  return `${station}.parked`;
}
/** Queue of what the broker gave up, of all stations: Advanced Queuing parks it (R13). */
export const deadLetters = 'dead-letters';

/** The station whose work queue has this name, in whatever lane and generation; undefined for any other queue. */
export function stationOfQueue(queue: string): string | undefined {
  const name = /^\d+\.(.+?)(?:\.g\d+)?$/.exec(queue)?.[1];
  if (name === undefined || name.endsWith('.badmail')) return undefined;
  if (name.startsWith('connector.') || isGatewayStation(name)) return name;
  return Object.entries(stations).find(([station, { lanes }]) => lanes.some((lane) => routingKey(station, lane) === name))?.[0];
}
export function rungQueue(name: string): string {
  return `retry.${name}`;
}
