import type { ContentStore } from '@mailrail/content-store';
import { lmtpMailboxStore, type MailboxStore, maildirMailboxStore, parseLmtpLocation } from '@mailrail/mailbox-store';
import { ConfigError } from '@mailrail/pipeline';
import type { DeliverConfig } from './config.ts';

export interface Mailboxes {
  /** @param redelivered somebody had the mail before and may have delivered it without a note in the ledger. */
  readonly storeFor: (redelivered: boolean) => Pick<MailboxStore, 'deliver'>;
  readonly probe: () => Promise<void>;
  readonly close: () => void;
}

interface Deps {
  content: ContentStore;
  hostname: string;
  possibleDuplicates: (cause: string, copies: number) => void;
}

/**
 * The mailboxes of a configuration: behind an LMTP server where MAILBOX_URL names one, else Maildirs in MAILBOX_DIR.
 *
 * @throws ConfigError when there is neither.
 */
export function openMailboxes(config: Pick<DeliverConfig, 'MAILBOX_DIR' | 'MAILBOX_URL'>, deps: Deps): Mailboxes {
  const { content, hostname, possibleDuplicates } = deps;
  if (config.MAILBOX_URL === undefined) {
    if (config.MAILBOX_DIR === undefined) throw new ConfigError('configuration: MAILBOX_DIR or MAILBOX_URL must be set');
    const store = maildirMailboxStore({
      directory: config.MAILBOX_DIR,
      contentPath: (ref) => content.filePath(ref),
      contentRead: (ref) => content.read(ref),
      hostname,
    });
    return { storeFor: () => store, probe: () => store.probe(), close: () => {} };
  }
  const store = lmtpMailboxStore({
    location: parseLmtpLocation(config.MAILBOX_URL),
    content,
    hostname,
    inDoubt: (copies) => possibleDuplicates('mailbox reply lost', copies),
  });
  // Such a server cannot be asked what it has: a copy that a dead process had delivered and not noted comes twice (R4).
  const counting: Pick<MailboxStore, 'deliver'> = {
    async deliver(form, copies, options) {
      const outcomes = await store.deliver(form, copies, options);
      const again = outcomes.filter(({ kind }) => kind === 'delivered').length;
      if (again > 0) possibleDuplicates('mailbox redelivery', again);
      return outcomes;
    },
  };
  return { storeFor: (redelivered) => (redelivered ? counting : store), probe: () => store.probe(), close: () => store.close() };
}
