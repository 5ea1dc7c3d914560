import { describe, expect, test } from '@jest/globals';
import type { Manifest } from '../src/manifest.ts';
import { overlay, overlays } from './support/overlays.ts';
import { schemaFaults, typeFaults } from './support/schemas.ts';

describe('every document of every overlay fits the schemas of its kind', () => {
  test.each(Object.keys(overlays))('%s', async (name) => {
    expect(await schemaFaults(overlay(name))).toEqual([]);
  });
  test('and their types, unknown fields included', async () => {
    expect(await typeFaults(Object.keys(overlays).flatMap((name) => overlay(name)))).toEqual([]);
  });
});

/** One mistake, made in a document of the production overlay. */
interface Mistake {
  name: string;
  kind: string;
  make: (spec: Record<string, never>, manifest: Manifest) => void;
  says: RegExp;
}
// The mistakes write where no type lets them: that is the point.
// oxlint-disable-next-line typescript/no-explicit-any
const at = (value: unknown): any => value;

const seenBySchemas: Mistake[] = [
  { name: 'a number of replicas in words', kind: 'Deployment', make: (spec) => (at(spec).replicas = 'two'), says: /replicas/ },
  { name: 'a missing selector', kind: 'Deployment', make: (spec) => delete at(spec).selector, says: /selector/ },
  { name: 'a trigger without a type', kind: 'ScaledObject', make: (spec) => delete at(spec).triggers[0].type, says: /type/ },
  { name: 'an alert without an expression', kind: 'PrometheusRule', make: (spec) => delete at(spec).groups[0].rules[0].expr, says: /expr/ },
  { name: 'an unknown field of a queue', kind: 'Queue', make: (spec) => (at(spec).durabel = true), says: /durabel/ },
  { name: 'a classic queue', kind: 'Queue', make: (spec) => (at(spec).type = 'classic'), says: /quorum/ },
  { name: 'a permission without read', kind: 'Permission', make: (spec) => delete at(spec).permissions.read, says: /read/ },
  {
    name: 'a certificate without names of its secret',
    kind: 'Certificate',
    make: (spec) => delete at(spec).secretName,
    says: /secretName/,
  },
  { name: 'two broker nodes', kind: 'RabbitmqCluster', make: (spec) => (at(spec).replicas = 2), says: /even number/ },
];
const seenByTypes: Mistake[] = [
  {
    name: 'an unknown field of a container',
    kind: 'Deployment',
    make: (spec) => (at(spec).template.spec.containers[0].imagePullPolice = 'Always'),
    says: /imagePullPolice/,
  },
  { name: 'an unknown field of a scaler', kind: 'ScaledObject', make: (spec) => (at(spec).minReplicas = 1), says: /minReplicas/ },
  {
    name: 'a label that is no text',
    kind: 'Service',
    make: (_, manifest) => (at(manifest.metadata).labels.tier = 3),
    says: /number.*string/,
  },
  {
    name: 'an unknown field of an alert',
    kind: 'PrometheusRule',
    make: (spec) => (at(spec).groups[0].rules[0].severity = 'high'),
    says: /severity/,
  },
  { name: 'an unknown field of a policy', kind: 'NetworkPolicy', make: (spec) => (at(spec).podSelektor = {}), says: /podSelektor/ },
];

describe('a mistake is seen', () => {
  test.each(seenBySchemas)('by the schemas: $name', async (mistake) => {
    const spoiled = spoil(mistake);
    expect((await schemaFaults([spoiled])).join('\n')).toMatch(mistake.says);
  });
  test('by the types: each of several, in its own document', async () => {
    const faults = await typeFaults(seenByTypes.map(spoil));
    const missed = seenByTypes.filter(({ kind, says }) => !faults.some((fault) => fault.startsWith(`${kind} `) && says.test(fault)));
    expect({ missed: missed.map(({ name }) => name), faults }).toEqual({ missed: [], faults });
  });
});

function spoil({ kind, make }: Mistake): Manifest {
  const manifest = overlay('production').find((one) => one.kind === kind);
  if (manifest === undefined) throw new Error(`no ${kind} in the overlay`);
  make(at(manifest).spec, manifest);
  return manifest;
}
