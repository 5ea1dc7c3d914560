import { serviceConfig } from '@mailrail/pipeline';
import { z } from 'zod';

/** What the categorizer reads from its environment. */
export const Config = z.object({
  ...serviceConfig,
  DIRECTORY_URL: z
    .string()
    .min(1)
    .refine((url) => !/^ldaps?:/i.test(url), 'a directory server cannot be asked by this version; export it to an LDIF file')
    .describe('the directory: path of an LDIF file'),
  DIRECTORY_POLL_MS: z.coerce.number().int().min(10).max(600_000).default(5_000).describe('how often the file is looked at'),
  DIRECTORY_TIMEOUT_MS: z.coerce.number().int().min(10).max(60_000).default(2_000).describe('after this a lookup counts as unanswered'),
  DIRECTORY_CACHE: z
    .enum(['redis', 'process'])
    .default('redis')
    .describe('where entries are kept: shared in Redis, or in the process alone'),
});
export type Config = z.output<typeof Config>;
