import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

// A check that finds nothing because it looks at nothing is worse than none: each is shown something wrong.
const checks = path.join(import.meta.dirname, '..', '..', '..', 'scripts', 'checks');
const load = <Module>(name: string): Promise<Module> => import(pathToFileURL(path.join(checks, name)).href);

describe('licences', () => {
  test.each([
    ['MIT', true],
    ['(MIT OR GPL-3.0)', true],
    ['Apache-2.0 AND BSD-3-Clause', true],
    ['GPL-3.0', false],
    ['MIT AND GPL-3.0', false],
    ['', false],
    ['SEE LICENSE IN LICENSE.txt', false],
  ])('%j allowed: %s', async (expression, allowed) => {
    const { isAllowed } = await load<{ isAllowed: (expression: string) => boolean }>('licences.mjs');
    expect(isAllowed(expression)).toBe(allowed);
  });
  test('everything that runs is looked at, and allowed', async () => {
    const { licenceFaults } = await load<{ licenceFaults: () => { faults: string[]; count: number } }>('licences.mjs');
    const { faults, count } = licenceFaults();
    expect(faults).toEqual([]);
    expect(count).toBeGreaterThan(50);
  });
});

describe('words', () => {
  let dir = '';
  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'mailrail-words-'));
  });
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });
  const faultsIn = async (name: string, text: string): Promise<string[]> => {
    const file = path.join(dir, name);
    await writeFile(file, text);
    const [{ wordFaults }, { root }] = await Promise.all([
      load<{ wordFaults: (files: string[]) => string[] }>('words.mjs'),
      load<{ root: string }>('workspace.mjs'),
    ]);
    return wordFaults([path.relative(root, file)]);
  };
  test.each([
    ['a.ts', `// ${'TO'}DO: later`],
    ['a.test.ts', `test.${'sk'}ip('x', () => {});`],
    ['a.ts', `// @ts-${'ig'}nore`],
    ['a.md', `see /${'wo'}rk/somewhere/else`],
    ['a.md', `as ${'iss'}ue 12 says`],
  ])('%s: %s', async (name, text) => {
    expect(await faultsIn(name, `fine\n${text}\n`)).toHaveLength(1);
  });
  test('what is fine passes', async () => {
    expect(await faultsIn('b.ts', "const network = 'http://a.example/network/'; // work to do, an issue of taste\n")).toEqual([]);
  });
});

test('generated files: a stale one is found', async () => {
  const { generatedFaults } = await load<{ generatedFaults: (wanted?: Map<string, string>) => Promise<string[]> }>('generated.mjs');
  const faults = await generatedFaults(new Map([['no-such-file.md', 'text']]));
  expect(faults).toContain('docs/generated/no-such-file.md is missing');
});

test('boundaries: none is crossed, and a crossing is found', async () => {
  const { boundaryFaults } = await load<{ boundaryFaults: (packages?: { folder: string; manifest: object }[]) => string[] }>(
    'boundaries.mjs',
  );
  expect(boundaryFaults()).toEqual([]);
  const manifest = (name: string, ...dependencies: string[]) => ({
    name,
    dependencies: Object.fromEntries(dependencies.map((one) => [one, 'workspace:*'])),
  });
  const crossed = boundaryFaults([
    { folder: 'services/a', manifest: manifest('@mailrail/a', '@mailrail/b', '@mailrail/mail') },
    { folder: 'services/b', manifest: manifest('@mailrail/b') },
    { folder: 'libs/mail', manifest: manifest('@mailrail/mail', '@mailrail/smtp') },
    { folder: 'libs/smtp', manifest: manifest('@mailrail/smtp', '@mailrail/a') },
  ]);
  expect(crossed).toEqual([
    'services/a names @mailrail/b: a service never knows another service',
    'libs/mail names @mailrail/smtp: it imports nothing of ours',
    'libs/smtp names @mailrail/a: a lib is below it',
    'libs/smtp names @mailrail/a: it imports nothing of ours',
  ]);
});
