import { serviceConfig } from '@mailrail/pipeline';
import { z } from 'zod';

/** Roles `submit` and `transfer`. */
export const Config = z.object(serviceConfig);
export type Config = z.output<typeof Config>;

/** Role `deliver`. */
export const DeliverConfig = z.object({
  ...serviceConfig,
  MAILBOX_DIR: z.string().min(1).describe('folder of all mailboxes; on the content store’s file system a delivery is a hard link'),
});
export type DeliverConfig = z.output<typeof DeliverConfig>;
