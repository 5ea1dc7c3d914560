import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const file = path.join(import.meta.dirname, '..', '..', 'compose.yaml');
const text = z.string().min(1);
const seconds = z.string().regex(/^\d+s$/);

const healthcheck = z.union([
  z.strictObject({ disable: z.literal(true) }),
  z.strictObject({ test: z.array(text).min(2), interval: seconds, timeout: seconds, retries: z.int(), start_period: seconds }),
]);

/** One service of the compose file: the part of the format that is used here, and nothing else. */
const Service = z.strictObject({
  image: text,
  build: z.strictObject({ context: text, dockerfile: text }).optional(),
  profiles: z.array(text).optional(),
  hostname: text.optional(),
  user: text.optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  depends_on: z
    .record(z.string(), z.strictObject({ condition: z.enum(['service_started', 'service_healthy', 'service_completed_successfully']) }))
    .default({}),
  healthcheck,
  read_only: z.boolean().default(false),
  cap_drop: z.array(text).default([]),
  security_opt: z.array(text).default([]),
  pids_limit: z.int(),
  restart: text,
  logging: z.strictObject({ driver: text, options: z.record(z.string(), z.string()) }),
  stop_grace_period: seconds,
  mem_limit: z.string().regex(/^\d+[mg]$/),
  volumes: z.array(text).default([]),
  tmpfs: z.array(text).default([]),
  ports: z.array(text).default([]),
});
export type Service = z.output<typeof Service>;

const Compose = z.looseObject({
  name: text,
  services: z.record(z.string(), Service),
  volumes: z.record(z.string(), z.null()),
});
export type Compose = z.output<typeof Compose>;

/**
 * The compose file, with variables put in as compose does: `${NAME:-default}`, `${NAME:+in its place}` when it is set, and
 * `${NAME:?what to do}`, which must be set.
 *
 * @throws Error for a field that is not known here, and for a variable that must be set and is not.
 */
export function readCompose(env: Readonly<Record<string, string>>, source = readFileSync(file, 'utf8')): Compose {
  const put = source.replaceAll(
    /\$\{([A-Z_]+)(?:(:-|:\?|:\+)([^}]*))?\}/g,
    (_, name: string, how: string | undefined, rest: string | undefined) => {
      const value = env[name];
      if (how === ':+') return value === undefined || value === '' ? '' : (rest ?? '');
      if (value !== undefined && value !== '') return value;
      if (how === ':?') throw new Error(`${name} must be set: ${rest}`);
      return rest ?? '';
    },
  );
  // Merge keys are YAML 1.1; compose knows them. A file of ours may use its own anchors as often as it likes.
  const parsed = Compose.safeParse(parse(put, { merge: true, maxAliasCount: 10_000 }));
  if (!parsed.success) throw new Error(`compose.yaml:\n${z.prettifyError(parsed.error)}`);
  for (const key of Object.keys(parsed.data)) {
    if (!['name', 'services', 'volumes'].includes(key) && !key.startsWith('x-')) throw new Error(`compose.yaml: ${key} is not known here`);
  }
  return parsed.data;
}
