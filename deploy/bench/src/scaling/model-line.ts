import { connectorStation, type Station, stationOfWayOut, stations } from '@mailrail/topology';
import type { Costs } from './costs.ts';
import { ModelStation, type Parcel } from './model-station.ts';
import { isDirectoryDead, isDown, remoteOf, type Shape } from './shapes.ts';

const connectorName = 'internet';
const sessionsPerPod = 20; // a connector's default
const handlersPerPod = 256; // B3
const lookupTimeoutSeconds = 2;
const ladderSeconds = [1, 10, 60, 600]; // of the internal ladder; the last repeats
const chunk = 100; // members (R14)
const gatewayPods = 2;

/** Mails in a bag that a pod publishes at a rate: those of a gap that grows with the rate, to 25 ms (at a gateway 4). */
export function bagAt(mailsPerSecond: number, maxGapMs = 25): number {
  return Math.min(16, Math.max(1, (mailsPerSecond * Math.min(maxGapMs, mailsPerSecond / 16)) / 1_000));
}

/**
 * The line as a fluid, a second a step: stations with queues, in the order of the process, and pods that take as many mails as
 * their share of a core, their sessions or the directory let them.
 */
export class ModelLine {
  readonly stations: readonly ModelStation[];
  readonly #byName: ReadonlyMap<string, ModelStation>;
  readonly #shape: Shape;
  readonly #costs: Costs;
  readonly #ladder = new Map<number, Parcel[]>(); // by the second they come back in
  #walkMsLeft = 0; // a large group is walked by one pod (R14)
  #cpuMs = 0;

  constructor(shape: Shape, costs: Costs, podsOf: (station: string) => number) {
    this.#shape = shape;
    this.#costs = costs;
    const connector = connectorStation(connectorName);
    const rows = [...Object.entries(stations), [connector, stationOfWayOut({ name: connectorName, kind: 'smtp' })] as const];
    this.stations = rows
      .filter(([name]) => name !== 'aq.reports')
      .map(([name, { takenBy }]) => new ModelStation(name, takenBy, podsOf(name)));
    this.#byName = new Map(this.stations.map((one) => [one.name, one]));
  }

