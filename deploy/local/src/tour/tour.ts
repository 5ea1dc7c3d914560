import { setTimeout as pause } from 'node:timers/promises';
import { oneLine } from '@mailrail/mail';
import { reasonOf } from '../error-code.ts';
import type { Line } from '../line.ts';
import { type Arrival, watchArrivals } from './arrivals.ts';
import { type End, messageIdOf, type Sample, samples } from './samples.ts';
import type { Screen } from './screen.ts';
import { sendSample } from './send-sample.ts';
import { type StationDepth, stationDepths } from './station-depths.ts';
import { depthLine, type TourRow, tableLines } from './table.ts';
import { listenToTracking, type Tracking } from './tracking.ts';

/** What became of one sample. */
export interface Journey {
  sample: Sample;
  sentAt: number; // milliseconds since the epoch; 0 before it was sent
  rootId: string | undefined;
  arrived: (End & { at: number })[];
  refused: string | undefined; // why a gateway did not take it
}

export interface TourOptions {
  line: Line;
  sinkDir: string;
  screen: Screen;
  /** Pause before each mail and show its way step by step. */
  slow: boolean;
  /** Columns and lines for the picture; undefined where it is not shown and lines tell instead. */
  size: (() => { width: number; height: number }) | undefined;
  signal: AbortSignal;
  /** Heard by the caller, who goes on listening; without it the tour listens for itself. */
  tracking?: Tracking | undefined;
  withinMs?: number; // default 60,000 after the last mail was sent
}

/**
 * Sends the samples and watches until each has ended where it should, or the time is up.
 *
 * @returns one journey for each sample, also when it did not end as it should.
 */
export async function runTour(options: TourOptions): Promise<Journey[]> {
  const { line, sinkDir, screen, slow, size, signal, withinMs = 60_000 } = options;
  const run = Date.now().toString(36);
  const journeys: Journey[] = samples.map((sample) => ({ sample, sentAt: 0, rootId: undefined, arrived: [], refused: undefined }));
  const addresses = [
    ...new Set(samples.flatMap(({ ends }) => ends.filter(({ where }) => where === 'mailbox').map(({ address }) => address))),
  ];
  const [tracking, depths, arrivals] = await Promise.all([
    options.tracking ?? listenToTracking(line.endpoints().amqp),
    stationDepths(line.endpoints, line.organization),
    watchArrivals(line.endpoints(), addresses, sinkDir),
  ]);
  let lastDepths: StationDepth[] = [];
  let lastLine = '';
  let over = false;

  const draw = () => {
    if (size === undefined) return;
    const stations = lastDepths.map((depth) => ({ ...depth, handled: tracking.handled.get(depth.takenBy) ?? 0 }));
    const { width, height } = size();
    screen.show(tableLines({ stations, tour: journeys.map((journey) => rowOf(journey, tracking)) }, width, height));
  };
  const look = async () => {
    for (const arrival of await arrivals.look()) {
      const journey = journeys.find(({ sample }) => arrival.text.includes(messageIdOf(sample, run)));
      if (journey === undefined) continue;
      journey.arrived.push(endOf(arrival));
      if (arrival.what === 'mail') journey.rootId ??= arrival.rootId;
      if (size === undefined) screen.say(`${journey.sample.says}: ${endText(endOf(arrival), journey.sentAt)}`);
    }
  };
  const watching = (async () => {
    for (let turn = 0; !over; turn += 1) {
      await look();
      if (turn % 5 === 0) {
        lastDepths = await depths.look();
        const text = depthLine(lastDepths);
        if (size === undefined && text !== '' && text !== lastLine) screen.say(text);
        lastLine = text;
      }
      draw();
      await pause(100, undefined, { signal }).catch(() => {
        over = true;
      });
    }
  })();

  try {
    for (const journey of journeys) {
      if (signal.aborted) break;
      await sendOne(journey);
      if (slow) await watchOne(journey);
    }
    const end = performance.now() + withinMs;
    while (!signal.aborted && performance.now() < end && !journeys.every((one) => isOver(one))) await pause(50);
  } finally {
    over = true;
    await watching;
    if (!signal.aborted) await look();
    lastDepths = await depths.look().catch(() => lastDepths);
    draw();
    await Promise.all([options.tracking === undefined ? tracking.close() : undefined, depths.close()]);
  }
  return journeys;

  async function sendOne(journey: Journey): Promise<void> {
    journey.sentAt = Date.now();
    try {
      const id = await sendSample(journey.sample, run, line.endpoints());
      journey.rootId ??= id;
    } catch (error) {
      journey.refused = oneLine(reasonOf(error));
      if (size === undefined) screen.say(`${journey.sample.says}: not taken: ${journey.refused}`);
    }
  }

  /** Lets a person follow one mail: its stations, at a pace one can read. */
  async function watchOne(journey: Journey): Promise<void> {
    const end = performance.now() + 20_000;
    while (!signal.aborted && !isOver(journey) && performance.now() < end) await pause(50);
    await pause(300); // events are told in bundles, every 100 ms
    screen.say(`${journey.sample.says} (${journey.sample.way}):`);
    for (const { at, stage, event, station } of journey.rootId === undefined ? [] : tracking.of(journey.rootId)) {
      screen.say(
        `  ${String(Math.max(0, at - journey.sentAt)).padStart(6)} ms  ${stage} ${event}${station === undefined ? '' : ` -> ${station}`}`,
      );
      await pause(400, undefined, { signal }).catch(() => {});
    }
    for (const arrived of journey.arrived) screen.say(`  ${endText(arrived, journey.sentAt)}`);
    await pause(1_500, undefined, { signal }).catch(() => {});
  }
}

