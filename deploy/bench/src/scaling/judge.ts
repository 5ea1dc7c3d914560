import type { Sample } from './simulate.ts';
import type { Shape } from './shapes.ts';

/** What one run comes to. */
export interface Verdict {
  /** Oldest mail anywhere, seconds; and at which station. */
  oldestSeconds: number;
  oldestAt: string;
  mostWaiting: number; // mails in one queue
  mostPods: number; // of all stations together
  podMinutes: number;
  /**
   * Times a station took pods again within the hour after it had given some back, over all stations: at most 0 where the load does not
   * come again.
   */
  swings: number;
  /** Seconds from the end of the disturbance until no mail waits longer than a look; `undefined` when that never was. */
  calmSeconds: number | undefined;
  /** Mails that arrived and had not come to an end at the close. */
  left: number;
}

/** A station waits when its oldest mail is older than two looks of the autoscaler. */
const calmSecondsOfAge = 30;

export function judge(shape: Shape, samples: readonly Sample[]): Verdict {
  const names = Object.keys(samples[0]?.stations ?? {});
  let oldest = { seconds: 0, at: '' };
  let mostWaiting = 0;
  let calmAt = shape.calmAfter;
  for (const { at, stations } of samples) {
    for (const [name, { oldestSeconds, waiting }] of Object.entries(stations)) {
      if (oldestSeconds > oldest.seconds) oldest = { seconds: oldestSeconds, at: name };
      mostWaiting = Math.max(mostWaiting, waiting);
      if (oldestSeconds > calmSecondsOfAge) calmAt = Math.max(calmAt, at + 1);
    }
  }
  const pods = samples.map(({ stations }) => Object.values(stations).reduce((sum, one) => sum + one.pods, 0));
  return {
    oldestSeconds: oldest.seconds,
    oldestAt: oldest.at,
    mostWaiting: Math.round(mostWaiting),
    mostPods: Math.max(...pods),
    podMinutes: Math.round(pods.reduce((sum, one) => sum + one, 0) / 60),
    swings: names.reduce((sum, name) => sum + swingsOf(samples.map(({ stations }) => stations[name]?.pods ?? 0)), 0),
    calmSeconds: calmAt >= shape.seconds ? undefined : calmAt - shape.calmAfter,
    left: Math.round(samples.at(-1)?.waiting ?? 0),
  };
}

/** How often pods are taken again after some were given back. */
export function swingsOf(pods: readonly number[]): number {
  let swings = 0;
  let wentIn = false;
  for (const [at, now] of pods.entries()) {
    const before = pods[at - 1] ?? now;
    if (now < before) wentIn = true;
    if (now > before && wentIn) {
      swings += 1;
      wentIn = false;
    }
  }
  return swings;
}
