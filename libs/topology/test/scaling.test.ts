import { describe, expect, test } from '@jest/globals';
import {
  desiredPods,
  type Look,
  nextPods,
  podsAsked,
  scalingPace,
  scalingTarget,
  type ScalingTarget,
  type StationReading,
  stations,
} from '../src/index.ts';

const target: ScalingTarget = { mailsPerSecond: 100, ageSeconds: 30, minPods: 2, maxPods: 10 };
/** Two pods, all known, nothing to do. */
const idle: StationReading = { pods: 2, bagsReady: 0, bagsInHand: 0, meanBag: 1, comingPerSecond: 0, takenPerSecond: 0, oldestSeconds: 0 };
const dead = { meanBag: undefined, takenPerSecond: undefined, oldestSeconds: undefined };

describe('pods a station is to have', () => {
  test.each<[string, Partial<StationReading>, number]>([
    ['idle: the fewest', {}, 2],
    ['never none, whatever there is', { pods: 0 }, 2],
    // by mails: 100/s and pod, to be done within 30 s: 3,000 mails a pod
    ['mails = bags times mails in a bag: 1,000 bags of 12', { bagsReady: 1_000, meanBag: 12 }, 4],
    ['ready and in hand count together', { bagsReady: 500, bagsInHand: 500, meanBag: 12 }, 4],
    ['the same bags, one mail in each: two pods do', { bagsReady: 1_000, meanBag: 1 }, 2],
    ['a bag holds at most 16, whatever a rate divided by a rate says', { bagsReady: 1_000, meanBag: 400 }, 6],
    ['and at least one', { bagsReady: 9_000, meanBag: 0.2 }, 3],
    ['a tenth more than there are pods for changes nothing', { bagsReady: 6_500 }, 2],
    ['more than a tenth does', { bagsReady: 6_700 }, 3],
    ['a million mails: the most', { bagsReady: 1_000_000 }, 10],
    // by age
    ['the oldest waits twice the target: twice the pods', { pods: 3, bagsReady: 100, oldestSeconds: 60 }, 6],
    ['an hour old: still only twice the pods at one look', { pods: 3, bagsReady: 100, oldestSeconds: 3_600 }, 6],
    ['a little late is not late', { pods: 3, bagsReady: 100, oldestSeconds: 32 }, 3],
    ['one mail takes long and nobody waits: more pods would not help it', { pods: 2, oldestSeconds: 600, bagsInHand: 1 }, 2],
    ['what a retry brings back is no backlog', { pods: 2, bagsReady: 16, oldestSeconds: 600 }, 2],
    // by rate: a pod is kept at 80 of its 100/s
    ['a steady load without a backlog keeps its pods', { pods: 5, comingPerSecond: 400, takenPerSecond: 400 }, 5],
    ['and gets a pod before it has a backlog', { pods: 5, comingPerSecond: 450, takenPerSecond: 450 }, 6],
    ['a load that has gone gives them back', { pods: 5, comingPerSecond: 100, takenPerSecond: 100 }, 2],
    ['ten times the load: pods for what comes, before the backlog asks', { comingPerSecond: 640, takenPerSecond: 200 }, 8],
    ['retries come from the ladder, from nobody’s publication', { comingPerSecond: 50, takenPerSecond: 640 }, 8],
    // in only after the drain
    ['few mails left but bags wait: nobody goes yet', { pods: 8, bagsReady: 17 }, 8],
    ['drained: those who are not needed may go', { pods: 8, bagsReady: 16 }, 2],
    ['those at the border neither', { pods: 10, bagsReady: 500, oldestSeconds: 90 }, 10],
    // nobody says anything
    ['a dead stage says nothing; the broker’s depth counts, by the usual bag', { ...dead, bagsReady: 5_000 }, 7],
    ['a dead stage, and mail goes on coming', { ...dead, comingPerSecond: 240, bagsReady: 100 }, 3],
    ['a dead stage without mail: the fewest', { ...dead }, 2],
    ['the broker says nothing: pods stay', { pods: 7, bagsReady: undefined, bagsInHand: undefined }, 7],
    ['nothing is known at all: pods stay', { ...dead, pods: 7, bagsReady: undefined, bagsInHand: undefined }, 7],
    [
      'the broker says nothing, the stage works: what it works on counts',
      { pods: 4, bagsReady: undefined, bagsInHand: undefined, takenPerSecond: 400 },
      5,
    ],
    [
      'the broker says nothing, the oldest is old: nobody knows that more would help',
      { pods: 4, bagsReady: undefined, oldestSeconds: 300 },
      4,
    ],
    ['the largest term decides', { pods: 3, bagsReady: 1_000, meanBag: 12, comingPerSecond: 700, oldestSeconds: 40 }, 9],
  ])('%s', (_name, change, pods) => {
    expect(desiredPods({ ...idle, ...change }, target)).toBe(pods);
  });

  test('terms are told apart', () => {
    expect(podsAsked({ ...idle, pods: 3, bagsReady: 1_000, meanBag: 12, comingPerSecond: 700, oldestSeconds: 60 }, target)).toEqual({
      byMails: 4,
      byRate: 9,
      byAge: 6,
    });
  });

  test('bounds that were turned round still leave a pod', () => {
    expect(desiredPods(idle, { ...target, minPods: 0, maxPods: 0 })).toBe(1);
  });
});

