import { describe, expect, test } from '@jest/globals';
import { desiredPods, scaling, scalingTarget, type StationReading } from '@mailrail/topology';
import { queuesOf } from '../src/queries.ts';
import { stationTriggers } from '../src/scalers.ts';
import { wayOutWorkloads, lineWorkloads } from '../src/workloads.ts';
import { evaluate, type Figures } from './support/promql.ts';

const workloads = [...lineWorkloads, ...wayOutWorkloads([{ name: 'internet', kind: 'smtp' }])].flatMap(({ stage, station }) =>
  station === undefined ? [] : [{ stage, station }],
);

/** What Prometheus and the broker answer for a reading. */
function figuresOf(reading: StationReading, stage: string, station: string): Figures {
  const { bagsReady, bagsInHand, meanBag, oldestSeconds, comingPerSecond, takenPerSecond } = reading;
  const ofStage = `{stage="${stage}"}`;
  const ofQueues = `{queue=~"${queuesOf(station)
    .map((queue) => queue.replaceAll('.', '\\\\.'))
    .join('|')}"}`;
  const known: Record<string, number | undefined> = {
    [`mailrail_oldest_taken_age_seconds${ofStage}`]: oldestSeconds,
    [`mailrail_mails_handled_total${ofStage}`]: takenPerSecond,
    [`mailrail_mails_published_total{station="${station}"}`]: comingPerSecond,
    [`mailrail_taken_bag_mails_sum${ofStage}`]: meanBag === undefined ? 0 : meanBag * 7,
    [`mailrail_taken_bag_mails_count${ofStage}`]: meanBag === undefined ? 0 : 7, // none of late: 0 / 0
    [`rabbitmq_detailed_queue_messages_ready${ofQueues}`]: bagsReady,
    [`rabbitmq_detailed_queue_messages${ofQueues}`]: bagsReady === undefined ? undefined : bagsReady + (bagsInHand ?? 0),
  };
  return (metric, selector) => {
    if (!(`${metric}${selector}` in known)) throw new Error(`${metric}${selector} is asked for`);
    return known[`${metric}${selector}`];
  };
}

/**
 * Pods that a HorizontalPodAutoscaler comes to: per metric a ratio to the pods there are, unchanged within its tolerance, the
 * largest of them; where one has no answer, no fewer than there are.
 */
function podsByTriggers(reading: StationReading, stage: string, station: string, triggers = stationTriggers({ stage }, station)): number {
  const figures = figuresOf(reading, stage, station);
  const { minPods, maxPods } = scalingTarget(station);
  const { pods } = reading;
  let silent = false;
  const asked = triggers.map(({ metadata, ...one }) => {
    const isQuery = 'query' in metadata;
    const value = isQuery ? evaluate(metadata.query, figures) : (reading.bagsReady ?? 0) + (reading.bagsInHand ?? 0);
    const target = Number(isQuery ? metadata.threshold : metadata.value);
    if (value === undefined) {
      silent = true;
      return 0;
    }
    expect(Number.isFinite(value)).toBe(true);
    const wanted = 'metricType' in one && one.metricType === 'Value' ? (pods * value) / target : value / target;
    return Math.abs(wanted / pods - 1) <= scaling.tolerance ? pods : Math.ceil(wanted);
  });
  return Math.min(maxPods, Math.max(minPods, ...asked, silent ? pods : 0));
}

const ages = [undefined, 0, 45, 130, 500];
const bags = [0, 16, 17, 4_000, 30_000];
const readings: StationReading[] = ages.flatMap((oldestSeconds) =>
  bags.flatMap((bagsReady) =>
    [undefined, 4, 9.5].flatMap((meanBag) =>
      [
        { comingPerSecond: undefined, takenPerSecond: undefined },
        { comingPerSecond: 700, takenPerSecond: undefined }, // its own stage is dead
        { comingPerSecond: 150, takenPerSecond: 900 }, // the ladder brings much back
        { comingPerSecond: 2_000, takenPerSecond: 600 },
      ].map((rates) => ({ pods: 3, bagsReady, bagsInHand: 12, meanBag, oldestSeconds, ...rates })),
    ),
  ),
);

describe('the triggers come to as many pods as the rule', () => {
  test.each(workloads)('$station', ({ stage, station }) => {
    const differing = readings.filter(
      (reading) => podsByTriggers(reading, stage, station) !== desiredPods(reading, scalingTarget(station)),
    );
    expect(differing).toEqual([]);
    // The table holds readings of every kind: else it would say nothing.
    const pods = new Set(readings.map((reading) => desiredPods(reading, scalingTarget(station))));
    expect(pods.size).toBeGreaterThan(2);
  });

  test('where bags are smaller than usual, the queue’s length asks for pods as if they were usual, and for none less', () => {
    const small = {
      ...readings[0],
      pods: 3,
      bagsReady: 7_000,
      bagsInHand: 0,
      meanBag: 1,
      oldestSeconds: 0,
      comingPerSecond: 0,
      takenPerSecond: 0,
    };
    const usual = { ...small, meanBag: scaling.usualBag };
    expect(desiredPods(small, scalingTarget('mta'))).toBe(3);
    expect(podsByTriggers(small, 'mta', 'mta')).toBe(desiredPods(usual, scalingTarget('mta')));
    for (const reading of readings.map((one) => ({ ...one, meanBag: 2 })))
      expect(podsByTriggers(reading, 'mta', 'mta')).toBeGreaterThanOrEqual(desiredPods(reading, scalingTarget('mta')));
  });

  test('a broker that tells Prometheus nothing leaves the pods there are', () => {
    const silent = {
      pods: 7,
      bagsReady: undefined,
      bagsInHand: undefined,
      meanBag: 5,
      comingPerSecond: 10,
      takenPerSecond: 10,
      oldestSeconds: 300,
    };
    expect(podsByTriggers(silent, 'mta', 'mta')).toBe(7);
    expect(desiredPods(silent, scalingTarget('mta'))).toBe(7);
  });

  test('a trigger that says something else is seen', () => {
    const other = structuredClone(stationTriggers({ stage: 'mta' }, 'mta'));
    const rate = other.find(({ name }) => name === 'rate');
    if (rate === undefined || !('threshold' in rate.metadata)) throw new Error('no trigger rate');
    rate.metadata.threshold = '400';
    const differing = readings.filter(
      (reading) => podsByTriggers(reading, 'mta', 'mta', other) !== desiredPods(reading, scalingTarget('mta')),
    );
    expect(differing.length).toBeGreaterThan(0);
  });
});
