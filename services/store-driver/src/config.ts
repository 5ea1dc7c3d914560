import { parseLmtpLocation } from '@mailrail/mailbox-store';
import { mayBeUnset, readable, serviceConfig } from '@mailrail/pipeline';
import { z } from 'zod';

/** Roles `submit` and `transfer`. */
export const Config = z.object(serviceConfig);
export type Config = z.output<typeof Config>;

/** Role `deliver`. */
export const DeliverConfig = z
  .object({
    ...serviceConfig,
    MAILBOX_DIR: mayBeUnset(z.string()).describe('folder of all mailboxes; on the content store’s file system a delivery is a hard link'),
    MAILBOX_URL: mayBeUnset(readable(parseLmtpLocation)).describe(
      'LMTP server that has the mailboxes, `lmtp://host:24`: goes before MAILBOX_DIR',
    ),
  })
  .refine(({ MAILBOX_DIR, MAILBOX_URL }) => MAILBOX_DIR !== undefined || MAILBOX_URL !== undefined, {
    path: ['MAILBOX_DIR'],
    error: 'must name the folder of the mailboxes, or MAILBOX_URL a server that has them',
  });
export type DeliverConfig = z.output<typeof DeliverConfig>;
