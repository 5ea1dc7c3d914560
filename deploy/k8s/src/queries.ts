import { badmailQueue, isGatewayStation, queueName, scaling, stationOfWayOut, stations } from '@mailrail/topology';

/** What Prometheus is asked. Metrics of stages are declared in libs/telemetry, those of queues come from the broker itself. */

/** Queues of a station: one for each lane. */
export function queuesOf(station: string): string[] {
  const known = Object.entries(stations).find(([name]) => name === station)?.[1];
  const { lanes } =
    known ?? stationOfWayOut({ name: station.replace(/^(?:connector|mta)\./, ''), kind: isGatewayStation(station) ? 'foreign' : 'smtp' });
  return lanes.map((lane) => queueName(station, lane));
}

/** Selector of queues by name. Prometheus matches whole values, and a dot is any character. */
function among(queues: readonly string[]): string {
  return `queue=~"${queues.map((queue) => queue.replaceAll('.', '\\\\.')).join('|')}"`;
}

/** A sum over one line; with `apart`, over each of several lines that one Prometheus watches, which have a namespace each. */
export type Scope = 'together' | 'apart';
const over = (aggregate: 'sum' | 'max', scope: Scope) => (scope === 'apart' ? `${aggregate} by (namespace) ` : aggregate);

/** Bags in the station's queues that nobody has taken. */
export function bagsReady(station: string, scope: Scope): string {
  return `${over('sum', scope)}(rabbitmq_detailed_queue_messages_ready{${among(queuesOf(station))}})`;
}

/** Bags in the station's queues, taken ones included. The broker's own count: a dead stage counts nothing. */
export function bags(station: string): string {
  return `sum(rabbitmq_detailed_queue_messages{${among(queuesOf(station))}})`;
}

/** Mails in a bag of late, 1 to 16, as the stage found them; the usual bag while it finds none: 0 / 0 is no number, and not >= 1. */
function meanBag(stage: string): string {
  const rate = (part: string) => `sum(rate(mailrail_taken_bag_mails_${part}{stage="${stage}"}[5m]))`;
  return `(clamp_max(${rate('sum')} / ${rate('count')}, ${scaling.mostInBag}) >= 1 or vector(${scaling.usualBag}))`;
}

/** Mails at a station: ready and in hand, bags times mails in a bag (B8). */
export function mails(station: string, stage: string): string {
  return `${bags(station)} * ${meanBag(stage)}`;
}

/**
 * Mails a second at a station: the larger of what others hand on to it and of what its pods decide on, which counts those from the
 * retry ladder. Who says nothing counts nothing; a dead stage does not hide what comes.
 */
export function mailsPerSecond(station: string, stage: string): string {
  const rate = (is: string, metric: string, label: string, value: string) =>
    `label_replace(sum(rate(${metric}{${label}="${value}"}[1m])), "is", "${is}", "", "")`;
  const coming = rate('coming', 'mailrail_mails_published_total', 'station', station);
  const taken = rate('taken', 'mailrail_mails_handled_total', 'stage', stage);
  return `max(${coming} or ${taken} or vector(0))`;
}

/**
 * Seconds the oldest mail in hand is old, for the autoscaler: at least the target, so that nobody is sent away while bags wait, at
 * most twice as much, since the age stays high while an old backlog is worked off. 0 while hardly a bag waits.
 */
export function ageOfBacklog(station: string, stage: string, targetSeconds: number): string {
  const oldest = `max(mailrail_oldest_taken_age_seconds{stage="${stage}"}) or vector(${targetSeconds})`;
  const waits = `${bagsReady(station, 'together')} > bool ${scaling.fewBags}`;
  return `clamp(${oldest}, ${targetSeconds}, ${targetSeconds * scaling.mostByAge}) * (${waits})`;
}

/** Seconds the oldest mail in hand is old, for people: of each line, and only where bags wait behind it. */
export function oldestAge(station: string, stage: string): string {
  const waits = `${bagsReady(station, 'apart')} > bool 0`;
  return `${over('max', 'apart')}(mailrail_oldest_taken_age_seconds{stage="${stage}"}) * (${waits})`;
}

export function badmail(station: string): string {
  return `sum by (namespace) (rabbitmq_detailed_queue_messages{${among([badmailQueue(station)])}})`;
}

export function consumers(station: string): string {
  return `sum by (namespace) (rabbitmq_detailed_queue_consumers{${among(queuesOf(station))}})`;
}

export function messagesIn(queue: string): string {
  return `sum by (namespace) (rabbitmq_detailed_queue_messages{${among([queue])}})`;
}
