// Three layers, one run, one closing line. Node strips the types itself; nothing is transformed.
const shared = { transform: {}, extensionsToTreatAsEsm: ['.ts'], testEnvironment: 'node', rootDir: import.meta.dirname };
const packages = '{libs,services,services/connectors,deploy}/*/test';

export default {
  projects: [
    { ...shared, displayName: 'unit', testMatch: [`<rootDir>/${packages}/**/!(*.broker|*.long|*.neighbour).test.ts`] },
    { ...shared, displayName: 'broker', testMatch: [`<rootDir>/${packages}/**/*.broker.test.ts`] },
    { ...shared, displayName: 'e2e', testMatch: ['<rootDir>/deploy/e2e/**/!(*.long|*.neighbour).test.ts'] },
    { ...shared, displayName: 'long', testMatch: ['<rootDir>/{libs,services,services/connectors,deploy}/*/**/*.long.test.ts'] },
    { ...shared, displayName: 'neighbours', testMatch: ['<rootDir>/{libs,services,services/connectors,deploy}/*/**/*.neighbour.test.ts'] },
  ],
};
