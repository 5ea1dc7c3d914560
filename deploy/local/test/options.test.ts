import { describe, expect, test } from '@jest/globals';
import { parseStartOptions, UsageError } from '../src/options.ts';
import { processesOf, stagesOf } from '../src/stages.ts';

const parse = (argv: string[], env: NodeJS.ProcessEnv = {}) => parseStartOptions(argv, env, '/somewhere');

test('without options: the default organization, the tour, each stage its own process', () => {
  expect(parse([])).toEqual({
    data: '/somewhere/.mailrail',
    portBase: undefined,
    organization: undefined,
    directory: undefined,
    samples: 'tour',
    slow: false,
    scale: new Map(),
    processes: 'each',
  });
});

test('options win over variables, and both spellings of a value are the same', () => {
  const env = { MAILRAIL_DATA: '/from/variable', MAILRAIL_SAMPLES: 'none', MAILRAIL_SCALE: 'mta=2,router=3', MAILRAIL_SLOW: '1' };
  expect(parse(['--data=here', '--port-base', '31000', '--processes', 'one'], env)).toMatchObject({
    data: '/somewhere/here',
    portBase: 31_000,
    samples: 'none',
    slow: true,
    processes: 'one',
    scale: new Map([
      ['mta', 2],
      ['router', 3],
    ]),
  });
});

test('a directory may be a file or a server', () => {
  expect(parse(['--directory', 'corp.ldif'])).toMatchObject({ directory: '/somewhere/corp.ldif' });
  expect(parse(['--directory', 'ldap://dc.corp.example'])).toMatchObject({ directory: 'ldap://dc.corp.example' });
});

test.each([['--help'], ['-h'], ['--samples', 'none', '--help']])('%s asks for help', (...argv) => {
  expect(parse(argv)).toBe('help');
});

test.each([
  [['--prot-base', '1'], 'unknown option --prot-base'],
  [['--portbase', '1'], '(--port-base?)'],
  [['tour'], 'unknown option tour'],
  [['--data'], '--data needs a value: DIR'],
  [['--data', '--slow'], '--data needs a value'],
  [['--port-base', '80'], 'a number from 1024 to 65490'],
  [['--port-base', 'x'], 'a number from 1024'],
  [['--samples', 'all'], 'one of none, tour'],
  [['--processes', '2'], 'one of one, each'],
  [['--scale', 'mta'], 'STAGE=N'],
  [['--scale', 'mta=0'], 'N from 1 to 99'],
  [['--slow=yes'], '--slow takes no value'],
])('%j is refused', (argv, message) => {
  expect(() => parse(argv)).toThrow(UsageError);
  expect(() => parse(argv)).toThrow(message);
});

describe('stages', () => {
  const stages = stagesOf([
    { name: 'internet', kind: 'smtp' },
    { name: 'paris', kind: 'routing-group' },
    { name: 'gwapi', kind: 'foreign' },
  ]);
  const names = (scale: [string, number][]) => processesOf(stages, new Map(scale)).map(({ name }) => name);

  test('every connector and every gateway with a way back is one, and the gateway comes last', () => {
    expect(names([])).toEqual([
      'connectors/smtp.internet',
      'connectors/routing-group.paris',
      'connectors/foreign.gwapi',
      'router',
      'store-driver.deliver',
      'categorizer',
      'advanced-queuing.submit',
      'advanced-queuing.report',
      'store-driver.transfer',
      'mta',
      'store-driver.submit',
      'translator',
      'gateway',
    ]);
  });

  test('a stage, or a service with all its roles, can have more processes', () => {
    expect(names([['categorizer', 3]]).filter((name) => name.startsWith('categorizer'))).toEqual([
      'categorizer',
      'categorizer-2',
      'categorizer-3',
    ]);
    expect(names([['store-driver', 2]]).filter((name) => name.endsWith('-2'))).toEqual([
      'store-driver.deliver-2',
      'store-driver.transfer-2',
      'store-driver.submit-2',
    ]);
    expect(names([['store-driver.deliver', 2]]).filter((name) => name.endsWith('-2'))).toEqual(['store-driver.deliver-2']);
    expect(names([['connectors/smtp.internet', 2]]).filter((name) => name.endsWith('-2'))).toEqual(['connectors/smtp.internet-2']);
  });

  test.each([
    [['post', 2], 'there is no such stage'],
    [['gateway', 2], 'only one gateway'],
  ] as [[string, number], string][])('--scale %j is refused', (scale, message) => {
    expect(() => names([scale])).toThrow(message);
  });
});
