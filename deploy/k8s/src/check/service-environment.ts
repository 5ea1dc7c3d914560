import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';

const repository = path.join(import.meta.dirname, '..', '..', '..', '..');

/** Read by some stages only, or by organization files: what all containers have in common knows them. */
const shared = ['DIRECTORY_URL', 'MAILBOX_DIR', 'MAILBOX_URL', 'MAILRAIL_SMART_HOST', 'MAILRAIL_SINK'];
/** Read by the AWS SDK, wherever bodies are in a bucket. */
const ofAws = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_REGION'];

/**
 * Asks the schema of a service about the environment that a container of it would have.
 *
 * @param command `node services/<service>/src/main.ts [role]`.
 * @param alsoKnown variables that are no service's own: parts that URLs are put together from.
 * @returns one line for each variable that is missing, wrong or known to nobody; for a command that is no service of ours, none.
 */
export async function serviceEnvironmentFaults(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  alsoKnown: readonly string[] = [],
): Promise<string[]> {
  const [, main = '', role] = command;
  const service = /^services\/(.*)\/src\/main\.ts$/.exec(main)?.[1];
  if (service === undefined) return [];
  if (!existsSync(path.join(repository, main))) return [`there is no ${main}`];
  const schemas = await schemasOf(service);
  // A service with roles may have a schema for one of them that asks for more: it is named after the role.
  const own =
    schemas.find(({ name }) => role !== undefined && name.toLowerCase() === `${role}config`) ??
    schemas.find(({ name }) => name === 'Config');
  if (own === undefined) return [`${main}: its config.ts has no schema Config`];
  const faults: string[] = [];
  const known = new Set([...schemas.flatMap(({ schema }) => Object.keys(schema.shape)), ...shared, ...ofAws, ...alsoKnown]);
  for (const name of Object.keys(env)) if (!known.has(name)) faults.push(`nobody knows the variable ${name}`);
  const parsed = own.schema.safeParse(env);
  if (!parsed.success) faults.push(z.prettifyError(parsed.error));
  return faults;
}

async function schemasOf(service: string): Promise<{ name: string; schema: z.ZodObject }[]> {
  const file = path.join(repository, 'services', service, 'src', 'config.ts');
  const loaded: Record<string, unknown> = await import(pathToFileURL(file).href);
  return Object.entries(loaded).flatMap(([name, schema]) => (schema instanceof z.ZodObject ? [{ name, schema }] : []));
}
