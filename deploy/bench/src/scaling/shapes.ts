/** From and to, seconds since the beginning. */
export type Span = readonly [from: number, to: number];

/** A load and what goes wrong meanwhile. */
export interface Shape {
  name: string;
  says: string;
  seconds: number;
  /** Mails that arrive in a second. */
  arrivals: (at: number) => number;
  /** Part of them for other servers, 0 to 1. */
  outward: number;
  /** Cores one pod gets: a quarter where nodes are shared fairly. */
  coresPerPod?: number;
  /** The directory does not answer; each lookup takes its whole timeout, and nobody is in the cache. */
  directoryDead?: Span;
  /** The other server takes `secondsPerMail` for a mail, and `mostPerSecond` in all, however many ask. */
  remote?: (at: number) => { secondsPerMail: number; mostPerSecond: number };
  /** One mail to a group. */
  group?: { at: number; members: number };
  /** All pods of a stage crash: nothing is taken, nothing is told. */
  down?: { stage: string; span: Span };
  /** When the last thing out of the ordinary is over: from then on the line must come to rest. */
  calmAfter: number;
}

const within = (at: number, [from, to]: Span) => at >= from && at < to;
/** A line from one rate to another. */
const ramp = (at: number, [from, to]: Span, low: number, high: number) =>
  at < from ? low : at >= to ? high : low + ((high - low) * (at - from)) / (to - from);

const remoteAtRest = { secondsPerMail: 0.1, mostPerSecond: 1_000 };

export const shapes: readonly Shape[] = [
  {
    name: 'spike',
    says: 'from 10 mails/s to 100 times as many for two minutes, with a tenth of a core for a pod',
    seconds: 1_800,
    arrivals: (at) => (within(at, [60, 180]) ? 1_000 : 10),
    outward: 0.2,
    coresPerPod: 0.1,
    calmAfter: 180,
  },
  {
    name: 'steady',
    says: 'up to 1,000 mails/s within five minutes, and so it stays',
    seconds: 2_400,
    arrivals: (at) => ramp(at, [60, 360], 10, 1_000),
    outward: 0.2,
    calmAfter: 360,
  },
  {
    name: 'starved',
    says: 'up to 1,000 mails/s, with a tenth of a core for a pod: less than its sure rate takes',
    seconds: 2_400,
    arrivals: (at) => ramp(at, [60, 360], 10, 1_000),
    outward: 0.2,
    coresPerPod: 0.1,
    calmAfter: 360,
  },
  {
    name: 'dead-directory',
    says: '200 mails/s, and the directory is silent for ten minutes',
    seconds: 2_700,
    arrivals: () => 200,
    outward: 0.2,
    directoryDead: [120, 720],
    calmAfter: 720,
  },
  {
    name: 'slow-remote',
    says: '200 mails/s, half of them for a server that takes 5 s a mail for ten minutes',
    seconds: 2_700,
    arrivals: () => 200,
    outward: 0.5,
    remote: (at) => (within(at, [120, 720]) ? { secondsPerMail: 5, mostPerSecond: 20 } : remoteAtRest),
    calmAfter: 720,
  },
  {
    name: 'huge-group',
    says: '50 mails/s, and one mail to a group of 500,000 members',
    seconds: 1_800,
    arrivals: () => 50,
    outward: 0.2,
    group: { at: 120, members: 500_000 },
    calmAfter: 120,
  },
  {
    name: 'dead-stage',
    says: '200 mails/s, and every pod of the mta crashes for five minutes and tells nothing',
    seconds: 1_800,
    arrivals: () => 200,
    outward: 0.2,
    down: { stage: 'mta', span: [120, 420] },
    calmAfter: 420,
  },
];

export const remoteOf = ({ remote }: Shape, at: number) => remote?.(at) ?? remoteAtRest;
export const isDown = ({ down }: Shape, stage: string, at: number) => down?.stage === stage && within(at, down.span);
export const isDirectoryDead = ({ directoryDead }: Shape, at: number) => directoryDead !== undefined && within(at, directoryDead);
