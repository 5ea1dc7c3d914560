import type { Organization } from '@mailrail/organization';
import { z } from 'zod';
import { serviceEnvironmentFaults } from '../../src/check/service-environment.ts';
import { podSpecsOf } from '../../src/kustomize/references.ts';
import type { Manifest } from '../../src/manifest.ts';

/** Parts that URLs are put together from. */
const parts = ['AMQP_USER', 'AMQP_PASSWORD', 'AMQP_HOST', 'AMQP_VHOST', 'REDIS_PASSWORD', 'REDIS_HOST'];

/** What a secret may hold: letters that a URL takes. */
const secretValue = 'Aa0-_secret-of-24-letters';

/** Puts together the environment each stage's container would have, and asks its service's own schema about it. */
export async function environmentFaults(manifests: readonly Manifest[], connectors: Organization['connectors']): Promise<string[]> {
  const faults: string[] = [];
  const passwords = connectors.flatMap((one) => (one.kind === 'smtp' && one.passwordEnv !== undefined ? [one.passwordEnv] : []));
  for (const manifest of manifests) {
    for (const container of podSpecsOf(manifest).flatMap(({ containers = [] }) => containers)) {
      const say = (what: string) => faults.push(`${manifest.metadata.name}: ${what}`);
      const env: Record<string, string> = {};
      for (const { configMapRef } of container.envFrom ?? []) {
        const map = manifests.find((one) => one.kind === 'ConfigMap' && one.metadata.name === configMapRef?.name);
        Object.assign(env, map?.['data']);
      }
      for (const { name, value, valueFrom } of container.env ?? []) {
        if (valueFrom !== undefined) env[name] = secretValue;
        else {
          env[name] = (value ?? '').replaceAll(/\$\(([A-Z_]+)\)/g, (whole, variable: string) => {
            if (env[variable] === undefined) say(`${name} refers to ${whole}, which is not defined before it`);
            return env[variable] ?? whole;
          });
        }
      }
      const command = z.array(z.string()).default([]).parse(container['command']);
      for (const fault of await serviceEnvironmentFaults(command, env, [...parts, ...passwords])) say(fault);
    }
  }
  return faults;
}
