import type { Arrival } from './arrivals.ts';
import type { LoadResult } from './generator/job.ts';
import type { Latency, Repetition } from './repetition.ts';
import { percentile } from './statistics.ts';

/**
 * Rates and latencies of one repetition.
 *
 * @param seenAt monotonic ms at which a watcher saw a file, by `<place>/<name>`; without it the time of the file counts.
 */
export function figures(
  result: LoadResult,
  arrivals: readonly Arrival[],
  seenAt?: ReadonlyMap<string, number>,
): Pick<Repetition, 'startedAt' | 'accepted' | 'arrived' | 'seconds' | 'perSecond' | 'acceptedPerSecond' | 'replyMs' | 'deliveryMs'> {
  const arrivedAt = ({ place, name, atMs }: Arrival) => seenAt?.get(`${place}/${name}`) ?? atMs - result.epochOffsetMs;
  const reply: number[] = [];
  let lastAcceptedAt = result.startedAt;
  for (const [number, at] of result.acceptedAt.entries()) {
    if (at === 0) continue; // no 250
    reply.push(at - (result.dotAt[number] ?? at));
    lastAcceptedAt = Math.max(lastAcceptedAt, at);
  }
  const delivery: number[] = [];
  let lastArrivedAt = result.startedAt;
  for (const arrival of arrivals) {
    const at = arrivedAt(arrival);
    const acceptedAt = result.acceptedAt[arrival.number] ?? 0;
    lastArrivedAt = Math.max(lastArrivedAt, at);
    if (acceptedAt > 0) delivery.push(at - acceptedAt);
  }
  const seconds = (lastArrivedAt - result.startedAt) / 1_000;
  const acceptedIn = (lastAcceptedAt - result.startedAt) / 1_000;
  return {
    startedAt: result.startedAt,
    accepted: reply.length,
    arrived: arrivals.length,
    seconds,
    perSecond: seconds > 0 ? arrivals.length / seconds : 0,
    acceptedPerSecond: reply.length > 1 ? reply.length / acceptedIn : undefined,
    replyMs: latency(reply),
    deliveryMs: latency(delivery),
  };
}

/** `undefined` for no values. */
export function latency(valuesMs: readonly number[]): Latency | undefined {
  const [p50, p99, max] = [percentile(valuesMs, 0.5), percentile(valuesMs, 0.99), percentile(valuesMs, 1)];
  return p50 === undefined || p99 === undefined || max === undefined ? undefined : { p50, p99, max };
}
