import { LocalDelivery, QueuedMail, SubmittedMail } from '@mailrail/contracts';
import { maildirMailboxStore } from '@mailrail/mailbox-store';
import { ConfigError, loadConfig, openStage, type Running, runAsProcess, runService } from '@mailrail/pipeline';
import { Config, DeliverConfig } from './config.ts';
import { deliver, stageName } from './deliver.ts';
import { watchStore } from './store-watch.ts';
import { submit } from './submit.ts';
import { transfer } from './transfer.ts';

/**
 * Starts the store driver in one of its roles.
 *
 * @param role `submit`, `transfer` or `deliver`.
 * @throws ConfigError naming every wrong variable, or the role.
 */
export async function start(env: NodeJS.ProcessEnv, role: string | undefined): Promise<Running> {
  if (role === 'submit') return startSubmit(loadConfig(Config, env));
  if (role === 'transfer') return startTransfer(loadConfig(Config, env));
  if (role === 'deliver') return startDeliver(loadConfig(DeliverConfig, env));
  throw new ConfigError(`configuration: the role must be submit, transfer or deliver, not ${role ?? 'nothing'}`);
}

async function startSubmit(config: Config): Promise<Running> {
  const stage = 'store-driver.submit';
  const base = await openStage(stage, config);
  return runService({
    ...base,
    config,
    stage,
    station: 'mts-in',
    consumes: SubmittedMail,
    handle: (mail, { now }) => submit(mail, { content: base.content, now }),
  });
}

async function startTransfer(config: Config): Promise<Running> {
  const stage = 'store-driver.transfer';
  const base = await openStage(stage, config);
  return runService({
    ...base,
    config,
    stage,
    station: 'mta.smtp',
    consumes: QueuedMail,
    handle: (mail, { now }) => transfer(mail, { content: base.content, now }),
  });
}

async function startDeliver(config: DeliverConfig): Promise<Running> {
  const base = await openStage(stageName, config);
  const { content, ledger, metrics, organization } = base;
  const mailboxes = maildirMailboxStore({
    directory: config.MAILBOX_DIR,
    contentPath: (ref) => content.filePath(ref),
    contentRead: (ref) => content.read(ref),
    // The line's name, not this machine's: a repeat on another pod must make the same file name.
    hostname: organization.current().hostname.slice(0, 180),
  });
  const watch = watchStore('mailboxes', () => mailboxes.probe());
  return runService({
    ...base,
    config,
    stage: stageName,
    station: 'store.local-delivery',
    consumes: LocalDelivery,
    handle: (mail, { redelivered }) =>
      deliver(mail, {
        mailboxes,
        ledger,
        redelivered,
        possibleDuplicates: (copies) => metrics.possibleDuplicates.inc({ cause: 'ledger silent' }, copies),
      }),
    ready: watch.trouble,
    close: async () => watch.stop(),
  });
}

await runAsProcess(import.meta, start);
