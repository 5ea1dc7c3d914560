import { describe, expect, test } from '@jest/globals';
import { environmentFaults } from './support/environment.ts';
import { overlay, overlays, settingsOf } from './support/overlays.ts';

const lines = Object.entries(overlays).flatMap(([name, some]) => some.map((line) => ({ name, ...line })));

describe('every container has the environment that its service asks for, and no variable that nobody knows', () => {
  test.each(lines)('$name: $organization', async ({ name, organization, namespace }) => {
    const own = overlay(name).filter(({ metadata }) => metadata.namespace === namespace);
    expect(await environmentFaults(own, settingsOf(organization).connectors)).toEqual([]);
  });

  // oxlint-disable-next-line typescript/no-explicit-any
  const mistakes: { name: string; make: (env: any[]) => unknown; says: RegExp }[] = [
    {
      name: 'a variable that is missing',
      make: (env) =>
        env.splice(
          env.findIndex(({ name }) => name === 'AMQP_URL'),
          1,
        ),
      says: /AMQP_URL/,
    },
    { name: 'a value that is wrong', make: (env) => env.push({ name: 'PREFETCH', value: 'many' }), says: /PREFETCH/ },
    { name: 'a name that nobody knows', make: (env) => env.push({ name: 'SMPT_PORT', value: '25' }), says: /SMPT_PORT/ },
    { name: 'a variable that is not defined before', make: (env) => env.reverse(), says: /\$\(AMQP_USER\)/ },
  ];
  test.each(mistakes)('$name is seen', async ({ make, says }) => {
    const manifests = overlay('small');
    const gateway = manifests.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'gateway');
    // oxlint-disable-next-line typescript/no-explicit-any
    make((gateway as any).spec.template.spec.containers[0].env);
    expect((await environmentFaults(manifests, settingsOf('corp').connectors)).join('\n')).toMatch(says);
  });
});
