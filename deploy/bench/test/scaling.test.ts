import { describe, expect, test } from '@jest/globals';
import { scalingTarget, stations } from '@mailrail/topology';
import { costsOf, measured } from '../src/scaling/costs.ts';
import { judge, swingsOf } from '../src/scaling/judge.ts';
import { bagAt } from '../src/scaling/model-line.ts';
import { csv, timeTable } from '../src/scaling/output.ts';
import { type Rule, rules } from '../src/scaling/rules.ts';
import { type Shape, shapes } from '../src/scaling/shapes.ts';
import { type Sample, simulate } from '../src/scaling/simulate.ts';
import { plot, scaleTop } from '../src/scaling/svg.ts';

const ruleNamed = (name: string): Rule => {
  const found = rules.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no rule ${name}`);
  return found;
};
const adopted = ruleNamed('adopted');
const shapeNamed = (name: string): Shape => {
  const found = shapes.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no load ${name}`);
  return found;
};
const runs = new Map<string, Sample[]>();
/** One run of each load under each rule, for all who look at it. */
const runOf = (load: string, rule = 'adopted'): Sample[] => {
  const key = `${load} ${rule}`;
  const samples = runs.get(key) ?? simulate(shapeNamed(load), ruleNamed(rule), measured);
  runs.set(key, samples);
  return samples;
};
const podsAt = (samples: readonly Sample[], at: number, station: string) => samples[at]?.stations[station]?.pods ?? 0;

describe('the rule neither oscillates nor starves anybody', () => {
  // Oldest: where pods can help it, about an age target. What no pod can help (a server that is slow, a stage that crashes) ends soon after.
  test.each([
    { name: 'spike', oldest: 30, calm: 30, swings: 0 },
    { name: 'steady', oldest: 5, calm: 0, swings: 0 },
    { name: 'starved', oldest: 45, calm: 1_000, swings: 1 }, // pods that take less than they are counted for: the age helps, later
    { name: 'dead-directory', oldest: 60, calm: 0, swings: 0 },
    { name: 'slow-remote', oldest: 600, calm: 60, swings: 0 },
    { name: 'huge-group', oldest: 60, calm: 180, swings: 0 },
    { name: 'dead-stage', oldest: 300, calm: 30, swings: 0 },
  ])('$name', ({ name, oldest, calm, swings }) => {
    const shape = shapeNamed(name);
    const samples = runOf(name);
    const verdict = judge(shape, samples);
    expect(verdict.oldestSeconds).toBeLessThanOrEqual(oldest);
    expect(verdict.calmSeconds ?? Number.POSITIVE_INFINITY).toBeLessThanOrEqual(calm);
    expect(verdict.swings).toBeLessThanOrEqual(swings);
    for (const station of Object.keys(samples[0]?.stations ?? {})) {
      const pods = samples.map((_, at) => podsAt(samples, at, station));
      const { minPods, maxPods } = scalingTarget(station);
      expect(Math.min(...pods)).toBeGreaterThanOrEqual(minPods);
      expect(Math.max(...pods)).toBeLessThanOrEqual(maxPods);
    }
  });

  test('every load has its row here', () => {
    expect(shapes.map(({ name }) => name)).toEqual([
      'spike',
      'steady',
      'starved',
      'dead-directory',
      'slow-remote',
      'huge-group',
      'dead-stage',
    ]);
  });

  // From what the sure rate takes upward, a pod may have any share of a core.
  test.each([0.15, 0.25, 1].flatMap((cores) => [20, 300, 700, 1_000].map((rate) => ({ cores, rate }))))(
    '$rate mails/s that come and stay, $cores cores a pod',
    ({ cores, rate }) => {
      const shape: Shape = {
        name: 'stay',
        says: '',
        seconds: 1_200,
        arrivals: (at) => (at < 60 ? 5 : rate),
        outward: 0.2,
        coresPerPod: cores,
        calmAfter: 60,
      };
      const { oldestSeconds, swings, calmSeconds } = judge(shape, simulate(shape, adopted, measured));
      expect({ swings, calmSeconds }).toEqual({ swings: 0, calmSeconds: 0 });
      expect(oldestSeconds).toBeLessThan(30);
    },
  );

  test('after the load the pods go, one after another, and none below the fewest', () => {
    const samples = runOf('spike');
    const pods = samples.map((_, at) => podsAt(samples, at, 'gateway.in'));
    expect(Math.max(...pods)).toBeGreaterThan(2);
    expect(pods.at(-1)).toBe(2);
    expect(Math.max(...pods.map((now, at) => (pods[at - 1] ?? now) - now))).toBe(1);
  });

  test('nobody is given back while bags wait', () => {
    const samples = runOf('slow-remote');
    const given = samples.filter(({ stations: all }, at) => {
      const now = all['connector.internet'];
      return now !== undefined && now.waiting > 5_000 && now.pods < podsAt(samples, at - 1, 'connector.internet');
    });
    expect(given).toEqual([]);
    expect(samples.some(({ stations: all }) => (all['connector.internet']?.waiting ?? 0) > 5_000)).toBe(true);
  });

  test('a stage that tells nothing gets its pods by the broker’s depth, before it is up again', () => {
    const shape = shapeNamed('dead-stage');
    const samples = runOf(shape.name);
    expect(podsAt(samples, shape.calmAfter - 1, 'mta')).toBeGreaterThan(5);
  });
});

