import { ladder, rungQueue } from '@mailrail/topology';

const rungWaitMs = new Map<unknown, number>(ladder.map(({ name, waitMs }) => [rungQueue(name), waitMs]));

/**
 * Since when a message has been waiting for its stage, milliseconds since the epoch: its publication, and for one that came back
 * from the retry ladder the end of its wait there, which is no delay of the stage's.
 *
 * @param headers of the delivery; the broker says in `x-death` which rung it came from, newest first.
 * @returns `undefined` when nobody stamped it (a person published it by hand).
 */
export function sentAtMs(headers: Readonly<Record<string, unknown>> | undefined): number | undefined {
  const sentAt = Number(headers?.['sent-at-ms'] ?? Number.NaN);
  if (!Number.isFinite(sentAt)) return undefined;
  const deaths: unknown = headers?.['x-death'];
  if (!Array.isArray(deaths)) return sentAt;
  const [last]: unknown[] = deaths;
  const rung = typeof last === 'object' && last !== null && 'queue' in last ? last.queue : undefined;
  return sentAt + (rungWaitMs.get(rung) ?? 0);
}