const endOf = ({ where, address, what, at }: Arrival) => ({ where, address, what, at });
const sameEnd = (a: End, b: End) => a.where === b.where && a.address === b.address && a.what === b.what;

/** Every end it should have is reached. */
export function isOver({ sample, arrived, refused }: Pick<Journey, 'sample' | 'arrived' | 'refused'>): boolean {
  return refused !== undefined || sample.ends.every((end) => arrived.some((one) => sameEnd(end, one)));
}

/** Ends that are missing, and places reached that should not have been, or twice; both empty when all is as it should be. */
export function differences({ sample, arrived, refused }: Pick<Journey, 'sample' | 'arrived' | 'refused'>): string[] {
  if (refused !== undefined) return [`not taken: ${refused}`];
  const left = [...arrived];
  const missing = sample.ends.filter((end) => {
    const at = left.findIndex((one) => sameEnd(end, one));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  const name = ({ where, address, what }: End) => `${what === 'report' ? 'a report for ' : ''}${address} (${where})`;
  return [...missing.map((end) => `missing: ${name(end)}`), ...left.map((end) => `not expected: ${name(end)}`)];
}

export function endText({ where, address, what, at }: End & { at: number }, sentAt: number): string {
  const place = where === 'mailbox' ? `mailbox of ${address}` : `the other server, for ${address}`;
  return `${what === 'report' ? 'report in the ' : 'in the '}${place.replace(/^the /, '')} after ${Math.max(0, at - sentAt)} ms`;
}

/** @param tracking tells where a mail is that has not ended yet. */
export function rowOf(journey: Journey, tracking?: Tracking): TourRow {
  const { sample, sentAt, rootId, arrived, refused } = journey;
  const row = { says: sample.says, way: sample.way, to: sample.to.join(' ') };
  if (refused !== undefined) return { ...row, state: 'failed', where: `not taken: ${refused}` };
  if (sentAt === 0) return { ...row, state: 'waits', where: '' };
  if (arrived.length === 0) {
    const last = rootId === undefined ? undefined : tracking?.of(rootId).at(-1);
    return { ...row, state: 'sent', where: last === undefined ? 'on its way' : `${last.event} by ${last.stage}` };
  }
  const last = Math.max(...arrived.map(({ at }) => at));
  const places = arrived.map(
    ({ where, address, what }) => `${what === 'report' ? 'report: ' : ''}${where === 'sink' ? 'sent to ' : ''}${address.split('@')[0]}`,
  );
  const of = isOver(journey) ? '' : ` of ${sample.ends.length}`;
  return { ...row, state: isOver(journey) ? 'ended' : 'sent', where: `${places.join(', ')}${of} (${Math.max(0, last - sentAt)} ms)` };
}
