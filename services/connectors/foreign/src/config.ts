import { ldapConfig } from '@mailrail/directory';
import { mayBeUnset, serviceConfig } from '@mailrail/pipeline';
import { z } from 'zod';

export const Config = z.object({
  ...serviceConfig,
  PREFETCH: serviceConfig.PREFETCH.unwrap().default(16).describe('bags held unacknowledged'),
  IN_DIR: z.string().min(1).describe('folder that has the gateways’ folders below it, `<IN_DIR>/<gateway>/OUT`'),
  GATEWAY_NAME: mayBeUnset(z.string()).describe('the gateway; the first argument goes before it'),
  DIRECTORY_URL: mayBeUnset(z.string()).describe(
    'the directory, asked for addresses of the foreign type, as for the categorizer; without it templates and encapsulation do',
  ),
  ...ldapConfig,
});
export type Config = z.output<typeof Config>;