describe('targets', () => {
  test.each([...Object.keys(stations), 'connector.internet'])('%s: never to zero, bounds that fit each other', (station) => {
    const { mailsPerSecond, ageSeconds, minPods, maxPods } = scalingTarget(station);
    expect(minPods).toBeGreaterThanOrEqual(1);
    expect(maxPods).toBeGreaterThanOrEqual(minPods);
    expect(mailsPerSecond).toBeGreaterThan(0);
    expect(ageSeconds).toBeGreaterThan(scalingPace.lookEverySeconds); // else the age is over the target before anybody looks
  });
  test('a connector is patient', () => {
    expect(scalingTarget('connector.internet').ageSeconds).toBeGreaterThan(scalingTarget('mta').ageSeconds);
    expect(scalingTarget('connector.internet').maxPods).toBeLessThan(scalingTarget('mta').maxPods);
  });
});

describe('pace', () => {
  const look = (atSeconds: number, pods: number, asked = pods): Look => ({ atSeconds, pods, asked });
  test.each<[string, Look[], Look, number]>([
    ['out at once: as many again', [], look(0, 3, 9), 6],
    ['out of few: by two', [], look(0, 1, 9), 3],
    ['no more than asked', [], look(0, 4, 5), 5],
    ['not a second step within 30 s', [look(0, 2, 9)], look(15, 4, 9), 4],
    ['the next step after 30 s', [look(0, 2, 9), look(15, 4, 9)], look(30, 4, 9), 8],
    ['in: not while a look of the last five minutes asked for them', [look(0, 6)], look(285, 6, 2), 6],
    ['in: one, when none did', [look(0, 6), look(15, 6, 2)], look(315, 6, 2), 5],
    ['in: down to what the last minutes asked at most', [look(100, 6, 5)], look(315, 6, 2), 5],
    ['in: not a second one within a minute', [look(15, 6, 2), look(315, 6, 2)], look(330, 5, 2), 5],
    ['in: the next one after a minute', [look(15, 6, 2), look(300, 6, 2), look(315, 5, 2)], look(375, 5, 2), 4],
    ['asked for as many as there are: nothing', [], look(0, 4), 4],
  ])('%s', (_name, looks, now, pods) => {
    expect(nextPods(looks, now)).toBe(pods);
  });

  test('a pod has drained before the next is told to', () => {
    expect(scalingPace.in.everySeconds).toBeGreaterThan(30); // grace period
  });
});
