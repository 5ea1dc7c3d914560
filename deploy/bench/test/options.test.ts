import { describe, expect, test } from '@jest/globals';
import { parseOptions, UsageError } from '../src/options.ts';
import { workloads } from '../src/workloads.ts';

const parsed = (...argv: string[]) => {
  const options = parseOptions(argv, '/here');
  if (options === 'help') throw new Error('help');
  return options;
};

test('without options: everything, three times, on a line of its own', () => {
  const { workloads: those, repetitions, versus, target, processes, json, count } = parsed();
  expect(those).toEqual(workloads);
  expect({ repetitions, versus, target, processes, json, count }).toEqual({
    repetitions: 3,
    versus: undefined,
    target: undefined,
    processes: 'each',
    json: undefined,
    count: undefined,
  });
});

test('all of them', () => {
  const words =
    '--workloads w3,W1 --n 100 --reps=2 --vs postfix --target line/endpoints.json --users u.txt --group All@corp.example --members m.txt';
  const options = parsed(...words.split(' '), '--json', '/tmp/out.jsonl', '--processes', 'one', '--clean');
  expect({ ...options, workloads: options.workloads.map(({ name }) => name) }).toEqual({
    workloads: ['W1', 'W3'],
    count: 100,
    repetitions: 2,
    versus: 'postfix',
    only: undefined,
    target: '/here/line/endpoints.json',
    users: '/here/u.txt',
    group: 'all@corp.example',
    members: '/here/m.txt',
    processes: 'one',
    json: '/tmp/out.jsonl',
    data: '/var/tmp',
    profile: undefined,
    clean: true,
  });
});

test.each([
  ['W4', ['W4-1', 'W4-20', 'W4-200']],
  ['W1', ['W1']],
  ['W1-reuse,W1', ['W1', 'W1-reuse']],
])('--workloads %s', (list, names) => {
  expect(parsed('--workloads', list).workloads.map(({ name }) => name)).toEqual(names);
});

test.each(['--help', '-h'])('%s', (word) => {
  expect(parseOptions(['--reps', '2', word], '/')).toBe('help');
});

describe('what cannot be understood says why', () => {
  test.each([
    [['--workload', 'W1'], 'unknown option --workload'],
    [['W1'], 'unknown option W1'],
    [['--workloads', 'W9'], 'no workload W9'],
    [['--reps'], '--reps needs a value'],
    [['--reps', '--json'], '--reps needs a value'],
    [['--reps', '0'], '--reps 0: a whole number from 1'],
    [['--n', '1.5'], '--n 1.5: a whole number'],
    [['--vs', 'exim'], '--vs exim: postfix'],
    [['--processes', 'two'], '--processes two: one or each'],
    [['--users', 'f'], '--users goes with --target'],
    [['--target', 'f', '--group', 'a@b'], '--group and --members go together'],
    [['--target', 'f', '--profile', 'd'], '--profile needs a line of its own'],
    [['--only', 'postfix', '--vs', 'postfix'], '--only postfix goes without'],
  ])('%j', (argv, says) => {
    expect(() => parseOptions(argv, '/')).toThrow(UsageError);
    expect(() => parseOptions(argv, '/')).toThrow(says);
  });
});
