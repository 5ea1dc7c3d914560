import { ldapConfig } from '@mailrail/directory';
import { serviceConfig } from '@mailrail/pipeline';
import { z } from 'zod';

/** What the categorizer reads from its environment. */
export const Config = z.object({
  ...serviceConfig,
  DIRECTORY_URL: z
    .string()
    .min(1)
    .describe('the directory: ldap[s]://host[/baseDN], several with blanks between, or the path of an LDIF file'),
  ...ldapConfig,
  DIRECTORY_POLL_MS: z.coerce
    .number()
    .int()
    .min(10)
    .max(600_000)
    .default(5_000)
    .describe('how often it is looked at what changed, in the file or on the servers'),
  DIRECTORY_TIMEOUT_MS: z.coerce.number().int().min(10).max(60_000).default(2_000).describe('after this a lookup counts as unanswered'),
  DIRECTORY_CACHE: z
    .enum(['redis', 'process'])
    .default('redis')
    .describe('where entries are kept: shared in Redis, or in the process alone'),
});
export type Config = z.output<typeof Config>;
