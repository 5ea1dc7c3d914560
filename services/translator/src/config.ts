import { ldapConfig } from '@mailrail/directory';
import { mayBeUnset, serviceConfig } from '@mailrail/pipeline';
import { z } from 'zod';

export const Config = z.object({
  ...serviceConfig,
  DIRECTORY_URL: mayBeUnset(z.string()).describe(
    'the directory, asked for owners of foreign addresses, as for the categorizer; without it templates and encapsulation do',
  ),
  ...ldapConfig,
});
export type Config = z.output<typeof Config>;
