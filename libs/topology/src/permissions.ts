import {
  badmailKey,
  badmailQueue,
  deadLetters,
  exchanges,
  ladder,
  parkedKey,
  queueName,
  routingKey,
  rungQueue,
  stations,
  targetsOf,
} from './stations.ts';
import type { Topology } from './topology.ts';

/** What the broker lets one service do (S8). Topic permissions limit the keys it may write, which plain permissions cannot. */
export interface Permission {
  user: string;
  configure: string;
  write: string;
  read: string;
  topicWrite: string; // on exchange `mail`
  topicRead: string;
}

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const anyOf = (names: readonly string[]) => (names.length === 0 ? '^$' : `^(${names.map(escape).join('|')})$`);

/** One row per consumer of a station, one for the gateway, which consumes none. Declaring is the topology command's own right. */
export function permissionsOf(topology: Topology): Permission[] {
  const writes = [exchanges.mail, exchanges.tracking, exchanges.probe];
  const side = [...ladder.map((rung) => rungQueue(rung.name)), 'hold', 'aq.reports'];
  const parked = Object.keys(topology.stations).map(parkedKey);
  const names = Object.keys(topology.stations);
  const rows: Permission[] = [
    {
      user: 'gateway',
      configure: '^$',
      write: anyOf(writes),
      read: '^$',
      topicWrite: anyOf(['gateway.in', 'mts-out']),
      topicRead: '^$',
    },
  ];
  for (const [name, station] of Object.entries(topology.stations)) {
    const targets = station.leadsTo.flatMap((target) => targetsOf(target, names));
    const keys = targets.flatMap((target) =>
      (topology.stations[target]?.lanes ?? stations.mta.lanes).map((lane) => routingKey(target, lane)),
    );
    const parks = name === 'aq.reports'; // what the broker gave up, of every station (R13)
    rows.push({
      user: station.takenBy,
      configure: '^$',
      write: anyOf(writes),
      read: anyOf([...station.lanes.map((lane) => queueName(name, lane)), badmailQueue(name), ...(parks ? [deadLetters] : [])]),
      // A release before parked with the key the broker dead-letters with; both work while a line is upgraded.
      topicWrite: anyOf([...new Set([...keys, ...side, badmailKey(name), ...(parks ? parked : [parkedKey(name)])])]),
      topicRead: '^$',
    });
  }
  return rows;
}
