import { amqpUrls } from '@mailrail/broker';
import { parseContentPlace } from '@mailrail/content-store';
import { mailEncoder } from '@mailrail/contracts';
import { ConfigError } from '@mailrail/organization';
import { parseRedisUrl } from '@mailrail/redis';
import { z } from 'zod';

/** `mts-in=1,connector=2` -> versions by contract; each must be one that this release can write. */
const writeVersions = z.string().transform((text, context): ReadonlyMap<string, number> => {
  const versions = new Map<string, number>();
  try {
    for (const one of text.split(',').map((word) => word.trim())) {
      if (one === '') continue;
      const [, name, version] = /^([a-z][a-z0-9.-]*)=(\d{1,4})$/.exec(one) ?? [];
      if (name === undefined) throw new RangeError(`${one}: CONTRACT=VERSION, for example mts-in=1`);
      versions.set(name, Number(version));
    }
    mailEncoder(versions);
  } catch (error) {
    context.addIssue(error instanceof Error ? error.message : String(error));
  }
  return versions;
});

/** A text that `read` can read; what it throws is said of the variable. */
export function readable(read: (text: string) => unknown) {
  return z.string().superRefine((text, context) => {
    try {
      read(text);
    } catch (error) {
      context.addIssue(error instanceof Error ? error.message : String(error));
    }
  });
}

/** A variable that may be left out, or set to nothing, as manifests do. */
export function mayBeUnset(variable: z.ZodType<string, string>) {
  return z.preprocess((value) => (value === '' ? undefined : value), variable.optional());
}

/** What every service reads from its environment; a service's own `config.ts` spreads this into its schema. */
export const serviceConfig = {
  AMQP_URL: readable(amqpUrls).describe('broker to consume from and publish to; several hosts are tried in turn'),
  REDIS_URL: readable(parseRedisUrl).describe('delivery ledger and caches; also redis+sentinel:// and redis+cluster://'),
  ORGANIZATION_FILE: z.string().min(1).describe('organization.yaml'),
  CONTENT_DIR: mayBeUnset(z.string()).describe('folder of the content store'),
  CONTENT_URL: mayBeUnset(readable(parseContentPlace)).describe(
    'content store elsewhere, `s3://bucket/prefix?endpoint=...`: goes before CONTENT_DIR',
  ),
  ADMIN_HOST: z.string().default('127.0.0.1').describe('address of the admin port (health, metrics)'),
  ADMIN_PORT: z.coerce.number().int().min(0).max(65_535).default(0).describe('admin port; 0 takes a free one'),
  PREFETCH: z.coerce.number().int().min(1).max(1_000).default(64).describe('bags held unacknowledged'),
  WRITE_VERSIONS: writeVersions
    .default(new Map())
    .describe('contract versions to write instead of this release’s own, `mts-in=1,connector=1`: to go back a release'),
  LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info').describe('least level that is logged'),
};
const ServiceConfig = z.object(serviceConfig);
export type ServiceConfig = z.output<typeof ServiceConfig>;

export { ConfigError };

/**
 * Reads configuration once, at the edge.
 *
 * @throws ConfigError naming every wrong variable at once, so that one restart is enough to fix them all.
 */
export function loadConfig<Schema extends z.ZodType>(schema: Schema, env: NodeJS.ProcessEnv): z.output<Schema> {
  const parsed = schema.safeParse(env);
  if (!parsed.success) throw new ConfigError(`configuration:\n${z.prettifyError(parsed.error)}`);
  return parsed.data;
}
