import { isGatewayStation } from './stations.ts';

/** What is known of a station when its pods are counted anew. `undefined` is "nobody says", which is not 0. */
export interface StationReading {
  /** Pods that run or are starting. */
  pods: number;
  /** Bags nobody has taken, and bags taken and not yet acknowledged, by the broker's own count: a dead stage counts nothing. */
  bagsReady: number | undefined;
  bagsInHand: number | undefined;
  /** Mails in a bag of late, as the stage found them. */
  meanBag: number | undefined;
  /** Mails that others published to the station in a second, over a minute; they say so even when its own stage is dead. */
  comingPerSecond: number | undefined;
  /** Mails its pods decided on in a second, all together, over a minute: with what comes back from the ladder. */
  takenPerSecond: number | undefined;
  /** Age of the oldest mail in hand, as the stage says. */
  oldestSeconds: number | undefined;
}

/** What pods of one station are counted by. */
export interface ScalingTarget {
  /** Mails one pod takes in a second for sure: about half of what was measured for a quarter of a core. Too low costs a pod more. */
  mailsPerSecond: number;
  /** Within this a line that keeps up takes each mail. */
  ageSeconds: number;
  minPods: number; // 2: one may go at any time. Never 0: without a consumer the sweeper stands still (R13)
  maxPods: number;
}

/** What is the same for all stations. */
export const scaling = {
  /** Bags waiting that are no backlog yet: less than what one pod takes at once. */
  fewBags: 16,
  /** Mails in a bag where no stage says. */
  usualBag: 4,
  mostInBag: 16, // B1
  /** The age asks for at most so many times the pods at one look: while an old backlog is worked off, its age stays high. */
  mostByAge: 2,
  /** Part of its sure rate that a pod is to be kept at; the rest takes what comes in bursts. */
  busy: 0.8,
  /** Asking for a tenth more or less than there is changes nothing. */
  tolerance: 0.1,
  /** Thousandths of a core in which a pod takes its sure rate, as the bench measured: what it must be able to get. */
  cpuMillicores: 150,
} as const;

/** How fast pods come and go, in the terms of a HorizontalPodAutoscaler. */
export const scalingPace = {
  lookEverySeconds: 15,
  /** Out: at most as many again, or two, whichever is more. */
  out: { percent: 100, pods: 2, everySeconds: 30 },
  /** In: one at a time and only when nothing in the last minutes asked for more. A pod drains for up to 20 s (its grace period is 30 s). */
  in: { afterSeconds: 300, pods: 1, everySeconds: 60 },
} as const;

const usual: ScalingTarget = { mailsPerSecond: 400, ageSeconds: 30, minPods: 2, maxPods: 10 };

const special: Readonly<Record<string, Partial<ScalingTarget>>> = {
  'aq.pre-categorization': { mailsPerSecond: 300 }, // a recipient nobody has looked up yet costs more
  'store.local-delivery': { mailsPerSecond: 300 },
  'aq.reports': { mailsPerSecond: 100, maxPods: 4 },
};

/**
 * Another server is not made faster by more of ours: patience, and few pods. The rate is that of 20 sessions (the default of a
 * connector) at 0.4 s a mail.
 */
const connector: ScalingTarget = { ...usual, mailsPerSecond: 50, ageSeconds: 120, maxPods: 6 };

/** Two write into one folder without meeting, and a foreign system takes files one by one: more would only make OUT longer. */
const gateway: ScalingTarget = { ...connector, maxPods: 2 };

/** By what a station's pods are counted. Any name of a station, `connector.<name>` and `mta.<gateway>` too. */
export function scalingTarget(station: string): ScalingTarget {
  if (isGatewayStation(station)) return gateway;
  return station.startsWith('connector.') ? connector : { ...usual, ...special[station] };
}

