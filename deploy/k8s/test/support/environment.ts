import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Organization } from '@mailrail/organization';
import { z } from 'zod';
import { podSpecsOf } from '../../src/kustomize/references.ts';
import type { Manifest } from '../../src/manifest.ts';
import { repository } from './overlays.ts';

/** Parts that URLs are put together from. */
const parts = ['AMQP_USER', 'AMQP_PASSWORD', 'AMQP_HOST', 'AMQP_VHOST', 'REDIS_PASSWORD', 'REDIS_HOST'];
/** Settings that are read by some stages only, and what organization files refer to. */
const shared = ['DIRECTORY_URL', 'MAILBOX_DIR', 'MAILRAIL_SMART_HOST'];

/** What a secret may hold: letters that a URL takes. */
const secretValue = 'Aa0-_secret-of-24-letters';

/**
 * Puts together the environment each stage's container would have, and asks the service's own schema about it.
 *
 * @returns one line for each variable that is missing, wrong or known to nobody.
 */
export async function environmentFaults(manifests: readonly Manifest[], connectors: Organization['connectors']): Promise<string[]> {
  const faults: string[] = [];
  for (const manifest of manifests) {
    for (const container of podSpecsOf(manifest).flatMap(({ containers = [] }) => containers)) {
      const command = z.array(z.string()).default([]).parse(container['command']);
      const service = /^services\/(.*)\/src\/main\.ts$/.exec(command[1] ?? '')?.[1];
      if (service === undefined) continue;
      const say = (what: string) => faults.push(`${manifest.metadata.name}: ${what}`);
      if (!existsSync(path.join(repository, command[1] ?? ''))) say(`there is no ${command[1]}`);
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
      const schemas = await schemasOf(service);
      const known = new Set([...schemas.flatMap(({ keys }) => keys), ...parts, ...shared, ...passwordsOf(connectors)]);
      for (const name of Object.keys(env)) if (!known.has(name)) say(`nobody knows the variable ${name}`);
      // A service with roles may have a schema for each; the deliver role's is the only one that asks for more.
      const schema = command[2] === 'deliver' ? schemas.at(-1) : schemas[0];
      const parsed = schema?.schema.safeParse(env);
      if (parsed?.success === false) say(z.prettifyError(parsed.error));
      if (parsed === undefined) say('its service has no schema');
    }
  }
  return faults;
}

const passwordsOf = (connectors: Organization['connectors']) =>
  connectors.flatMap((one) => (one.kind === 'smtp' && one.passwordEnv !== undefined ? [one.passwordEnv] : []));

interface Schema {
  keys: string[];
  schema: z.ZodType;
}

/** The schemas that a service's config.ts exports: `Config` first. */
async function schemasOf(service: string): Promise<Schema[]> {
  const file = path.join(repository, 'services', service, 'src', 'config.ts');
  const loaded: Record<string, unknown> = await import(pathToFileURL(file).href);
  return Object.keys(loaded)
    .toSorted()
    .flatMap((name) => {
      const schema = loaded[name];
      return schema instanceof z.ZodObject ? [{ keys: Object.keys(schema.shape), schema }] : [];
    });
}