describe('the simulation finds what is wrong with simpler rules', () => {
  const swings = (load: string, rule: string) => judge(shapeNamed(load), runOf(load, rule)).swings;
  test.each([
    ['starved', 'age-mails', 10],
    ['starved', 'depth', 10],
    ['starved', 'age', 5],
  ])('%s: pods come and go by %s', (load, rule, least) => {
    expect(swings(load, rule)).toBeGreaterThanOrEqual(least);
  });
});

describe('the model', () => {
  test.each(['spike', 'dead-directory', 'slow-remote', 'dead-stage'])('%s: no mail comes from nowhere or goes nowhere', (name) => {
    const samples = runOf(name);
    const arrived = samples.reduce((sum, { arriving }) => sum + arriving, 0);
    const ended = samples.reduce((sum, one) => sum + one.ended, 0);
    expect(ended + (samples.at(-1)?.waiting ?? 0)).toBeCloseTo(arrived, 0);
  });
  test('the members of a group are delivered by chunks of a hundred', () => {
    const { group: _group, ...without } = shapeNamed('huge-group');
    const ended = (shape: Shape) => simulate({ ...shape, seconds: 700 }, adopted, measured).reduce((sum, one) => sum + one.ended, 0);
    expect(ended(shapeNamed('huge-group')) - ended(without)).toBeCloseTo(5_000, 0);
  });
  test('the same twice', () => {
    const run = () => csv(simulate(shapeNamed('spike'), adopted, measured));
    expect(run()).toBe(run());
  });
  test.each([
    [10, 1],
    [100, 1],
    [400, 10],
    [10_000, 16],
  ])('at %i mails/s a bag holds %i', (rate, bag) => {
    expect(Math.round(bagAt(rate))).toBe(bag);
  });
  test.each([
    [[2, 2, 2], 0],
    [[2, 4, 8, 7, 6], 0],
    [[2, 4, 3, 5], 1],
    [[2, 4, 3, 2, 3, 4, 2, 3], 2],
  ])('%j swings %i times', (pods, swings) => {
    expect(swingsOf(pods)).toBe(swings);
  });
});

describe('targets against what was measured', () => {
  test.each(Object.entries(stations).filter(([name]) => name !== 'aq.reports'))(
    '%s: a pod takes its sure rate in 0.15 cores',
    (name, { takenBy }) => {
      const ms = measured.mailMs[takenBy] ?? Number.NaN;
      expect((ms * scalingTarget(name).mailsPerSecond) / 1_000).toBeLessThanOrEqual(0.15);
    },
  );
});

describe('costs of one’s own', () => {
  const line = (workload: string, by: Record<string, number>, system = 'mailrail') =>
    JSON.stringify({ workload, system, cpuSecondsPer1000: { by } });
  test('the higher of the workloads; what was not measured stays', () => {
    const costs = costsOf(
      [
        line('W1', { mta: 0.5, router: 0 }),
        line('W2', { mta: 0.7, router: 0.9 }),
        line('W1', { mta: 9 }, 'postfix'),
        line('W3', { categorizer: 0.2 }),
        '',
      ].join('\n'),
    );
    expect(costs.mailMs).toMatchObject({ mta: 0.7, router: 0.9, translator: measured.mailMs['translator'] });
    expect(costs.recipientMs).toMatchObject({ categorizer: 0.2, 'store-driver.deliver': measured.recipientMs['store-driver.deliver'] });
  });
  test('no figures: said', () => {
    expect(() => costsOf(line('W5', {}))).toThrow(/W1 or W2/);
  });
});

describe('output', () => {
  const samples = simulate({ ...shapeNamed('spike'), seconds: 300 }, adopted, measured);
  test('rows over time', () => {
    const lines = timeTable(samples, 60).split('\n');
    expect(lines).toHaveLength(2 + 5);
    expect(lines[0]).toContain('5.aq.pre-categorization');
    expect(lines[4]).toMatch(/\| +120 \| +1000 \|/);
  });
  test('CSV: as many fields in each row', () => {
    const rows = csv(samples).trimEnd().split('\r\n');
    expect(rows).toHaveLength(1 + 60);
    expect(new Set(rows.map((row) => row.split(',').length)).size).toBe(1);
    expect(rows.join()).not.toMatch(/NaN|undefined/);
  });
  test.each(shapes.map((shape) => [shape.name, shape] as const))('plot of %s: whole numbers, titles that fit', (_name, shape) => {
    const svg = plot(shape, runOf(shape.name));
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
    expect(svg.match(/<path /g)?.length).toBeGreaterThan(9);
    expect(`${shape.name}: ${shape.says}`.length).toBeLessThanOrEqual(105);
  });
  test.each([
    [1, 1],
    [1.2, 2],
    [33, 50],
    [600, 1_000],
    [5_000, 5_000],
  ])('an axis up to %d ends at %d', (most, top) => {
    expect(scaleTop(most)).toBe(top);
  });
});
