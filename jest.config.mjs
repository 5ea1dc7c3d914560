// Three layers, one run, one closing line. Node strips the types itself; nothing is transformed.
if (Number(process.versions.node.split('.')[0]) < 24)
  throw new Error(`this is Node ${process.version}; tests run on 24: npm test brings it along`);

const shared = {
  transform: {},
  extensionsToTreatAsEsm: ['.ts'],
  testEnvironment: 'node',
  rootDir: import.meta.dirname,
  // Only sources are watched and searched: data of a line that runs here are not.
  roots: ['libs', 'services', 'deploy'].map((folder) => `<rootDir>/${folder}`),
};
const withBrokers = { globalSetup: '<rootDir>/scripts/jest-brokers.mjs', globalTeardown: '<rootDir>/scripts/jest-brokers-stop.mjs' };
const packages = '{libs,services,services/connectors,deploy}/*';

export default {
  maxWorkers: 2,
  testTimeout: 60_000, // only here: a project's own is not looked at
  reporters: ['default', '<rootDir>/scripts/jest-summary.mjs'],
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: [`<rootDir>/${packages}/test/**/!(*.broker|*.long|*.neighbour|*.container).test.ts`],
      testPathIgnorePatterns: ['/node_modules/', '<rootDir>/deploy/e2e/'],
      testTimeout: 20_000,
    },
    {
      ...shared,
      ...withBrokers,
      displayName: 'broker',
      testMatch: [`<rootDir>/${packages}/test/**/*.broker.test.ts`],
      testTimeout: 60_000,
    },
    {
      ...shared,
      ...withBrokers,
      displayName: 'e2e',
      testMatch: ['<rootDir>/deploy/e2e/**/!(*.broker|*.long|*.neighbour|*.container).test.ts'],
      testTimeout: 120_000,
    },
    { ...shared, ...withBrokers, displayName: 'long', testMatch: [`<rootDir>/${packages}/**/*.long.test.ts`], testTimeout: 900_000 },
    {
      ...shared,
      ...withBrokers,
      displayName: 'neighbours',
      testMatch: [`<rootDir>/${packages}/**/*.neighbour.test.ts`],
      testTimeout: 300_000,
    },
    {
      ...shared,
      globalSetup: '<rootDir>/deploy/containers/src/jest-set-up.mjs',
      globalTeardown: '<rootDir>/deploy/containers/src/jest-tear-down.mjs',
      displayName: 'containers',
      testMatch: [`<rootDir>/${packages}/test/**/*.container.test.ts`],
      testTimeout: 600_000,
    },
  ],
};