  /** Mails on their way, in queues and in the ladder; a group that is walked counts as one. */
  get waiting(): number {
    const inQueues = this.stations.reduce((sum, one) => sum + one.waiting, 0);
    let inLadder = 0;
    for (const parcels of this.#ladder.values()) for (const { mails } of parcels) inLadder += mails;
    return inQueues + inLadder + (this.#walkMsLeft > 0 ? 1 : 0);
  }
  /** CPU of the stages so far, seconds. */
  get cpuSeconds(): number {
    return this.#cpuMs / 1_000;
  }

  /** One second. @returns mails that came to an end in it: delivered or handed over. */
  step(at: number): number {
    this.#arrive(at);
    let ended = 0;
    // From the end of the process to its beginning, so that a mail passes one station a step.
    for (const station of this.stations.toReversed()) ended += this.#work(station, at);
    return ended;
  }

  #arrive(at: number): void {
    const { arrivals, outward, group } = this.#shape;
    const mails = arrivals(at);
    const bag = bagAt(mails / gatewayPods, 4);
    const of = (kind: Parcel['kind'], part: number) => this.#put('gateway.in', { sentAt: at, mails: mails * part, bag, kind, attempt: 1 });
    of('local', 1 - outward);
    of('outward', outward);
    // The first steps of one mail take no time that is seen here.
    if (group?.at === at) this.#walkMsLeft += group.members * (this.#costs.recipientMs['categorizer'] ?? 0);
    for (const parcel of this.#ladder.get(at) ?? []) this.#byName.get('aq.pre-categorization')?.putBack({ ...parcel, sentAt: at });
    this.#ladder.delete(at);
  }

  #work(station: ModelStation, at: number): number {
    const { name, stage } = station;
    const pods = isDown(this.#shape, stage, at) ? 0 : station.podsReady(at);
    const coreMs = (this.#shape.coresPerPod ?? 0.25) * 1_000;
    let capacityMs = pods * coreMs;
    if (name === 'aq.pre-categorization') capacityMs -= this.#walk(pods > 0 ? Math.min(coreMs, capacityMs) : 0, at, pods);
    // Whatever else limits the stage is a cost of its own: the share of a second that one mail takes of all places.
    const directoryDead = name === 'aq.pre-categorization' && isDirectoryDead(this.#shape, at);
    const mostMails = directoryDead ? (pods * handlersPerPod) / lookupTimeoutSeconds : this.#mostMails(name, pods, at);
    const { taken, used } = station.take(capacityMs, (parcel) => Math.max(this.#costMs(stage, parcel), capacityMs / mostMails));
    station.tick(taken);
    this.#cpuMs += Math.min(
      used,
      taken.reduce((sum, parcel) => sum + parcel.mails * this.#costMs(stage, parcel), 0),
    );
    if (directoryDead) return this.#wait(taken, at);
    const next = nextOf(name);
    if (next === undefined) return taken.reduce((sum, { mails }) => sum + mails, 0);
    const total = taken.reduce((sum, { mails }) => sum + mails, 0);
    const bag = bagAt(total / Math.max(1, pods));
    for (const parcel of taken) this.#put(next(parcel), { ...parcel, sentAt: at, bag, attempt: 1 });
    return 0;
  }

  /** A connector's sessions, and what the other server takes at all. */
  #mostMails(name: string, pods: number, at: number): number {
    if (!name.startsWith('connector.')) return Number.POSITIVE_INFINITY;
    const { secondsPerMail, mostPerSecond } = remoteOf(this.#shape, at);
    return Math.min((pods * sessionsPerPod) / secondsPerMail, mostPerSecond);
  }

  /** Nobody answered: to the ladder, one mail a message. */
  #wait(taken: readonly Parcel[], at: number): number {
    for (const parcel of taken) {
      const seconds = ladderSeconds[Math.min(parcel.attempt, ladderSeconds.length) - 1] ?? 1;
      const dueAt = at + lookupTimeoutSeconds + seconds;
      const again = { ...parcel, attempt: parcel.attempt + 1, bag: 1 };
      this.#ladder.set(dueAt, [...(this.#ladder.get(dueAt) ?? []), again]);
    }
    return 0;
  }

  /** One pod goes on with the group; at the end its members go on in chunks, for all pods. @returns ms it used */
  #walk(mostMs: number, at: number, pods: number): number {
    if (this.#walkMsLeft <= 0 || pods === 0) return 0;
    const used = Math.min(mostMs, this.#walkMsLeft);
    this.#walkMsLeft -= used;
    this.#cpuMs += used;
    if (this.#walkMsLeft <= 0 && this.#shape.group !== undefined) {
      const mails = this.#shape.group.members / chunk;
      this.#put('aq.pre-categorization', { sentAt: at, mails, bag: 6, kind: 'chunk', attempt: 1 }); // 64 KB hold about six
    }
    return used;
  }

  #costMs(stage: string, { kind }: Parcel): number {
    const mail = this.#costs.mailMs[stage] ?? 0;
    return kind === 'chunk' ? mail + (chunk - 1) * (this.#costs.recipientMs[stage] ?? 0) : mail;
  }

  #put(name: string, parcel: Parcel): void {
    this.#byName.get(name)?.put(parcel);
  }
}

/** Where mail goes from a station; `undefined` at the end of the line. */
function nextOf(name: string): ((parcel: Parcel) => string) | undefined {
  if (name === 'aq.pre-categorization') return ({ kind }) => (kind === 'outward' ? 'aq.post-categorization' : 'store.local-delivery');
  if (name === 'aq.post-categorization') return () => connectorStation(connectorName);
  const known: Station | undefined = Object.entries(stations).find(([station]) => station === name)?.[1];
  const [only] = known?.leadsTo ?? [];
  return only === undefined || name === 'store.local-delivery' ? undefined : () => only;
}
