import { type Look, nextPods, scalingPace, scalingTarget, type StationReading } from '@mailrail/topology';
import type { Costs } from './costs.ts';
import { ModelLine } from './model-line.ts';
import type { ModelStation } from './model-station.ts';
import type { Rule } from './rules.ts';
import { isDown, type Shape } from './shapes.ts';

/** From a pod's order to its first mail: scheduling, start, the broker's first delivery. The image is there already. */
const startSeconds = 10;
/** Figures are collected as often as they are looked at, and looked at in between. */
const collectEverySeconds = scalingPace.lookEverySeconds;
const lookAfterSeconds = 8;

/** One station at one second. */
export interface StationSample {
  pods: number;
  waiting: number; // mails
  oldestSeconds: number;
}
export interface Sample {
  at: number;
  arriving: number; // mails a second
  ended: number; // mails a second
  waiting: number; // mails on the line, in the ladder, too
  cpuCores: number; // the stages use
  stations: Readonly<Record<string, StationSample>>;
}

/** Runs a shape second by second; the same each time. */
export function simulate(shape: Shape, rule: Rule, costs: Costs): Sample[] {
  const line = new ModelLine(shape, costs, (station) => scalingTarget(station).minPods);
  const scalers = line.stations.map((station) => new Scaler(station, rule));
  const samples: Sample[] = [];
  let cpuBefore = 0;
  for (let at = 0; at < shape.seconds; at += 1) {
    const ended = line.step(at);
    for (const scaler of scalers) {
      if (at % collectEverySeconds === 0) scaler.collect(at, isDown(shape, scaler.station.stage, at));
      if (at % collectEverySeconds === lookAfterSeconds) scaler.look(at);
    }
    samples.push({
      at,
      arriving: shape.arrivals(at),
      ended,
      waiting: line.waiting,
      cpuCores: line.cpuSeconds - cpuBefore,
      stations: Object.fromEntries(
        line.stations.map((one) => [one.name, { pods: one.pods, waiting: one.waiting, oldestSeconds: one.oldestSeconds(at) }]),
      ),
    });
    cpuBefore = line.cpuSeconds;
  }
  return samples;
}

/** The autoscaler of one station: what was collected last, and the looks of the last minutes. */
class Scaler {
  readonly station: ModelStation;
  readonly #rule: Rule;
  #reading: Omit<StationReading, 'pods'> | undefined;
  #looks: Look[] = [];

  constructor(station: ModelStation, rule: Rule) {
    this.station = station;
    this.#rule = rule;
  }

  /** A dead stage says nothing; its queue does. */
  collect(at: number, dead: boolean): void {
    const { ready, inHand } = this.station.bags(at);
    this.#reading = {
      bagsReady: dead ? ready + inHand : ready,
      bagsInHand: dead ? 0 : inHand,
      meanBag: dead ? undefined : this.station.meanBag(),
      comingPerSecond: this.station.perSecond('came'),
      takenPerSecond: dead ? undefined : this.station.perSecond('mails'),
      oldestSeconds: dead ? undefined : this.station.oldestSeconds(at),
    };
  }

  look(at: number): void {
    if (this.#reading === undefined) return;
    const { pods } = this.station;
    const asked = this.#rule.desired({ ...this.#reading, pods }, scalingTarget(this.station.name));
    const now = { atSeconds: at, asked, pods };
    this.station.setPods(nextPods(this.#looks, now), at, startSeconds);
    this.#looks = [...this.#looks.filter((one) => one.atSeconds > at - scalingPace.in.afterSeconds), now];
  }
}
