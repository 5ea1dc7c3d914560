import { badmailQueue, queueName, stationOfConnector, stations } from '@mailrail/topology';

/** What Prometheus is asked. Metrics of stages are declared in libs/telemetry, those of queues come from the broker itself. */

/** Queues of a station: one for each lane. */
export function queuesOf(station: string): string[] {
  const known = Object.entries(stations).find(([name]) => name === station)?.[1];
  const { lanes } = known ?? stationOfConnector(station.replace(/^connector\./, ''), 'smtp');
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

/** Mails in a bag of late, 1 to 16, as the stage found them; 1 while it finds none. */
function meanBag(stage: string): string {
  const rate = (metric: string) => `sum(rate(${metric}{stage="${stage}"}[5m]))`;
  return `(clamp_max(${rate('mailrail_mails_handled_total')} / ${rate('mailrail_queue_wait_seconds_count')}, 16) >= 1 or vector(1))`;
}

/** Mails at a station: ready and in hand, bags times mails in a bag (B8). */
export function mails(station: string, stage: string): string {
  return `${bags(station)} * ${meanBag(stage)}`;
}

/**
 * Seconds the oldest mail taken last had waited. What comes back from the retry ladder brings the age of its wait along, so it
 * counts only where a queue really stands.
 *
 * @param above bags that must be waiting for the age to count.
 */
export function oldestAge(station: string, stage: string, above: number, scope: Scope): string {
  return `${over('max', scope)}(mailrail_oldest_taken_age_seconds{stage="${stage}"}) * (${bagsReady(station, scope)} > bool ${above})`;
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