/** What one look asks for, term by term; whole pods, not yet bounded. */
export interface PodsAsked {
  /** That what is here is taken within the target: mails against mails per second and pod (B8). */
  byMails: number;
  /** That what comes is taken as it comes. */
  byRate: number;
  /** That a mail which is too old, though it should not be by its rate, is helped (B8); while anything waits, those there are. */
  byAge: number;
}

/**
 * How many pods a station needs: rule B8, `max(oldest age, mails / (mails per second and pod))`, with mails as bags times mails in
 * a bag, and the rate at which they come beside them: without it a line at a steady load has no backlog, gives its pods back, and
 * gets one; and one that is hit by ten times its load waits for a backlog first (docs/scaling.md).
 *
 * Each term is what triggers of an autoscaler say, so that a HorizontalPodAutoscaler comes to the same result: `byMails` and
 * `byRate` are averages over pods, `byAge` is a ratio to the pods there are.
 *
 * Pods are given back when the queue is drained, and not before: while bags wait, `byAge` is at least the pods there are. When the
 * broker says nothing, nothing is known, and they stay.
 */
export function podsAsked(reading: StationReading, target: ScalingTarget): PodsAsked {
  const { pods, bagsReady, bagsInHand = 0, meanBag = scaling.usualBag, oldestSeconds = 0 } = reading;
  const perSecond = Math.max(reading.comingPerSecond ?? 0, reading.takenPerSecond ?? 0);
  const mails = ((bagsReady ?? 0) + bagsInHand) * Math.min(scaling.mostInBag, Math.max(1, meanBag));
  const ratio = Math.min(scaling.mostByAge, Math.max(1, oldestSeconds / target.ageSeconds));
  const waits = bagsReady !== undefined && bagsReady > scaling.fewBags;
  return {
    byMails: whole(mails / (target.mailsPerSecond * target.ageSeconds), pods),
    byRate: whole(perSecond / (target.mailsPerSecond * scaling.busy), pods),
    byAge: waits ? whole(pods * ratio, pods) : bagsReady === undefined ? pods : 0,
  };
}

/** Pods a station is to have: what the largest term asks for, within its bounds, never none. */
export function desiredPods(reading: StationReading, target: ScalingTarget): number {
  const { byMails, byRate, byAge } = podsAsked(reading, target);
  return Math.min(Math.max(1, target.maxPods), Math.max(1, target.minPods, byMails, byRate, byAge));
}

/** Whole pods; those there are when it is hardly more or less. */
function whole(asked: number, pods: number): number {
  if (pods > 0 && Math.abs(asked / pods - 1) <= scaling.tolerance) return pods;
  return Math.ceil(asked);
}

/** One look at a station: what it asked for, and the pods there were. */
export interface Look {
  atSeconds: number;
  asked: number;
  pods: number;
}

/**
 * Pods after this look, by the pace: out at once but not all at once; in one at a time, when nothing asked for more in the last
 * minutes. What a HorizontalPodAutoscaler does with `scalingPace`.
 *
 * @param looks earlier ones, oldest first; those older than five minutes do not matter.
 * @param now what this look asked for, and the pods there are.
 */
export function nextPods(looks: readonly Look[], { atSeconds, asked, pods }: Look): number {
  const { out, in: inward } = scalingPace;
  // The fewest and the most pods within the period that a step is counted over.
  const since = (seconds: number) => [pods, ...looks.filter((one) => one.atSeconds > atSeconds - seconds).map((one) => one.pods)];
  if (asked > pods) {
    const before = Math.min(...since(out.everySeconds));
    return Math.max(pods, Math.min(asked, Math.max(before * (1 + out.percent / 100), before + out.pods)));
  }
  const lately = looks.filter((one) => one.atSeconds > atSeconds - inward.afterSeconds).map((one) => one.asked);
  const least = Math.max(asked, ...lately);
  if (least >= pods) return pods;
  const before = Math.max(...since(inward.everySeconds));
  return Math.min(pods, Math.max(least, before - inward.pods));
}
